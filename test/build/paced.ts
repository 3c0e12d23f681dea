/**
 * A capture delivered as by a live interface, with a simulated clock: each record comes a moment after its packet, and
 * time advances without packets, a second behind the clock. Shows how late findings are reported without waiting.
 */
import type { Span } from '../../src/capture/losses.ts';
import type { Live, LiveInput } from '../../src/capture/source.ts';
import { records } from './records.ts';

/** Longest time that kernel and addon hold a packet back, in ms. */
const UNDER_WAY_MS = 100;
/** Delay of a live source between the clock and its settled time in ms (capture/live/live-source.ts). */
const MARGIN_MS = 1_000;
/** After this long without a packet, in ms, the clock takes larger steps. */
const LONG_MS = 20_000;
const LONG_STEP_MS = 2_000;
const NANOS_MAGIC = 0xa1b23c4d;

interface Record {
  bytes: Uint8Array;
  /** Milliseconds since the epoch at which it can be read. */
  comes: number;
}

export class Paced implements LiveInput {
  readonly compression = undefined;
  readonly reopenable = false;
  readonly size = 0;
  readonly damage = undefined;
  readonly snaplen = 65_535;
  readonly dropped = 0;
  readonly interfaceDropped = 0;
  incomplete = false;
  losses: readonly Span<bigint>[] = [];
  readonly linkType: number;
  readonly startedNs: bigint;
  settledNs: bigint;
  consumed = 0;
  /** The simulated clock, in milliseconds since the epoch. */
  now: number;
  private readonly comes: readonly Record[];
  private next = 0;
  private cameAt: number;
  private readonly until: number;
  /** Bytes read of the current record. */
  private at = 0;

  /** `pcap` is a little-endian pcap file. The capture ends `watched` seconds after its last packet. */
  constructor(pcap: Uint8Array, watched: number) {
    const view = new DataView(pcap.buffer, pcap.byteOffset, pcap.byteLength);
    this.linkType = view.getUint32(20, true);
    const isNanos = view.getUint32(0, true) === NANOS_MAGIC;
    const found = records(pcap).records.map(bytes => inNanos(bytes, isNanos));
    this.comes = found.map(bytes => ({ bytes, comes: timeOf(bytes) + UNDER_WAY_MS }));
    const first = this.comes[0]?.comes ?? 0;
    this.now = Math.floor(first - UNDER_WAY_MS);
    this.cameAt = this.now;
    this.startedNs = BigInt(this.now) * 1_000_000n;
    this.settledNs = this.startedNs;
    this.until = Math.max(first, ...this.comes.map(({ comes }) => comes)) + watched * 1e3;
  }

  get live(): Live {
    return this;
  }

  takeNotes(): [] {
    return [];
  }

  ready(milliseconds: number): boolean {
    const comes = this.comes[this.next]?.comes ?? this.until;
    // When the clock of the capture steps back, so does this one.
    if (comes < this.now - UNDER_WAY_MS) this.now = comes;
    const step = this.now - this.cameAt > LONG_MS ? LONG_STEP_MS : milliseconds;
    this.now = Math.max(this.now, Math.min(comes, this.now + step));
    if (comes <= this.now) {
      this.cameAt = this.now;
      return true;
    }
    this.settledNs = BigInt(Math.floor(this.now - MARGIN_MS)) * 1_000_000n;
    return false;
  }

  settle(): boolean {
    return !this.ready(0);
  }

  read(target: Uint8Array, at: number, limit: number): number {
    const record = this.comes[this.next];
    if (record === undefined) return 0;
    const part = record.bytes.subarray(this.at, this.at + limit);
    target.set(part, at);
    this.at += part.length;
    if (this.at === record.bytes.length) {
      this.next++;
      this.at = 0;
    }
    this.consumed += part.length;
    return part.length;
  }

  unread(): boolean {
    return false;
  }

  close(): void {}
}

const timeOf = (bytes: Uint8Array): number => {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return view.getUint32(0, true) * 1e3 + view.getUint32(4, true) / 1e6;
};

function inNanos(bytes: Uint8Array, isNanos: boolean): Uint8Array {
  const copy = bytes.slice();
  const view = new DataView(copy.buffer);
  if (!isNanos) view.setUint32(4, view.getUint32(4, true) * 1e3, true);
  return copy;
}
