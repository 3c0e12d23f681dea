/** Live interfaces without packets, and a simulated clock that advances whenever one of them is waited for. */
import type { Span } from '../../src/capture/losses.ts';
import type { Live, LiveInput } from '../../src/capture/source.ts';

export interface Clock {
  ns: bigint;
  /** Number of waits. */
  waits: number;
}

export class Silent implements LiveInput {
  readonly compression = undefined;
  readonly reopenable = false;
  readonly size = 0;
  readonly damage = undefined;
  readonly linkType = 1;
  readonly snaplen = 128;
  readonly dropped = 0;
  readonly interfaceDropped = 0;
  readonly incomplete = false;
  readonly losses: readonly Span<bigint>[] = [];
  readonly consumed = 0;
  readonly startedNs: bigint;
  settledNs: bigint;
  private readonly clock: Clock;

  constructor(clock: Clock) {
    this.clock = clock;
    this.startedNs = clock.ns;
    this.settledNs = clock.ns;
  }

  get live(): Live {
    return this;
  }

  takeNotes(): [] {
    return [];
  }

  ready(milliseconds: number): boolean {
    this.clock.waits++;
    this.clock.ns += BigInt(milliseconds) * 1_000_000n;
    return !this.settle();
  }

  settle(): boolean {
    this.settledNs = this.clock.ns;
    return true;
  }

  read(): number {
    return 0;
  }

  unread(): boolean {
    return true;
  }

  close(): void {}
}
