/**
 * One capture while it is read: its source, the position in it, its clock, and what the run reports about it. Fills
 * slabs with whole records; an incomplete record at the end of a slab waits for the next slab.
 */
import { epochNanos, type Nanos } from '../base/time.ts';
import type { CaptureInfo, Input } from './capture-info.ts';
import { ClockSteps } from './clock-steps.ts';
import { clockAtEnd } from './end-clock.ts';
import type { PacketFilter } from './filter.ts';
import { FILE_HEADER } from './format/pcap-layout.ts';
import { type Head, liveHead, noteUnsupported, readHead, walkerFor } from './head.ts';
import { LiveNotes } from './live/live-notes.ts';
import { type Missing, missingFrom, NOTHING_MISSING } from './losses.ts';
import { Opening } from './opening.ts';
import { Pushback } from './pushback.ts';
import { Progress, type Rows } from './row-filler.ts';
import type { Slab } from './slab.ts';
import { type Live, openSource, type Source } from './source.ts';
import { Frames, type Walker } from './walker.ts';

/** Bytes read at a time: few enough to be still in the processor's cache when they are walked. */
const CHUNK = 128 << 10;
/** Bytes read first for a slab: few, because a capture whose clock steps at every frame needs a slab for each frame. */
const FIRST_CHUNK = 16 << 10;
/** After this long without input, as from a pipe that is rarely written to, the slab is handed over as it is. */
const IDLE_MILLISECONDS = 20;
/** After this long without packets, a live input advances the clock. */
const LIVE_IDLE_MILLISECONDS = 200;

export class Capture {
  readonly index: number;
  readonly info: CaptureInfo;
  /** Size in bytes before inflating, 0 when it is not known. */
  readonly size: number;
  readonly compressed: boolean;
  readonly opening: Opening;
  ended = false;
  /** Packets known to be missing from what has been read of a live input. */
  missing: Missing = NOTHING_MISSING;
  /** The next slab begins a new epoch. */
  stepPending = false;
  progress = new Progress(0);
  private readonly input: Input;
  private readonly filter: PacketFilter | undefined;
  private readonly head: Head;
  /** The input can be opened and read again. */
  private readonly reopenable: boolean;
  private source: Source | undefined;
  private walker!: Walker;
  private readonly frames = new Frames();
  /** The slab ends here: its rows are full, the clock steps, or the rest is damaged. */
  private stopped = false;
  private damaged = false;
  /** The slab ended because the input had no more bytes for the moment. */
  private paused = false;
  private origin = 0;
  private consumedBefore = 0;
  private readonly pending: Pushback;
  /** Bytes of the source still to be passed over. */
  private pass: number;
  private steps: ClockSteps | undefined;
  private readonly liveNotes: LiveNotes;

  private constructor(index: number, input: Input, source: Source, head: Head, filter: PacketFilter | undefined) {
    this.index = index;
    this.input = input;
    this.compressed = source.compression !== undefined;
    this.opening = new Opening(input, source, head, filter !== undefined);
    this.filter = filter;
    // There may be hundreds of captures: keep only the bytes that a walker is made from.
    this.head = { ...head, bytes: head.bytes.slice(0, FILE_HEADER) };
    this.size = source.size;
    this.pass = head.bodyAt;
    this.info = {
      source: input.name,
      format: source.compression === undefined ? head.format : `${source.compression}+${head.format}`,
      linkTypes: [...head.linkTypes],
      firstNs: null,
      lastNs: null,
      frames: 0,
      bytes: head.bodyAt,
      notes: [],
    };
    this.liveNotes = new LiveNotes(this.info.notes);
    // Hundreds of rotated files must not be open all at once.
    this.reopenable = source.reopenable;
    if (source.reopenable) {
      source.close();
      this.pending = new Pushback();
    } else {
      this.source = source;
      this.pending = new Pushback(source.live === undefined ? head.bytes : undefined);
    }
  }

  /** Looks at the first bytes; throws a CaptureError when they are not those of a usable capture. */
  static async open(input: Input, index: number, filter?: PacketFilter): Promise<Capture> {
    const source = await openSource(input);
    try {
      const { live } = source;
      const head = live === undefined ? await readHead(input.name, source) : liveHead(input.name, live);
      for (const linkType of head.linkTypes) filter?.compile(linkType);
      return new Capture(index, input, source, head, filter);
    } catch (error) {
      source.close();
      throw error;
    }
  }

  /** Time of the first frame that has one, in nanoseconds since the epoch. */
  get first(): bigint | undefined {
    return this.head.first;
  }

  /** Bytes taken from the input, before inflating. */
  get consumed(): number {
    return this.source?.consumed ?? this.consumedBefore;
  }

  get clock(): Nanos {
    return this.progress.clock;
  }

  /** Sets the clock to the first time. `origin` in seconds since the epoch. A live input is capturing by now. */
  start(origin: number): void {
    this.origin = origin;
    const first = this.source?.live?.startedNs ?? this.head.first;
    this.progress = new Progress(first === undefined ? 0 : Number(first - epochNanos(origin, 0)));
  }

  /** Advances the clock of a live input that has nothing to read while other captures are read. */
  idle(): void {
    const live = this.source?.live;
    if (live?.settle() === true) this.reach(live, epochNanos(this.origin, 0));
  }

  /** Takes over the clock of a capture that has ended, as if the frames of both were in one file. */
  continueFrom(previous: Capture): void {
    this.progress.clock = Math.max(this.progress.clock, previous.progress.clock);
    this.progress.last = previous.progress.last;
  }

  /** The clock at the end of the capture, found by reading the file once more; undefined if that is impossible. */
  async clockAtEnd(): Promise<Nanos | undefined> {
    return this.reopenable ? clockAtEnd(this.input, this.head, this.origin) : undefined;
  }

