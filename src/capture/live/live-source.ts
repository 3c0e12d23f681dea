/**
 * A live interface as the bytes of a pcap that never ends. It reports up to which instant everything has been read, so
 * that time advances without packets; and when the interface disappears, it waits for it to come back.
 */
import { rfc3339 } from '../../base/time.ts';
import type { CaptureNote } from '../capture-info.ts';
import { Losses, type Span } from '../losses.ts';
import { fileLinkType } from '../native.ts';
import type { RecordStream } from '../record-merge.ts';
import type { Live, Source } from '../source.ts';
import { DownTimes } from './down-times.ts';
import { type Filled, type HandleOptions, LiveHandle } from './live-handle.ts';

/** While the interface is gone, settled time is this far behind the clock, as on an idle one (native/capture.c). */
const MARGIN_NS = 1_000_000_000n;
const RETRY_FIRST_MS = 500;
const RETRY_LONGEST_MS = 10_000;

/** What all live sources of a run share. */
export interface Session {
  /** Whether lost interfaces are opened again. */
  readonly retry: boolean;
  readonly stopping: boolean;
  /** Wakes readers that wait for activity. */
  wake(): void;
  /** Ends the capture on all interfaces. */
  stop(): void;
  /** Resolves at the next `wake`, or after `milliseconds`. */
  activity(milliseconds: number): Promise<void>;
  /** Records the packets and returns them, perhaps shortened to the count; undefined: no more packets are wanted. */
  admit(source: LiveSource, filled: Filled): Filled | undefined;
  /** Passes on one sentence for the user. */
  notice(source: LiveSource, text: string): void;
}

const nowNs = (): bigint => BigInt(Date.now()) * 1_000_000n;

export class LiveSource implements Source, Live {
  readonly compression = undefined;
  readonly reopenable = false;
  readonly damage = undefined;
  readonly size = 0;
  startedNs = nowNs();
  readonly linkType: number;
  readonly snaplen: number;
  readonly name: string;
  settledNs = this.startedNs;
  consumed = 0;
  /** Records read so far. */
  packets = 0;
  /** Receives the records read, when records of several sources are recorded in time order. */
  recorded: RecordStream | undefined;
  /** The interface was lost at least once. */
  private lostOnce = false;
  /** It is lost and will not be opened again. */
  private gone = false;
  private readonly session: Session;
  private readonly options: HandleOptions;
  private handle: LiveHandle | undefined;
  private readonly queue: Filled[] = [];
  private current: Filled | undefined;
  private at = 0;
  private over = false;
  private readonly notes: CaptureNote[] = [];
  private readonly downTimes = new DownTimes();
  /** Counters summed over the previous handles. */
  private before = { dropped: 0, interfaceDropped: 0 };
  private lostSince = 0n;
  private readonly lossSpans = new Losses(this.startedNs);
  private retryTimer: NodeJS.Timeout | undefined;

  /** Throws what LiveHandle throws. */
  constructor(options: HandleOptions, session: Session) {
    this.options = options;
    this.session = session;
    this.name = options.device;
    this.snaplen = options.snaplen;
    this.handle = this.open();
    this.linkType = fileLinkType(this.handle.linkType);
  }

  get live(): Live {
    return this;
  }

  get isLost(): boolean {
    return this.gone || (this.handle === undefined && !this.over);
  }

  /** Packets lost, summed over all handles of the interface. */
  get counters(): { dropped: number; interfaceDropped: number } {
    const { dropped, interfaceDropped } = this.handle?.state ?? { dropped: 0, interfaceDropped: 0 };
    const { before } = this;
    return {
      dropped: before.dropped + dropped,
      interfaceDropped: before.interfaceDropped + interfaceDropped,
    };
  }

  get dropped(): number {
    return this.counters.dropped;
  }

  get interfaceDropped(): number {
    return this.counters.interfaceDropped;
  }

  get incomplete(): boolean {
    const { dropped, interfaceDropped } = this.counters;
    return this.lostOnce || dropped > 0 || interfaceDropped > 0;
  }

  get losses(): readonly Span<bigint>[] {
    const { state } = this.handle ?? {};
    if (state !== undefined) {
      const { before } = this;
      const total = before.dropped + before.interfaceDropped + state.dropped + state.interfaceDropped;
      this.lossSpans.counted(total, state.counted);
    }
    return this.lossSpans.spans;
  }

  /** Bytes waiting to be read. */
  get backlog(): number {
    return this.queue.reduce((sum, { bytes }) => sum + bytes.length, 0);
  }

  takeNotes(): CaptureNote[] {
    return this.notes.splice(0);
  }

  read(target: Uint8Array, at: number, limit: number): number {
    if (this.current !== undefined && this.at === this.current.bytes.length) {
      this.current.release();
      this.current = undefined;
    }
    if (this.current === undefined) {
      this.current = this.queue.shift();
      this.at = 0;
      if (this.current === undefined) this.recorded?.end();
      else this.recorded?.take(this.current.bytes, this.current.packets);
    }
    if (this.current === undefined) return 0;
    const { bytes } = this.current;
    const count = Math.min(limit, bytes.length - this.at);
    target.set(bytes.subarray(this.at, this.at + count), at);
    this.at += count;
    this.consumed += count;
    return count;
  }

