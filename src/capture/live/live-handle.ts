/**
 * One opened interface and the slots that it fills once capturing has begun. Slots are delivered in the order in which
 * they were filled; whoever has read a slot releases it. If the interface disappears, the handle ends, and
 * live-source.ts opens a new one.
 */
import { type Handle, type HandleState, native } from '../native.ts';

/** Bytes of a slot, larger than any record: a slot holds whole records only. */
const SLOT_SIZE = 512 << 10;
/**
 * Number of slots; when all are full, packets wait in the kernel's ring. The slot released last is filled next, so only
 * as many slots as needed are ever touched. Many may be needed: at 600,000 packets a second of 200,000 host pairs,
 * judging the run takes half a second.
 */
const SLOTS = 48;

export interface HandleOptions {
  /** `eth0`, or `any`. */
  device: string;
  /** BPF filter; empty for everything. */
  filter: string;
  /** Bytes captured of each frame at most. */
  snaplen: number;
  /** Size of the kernel's ring in bytes. */
  bufferSize: number;
  promiscuous: boolean;
  immediate: boolean;
}

export interface Filled {
  bytes: Uint8Array;
  /** Number of records in `bytes`. */
  packets: number;
  release(): void;
}

export interface HandleEvents {
  filled(filled: Filled): void;
  /** The last event. `problem` is empty when the capture was stopped on request. */
  ended(problem: string): void;
}

export class LiveHandle {
  /** libpcap's DLT_ number. */
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
        events.filled({ bytes: slots[slot].subarray(0, bytes), packets, release });
      },
    );
    this.handle = opened.handle;
    this.linkType = opened.linkType;
  }

  /** Starts capturing; if that fails, reports the end. */
  begin(): void {
    try {
      this.addon.begin(this.handle);
    } catch (error) {
      this.end((error as Error).message);
    }
  }

  /** Reports the end only once: a handle that could not begin would report it again when it is closed. */
  private end(why: string): void {
    if (this.isOver) return;
    this.isOver = true;
    this.events.ended(why);
  }

  get state(): HandleState {
    return this.addon.state(this.handle);
  }

  /** Everything captured before this time, nanoseconds since the epoch, has been passed to `filled`; 0n: not known. */
  get settledNs(): bigint {
    const { settled, delivered } = this.state;
    return delivered === this.delivered ? settled : 0n;
  }

  /** Ends the capture after delivering what has been captured so far. */
  stop(): void {
    this.addon.stop(this.handle);
  }

  close(): void {
    this.addon.close(this.handle);
  }
}