  /** Fills the slab until it is full, the clock steps, a live input pauses, or the capture ends. */
  async fill(slab: Slab, rows: Rows): Promise<void> {
    this.source ??= await this.opening.open();
    this.walker ??= walkerFor(this.head.bytes, this.origin);
    const source = this.source;
    this.pending.compact();
    this.stopped = false;
    this.paused = false;
    let at = 0;
    let filled = 0;
    let kept = true; // every byte in the slab is still in `pending` too
    while (filled < slab.bytes.length) {
      const limit = Math.min(filled === 0 ? FIRST_CHUNK : CHUNK, slab.bytes.length - filled);
      let count = this.pending.take(slab.bytes, filled, limit);
      if (count === 0) {
        if ((this.paused = await this.pauses(source, at > 0))) break;
        const read = source.read(slab.bytes, filled, limit);
        count = typeof read === 'number' ? read : await read;
        if (count === 0) {
          this.atEnd(filled - at + this.pass > 0);
          at = filled;
          break;
        }
        kept = false;
      }
      const passed = Math.min(this.pass, count);
      this.pass -= passed;
      if (passed === count) continue; // the next read overwrites it
      at += passed;
      filled += count;
      const next = this.walk(slab, at, filled, rows);
      this.info.bytes += next - at + (source.omitted?.() ?? 0);
      this.pass = Math.max(0, next - filled);
      at = Math.min(next, filled);
      if (this.stopped) break;
    }
    this.keepRest(slab, at, filled, kept);
    this.afterSlab(rows);
  }

  private async pauses(source: Source, begun: boolean): Promise<boolean> {
    const isLive = source.live !== undefined;
    // The addon has already waited for more packets: analyse what it delivered at once.
    if (begun) return !(await source.ready(isLive ? 0 : IDLE_MILLISECONDS));
    return isLive && !(await source.ready(LIVE_IDLE_MILLISECONDS));
  }

  close(): void {
    this.opening.close();
    if (this.source === undefined) return;
    this.consumedBefore = this.source.consumed;
    this.source.close();
    this.source = undefined;
  }

  /** Walks all whole records from `from` to `to`; returns the end of the last one taken. */
  private walk(slab: Slab, from: number, to: number, rows: Rows): number {
    const frames = this.frames;
    for (let at = from; ; ) {
      const next = this.walker.walk(slab.view, at, to, frames);
      this.filter?.apply(slab.bytes, frames);
      const taken = rows.take(frames);
      if (taken < frames.count) {
        this.stopped = true;
        return frames.record[taken];
      }
      if (this.walker.damage !== '') {
        this.damaged = true;
        this.stopped = true;
        return next;
      }
      if (next === at || next >= to) return next;
      at = next;
    }
  }

  private keepRest(slab: Slab, at: number, filled: number, kept: boolean): void {
    const rest = filled - at;
    if (rest === 0) return;
    if (kept) this.pending.unread(rest);
    else if (!this.source!.unread(rest)) this.pending.keep(slab.bytes.slice(at, filled));
  }

  private afterSlab(rows: Rows): void {
    const { info, progress, walker } = this;
    const live = this.source?.live;
    if (live !== undefined) this.followLive(live, epochNanos(this.origin, 0));
    // A clock inherited from the capture before may be later than every frame of this one.
    progress.latest = Math.max(progress.latest, progress.frames === 0 ? progress.latest : progress.clock);
    info.frames = progress.frames;
    for (const linkType of walker.linkTypes) if (!info.linkTypes.includes(linkType)) info.linkTypes.push(linkType);
    if (rows.stepTo !== undefined) this.step(rows.stepTo);
    if (info.frames > 0 && this.head.first !== undefined) {
      info.firstNs = epochNanos(this.origin, progress.earliest);
      info.lastNs = epochNanos(this.origin, progress.latest);
    }
    if (this.damaged) {
      this.info.notes.push({ kind: 'damaged', text: `damaged: ${walker.damage}`, offset: info.bytes });
      this.ended = true;
    }
    if (this.ended) this.summarise();
  }

  /** Advances the clock to the time up to which everything captured has been read. */
  private reach(live: Live, origin: bigint): void {
    this.progress.clock = Math.max(this.progress.clock, Number(live.settledNs - origin));
  }

  private followLive(live: Live, origin: bigint): void {
    if (this.paused) this.reach(live, origin);
    this.missing = missingFrom(live, origin);
    this.liveNotes.update(live);
  }

  /** Records that the clock stepped back before the next frame. */
  private step(to: Nanos): void {
    const { progress } = this;
    this.steps ??= new ClockSteps(this.info.notes);
    this.steps.add(progress.frames + 1, progress.clock, to, this.origin);
    progress.clock = to;
    progress.earliest = Math.min(progress.earliest, to);
    this.stepPending = true;
  }

  /** Ends the capture. `partial`: its bytes end inside a record. */
  private atEnd(partial: boolean): void {
    this.ended = true;
    if ('signal' in this.input && this.input.signal?.aborted) return;
    const { damage } = this.source!;
    const offset = this.info.bytes;
    if (damage !== undefined) {
      this.info.notes.push({ kind: damage.kind, text: `${damage.message}; everything before it was read`, offset });
    } else if (partial) {
      const text = `the capture ends in the middle of a record, after frame ${this.progress.frames}`;
      this.info.notes.push({ kind: 'truncated', text, offset });
    }
  }

  private summarise(): void {
    this.close();
    const { dropped: count } = this.walker;
    const text = `${count} packets were dropped while capturing`;
    if (count > 0) this.info.notes.push({ kind: 'dropped', text, count });
    noteUnsupported(this.info, this.progress.unsupported, this.head);
  }
}