  /** Only the current slot is rewound: slots begin with a whole record, so the rest of a slab is in one slot. */
  unread(count: number): boolean {
    this.at -= count;
    this.consumed -= count;
    return true;
  }

  async ready(milliseconds: number): Promise<boolean> {
    if (!this.hasBytes && milliseconds > 0) await this.session.activity(milliseconds);
    return !this.settle();
  }

  settle(): boolean {
    if (this.hasBytes || this.over) return false;
    this.settledNs = this.handle === undefined ? nowNs() - MARGIN_NS : this.handle.settledNs;
    this.recorded?.reach(this.settledNs);
    return true;
  }

  /** Starts capturing. */
  begin(): void {
    this.startedNs = nowNs();
    this.settledNs = this.startedNs;
    this.handle?.begin();
  }

  /** Notes that the interface has gone down or come up again. */
  isDown(down: boolean): void {
    if (!down) this.downTimes.end(Date.now());
    else if (this.downTimes.begin(Date.now())) this.note(this.downTimes.note!);
  }

  /** Ends the capture; what has been captured so far can still be read. */
  stop(): void {
    clearTimeout(this.retryTimer);
    this.downTimes.end(Date.now());
    if (this.handle !== undefined) this.handle.stop();
    else if (!this.over) this.giveUp(`it was gone since ${rfc3339(this.lostSince)}`);
  }

  close(): void {
    clearTimeout(this.retryTimer);
    this.over = true;
    this.handle?.close();
  }

  /** Records what will not be read any more. */
  recordRest(): void {
    for (const { bytes, packets } of this.queue) this.recorded?.take(bytes, packets);
    this.recorded?.end();
  }

  /** Adds a note, which the capture takes over with the next slab. */
  note(note: CaptureNote): void {
    this.notes.push(note);
    this.session.wake();
  }

  private get hasBytes(): boolean {
    return this.queue.length > 0 || (this.current !== undefined && this.at < this.current.bytes.length);
  }

  private open(): LiveHandle {
    return new LiveHandle(this.options, {
      filled: filled => {
        const wanted = this.over ? undefined : this.session.admit(this, filled);
        if (wanted === undefined) filled.release();
        else {
          this.packets += wanted.packets;
          this.queue.push(wanted);
        }
        this.session.wake();
      },
      ended: problem => this.ended(problem),
    });
  }

  private ended(problem: string): void {
    this.before = this.counters;
    void this.losses;
    this.handle?.close();
    this.handle = undefined;
    if (problem === '' || this.session.stopping || this.over) {
      this.end();
      return;
    }
    this.lostOnce = true;
    this.lostSince = nowNs();
    // libpcap's messages are whole sentences.
    const why = problem[0].toLowerCase() + problem.slice(1);
    if (!this.session.retry) {
      this.session.notice(this, `the interface was lost: ${why}; the run ends`);
      this.giveUp(why);
      this.session.stop();
      return;
    }
    this.session.notice(this, `the interface was lost: ${why}; trying to open it again`);
    this.retryIn(RETRY_FIRST_MS);
    this.session.wake();
  }

  private end(): void {
    this.over = true;
    this.session.wake();
  }

  private retryIn(milliseconds: number): void {
    this.retryTimer = setTimeout(() => this.reopen(Math.min(milliseconds * 2, RETRY_LONGEST_MS)), milliseconds);
  }

  private reopen(next: number): void {
    let handle: LiveHandle;
    try {
      handle = this.open();
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code === 'permission') this.giveUpReopening(`it came back but cannot be opened: ${message}`);
      else this.retryIn(next);
      return;
    }
    if (fileLinkType(handle.linkType) !== this.linkType) {
      this.giveUpReopening('it came back with another link type');
      handle.close();
      return;
    }
    this.handle = handle;
    const now = nowNs();
    handle.begin();
    const gap = `about ${(Number(now - this.lostSince) / 1e9).toFixed(0)} s`;
    // The times of its loss and return are approximate: the interface is only polled.
    const text = `nothing was captured for ${gap} until ${rfc3339(now).slice(0, 19)}Z: the interface was gone`;
    this.lossSpans.add({ from: this.lostSince - MARGIN_NS, to: now });
    this.lostSince = 0n;
    this.session.notice(this, `capturing again after ${gap}`);
    this.note({ kind: 'source-lost', text });
  }

  /** Gives this interface up; the run goes on with the others, if there are any. */
  private giveUpReopening(why: string): void {
    this.session.notice(this, `given up: ${why}`);
    this.giveUp(why);
  }

  private giveUp(why: string): void {
    this.gone = true;
    this.note({ kind: 'source-lost', text: `the interface was lost: ${why}` });
    this.end();
  }
}
