/**
 * One opened interface and the slots that it fills once it has begun. Slots come here in the order in which they were
 * filled; whoever has read one gives it back. An interface that disappears ends its handle; live-source.ts opens the next one.
 */
import { type Handle, type HandleState, native } from './native.ts';

/** Whole records only, so that no record is cut between two slots. Larger than any record. */
const SLOT_SIZE = 512 << 10;
/**
 * Beyond these the kernel's ring holds what comes. The one given back last is filled next, so memory is touched only as
 * far as it is needed: at 600,000 packets a second to 200,000 pairs of hosts, judging them takes half a second.
 */
const SLOTS = 48;

export interface HandleOptions {
  /** `eth0`, or `any`. */
  device: string;
  /** Empty for everything. */
  filter: string;
  /** Bytes of each frame. */
  snaplen: number;
  /** Bytes of the kernel's ring. */
  bufferSize: number;
  promiscuous: boolean;
  immediate: boolean;
}

export interface Filled {
  bytes: Uint8Array;
  /** Records in it. */
  packets: number;
  release(): void;
}

export interface HandleEvents {
  filled(filled: Filled): void;
  /** `problem` is empty when it was told to end. Nothing comes after it. */
  ended(problem: string): void;
}

export class LiveHandle {
  /** As libpcap calls it: a DLT_ number. */
  readonly linkType: number;
  private readonly handle: Handle;
  private readonly addon = native('live capture');
  private readonly events: HandleEvents;
  private delivered = 0;
  private isOver = false;

  /** Throws an Error with a `code` (native.ts) when the interface cannot be opened. */
  constructor(options: HandleOptions, events: HandleEvents) {
    this.events = events;
    const { device, filter, snaplen, bufferSize, promiscuous, immediate } = options;
    const slots = Array.from({ length: SLOTS }, () => new Uint8Array(new SharedArrayBuffer(SLOT_SIZE)));
    const opened = this.addon.open(
      device,
      filter,
      snaplen,
      bufferSize,
      promiscuous,
      immediate,
      slots,
      (slot, bytes, packets) => {
        if (typeof bytes === 'string') return this.end(bytes);
        this.delivered++;
        const release = (): void => this.addon.release(this.handle, slot);
        events.filled({ bytes: slots[slot]!.subarray(0, bytes), packets, release });
      },
    );
    this.handle = opened.handle;
    this.linkType = opened.linkType;
  }

  /** From now on it captures, or ends. */
  begin(): void {
    try {
      this.addon.begin(this.handle);
    } catch (error) {
      this.end((error as Error).message);
    }
  }

  /** Told once: one that could not begin hears of its end again when it is closed. */
  private end(why: string): void {
    if (this.isOver) return;
    this.isOver = true;
    this.events.ended(why);
  }

  get state(): HandleState {
    return this.addon.state(this.handle);
  }

  /** Nanoseconds since the epoch: all slots with what came before have been given to `filled`. 0n: not known. */
  get settledNs(): bigint {
    const { settled, delivered } = this.state;
    return delivered === this.delivered ? settled : 0n;
  }

  /** What has been captured so far is delivered, then it ends. */
  stop(): void {
    this.addon.stop(this.handle);
  }

  close(): void {
    this.addon.close(this.handle);
  }
}
