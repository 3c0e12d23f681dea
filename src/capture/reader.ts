/**
 * Reads several captures as one stream in time order. All inputs are looked at first; each is opened when its turn
 * comes (sequence.ts). A slab holds frames of one capture; shards merge the slabs of overlapping captures with little
 * waiting. Memory is one chunk per open capture, whatever the size of the captures.
 */

import { NoCaptureError, PawscopeError } from '../base/errors.ts';
import type { Nanos } from '../base/time.ts';
import { Capture } from './capture.ts';
import { type CaptureInfo, type Input, MAX_CAPTURES } from './capture-info.ts';
import type { PacketFilter } from './filter.ts';
import type { Locate } from './locate.ts';
import { REORDERING, Rows } from './row-filler.ts';
import { Sequence } from './sequence.ts';
import type { Batch, Slab } from './slab.ts';

export class Reader {
  /** Second, since the epoch, of the earliest first frame; 0 when there is none. */
  readonly origin: number;
  /** In the order of the inputs; updated while reading. */
  readonly captures: readonly CaptureInfo[];
  /** Errors of the files that were found by a pattern or in a folder but are not captures, or not of TCP. */
  readonly passedOver: readonly NoCaptureError[];
  private readonly inputs: readonly Capture[];
  private readonly rows: Rows;
  private readonly sequence: Sequence;
  /** The capture to read next; undefined: all have been read; null: not chosen yet. */
  private next: Capture | undefined | null = null;
  private finished = false;
  private latest: Nanos = Number.NEGATIVE_INFINITY;

  private constructor(captures: readonly Capture[], passedOver: readonly NoCaptureError[], locate: Locate) {
    this.inputs = captures;
    this.passedOver = passedOver;
    this.rows = new Rows(locate);
    this.captures = captures.map(capture => capture.info);
    const firsts = captures.flatMap(capture => capture.first ?? []);
    const earliest = firsts.reduce<bigint | undefined>((a, b) => (a === undefined || b < a ? b : a), undefined);
    this.origin = earliest === undefined ? 0 : Number(earliest / 1_000_000_000n);
    this.sequence = new Sequence(captures);
  }

  /** Looks at every input; throws a CaptureError for the first unreadable one, except `found` files without TCP. */
  static async open(inputs: readonly Input[], locate: Locate, filter?: PacketFilter): Promise<Reader> {
    if (inputs.length > MAX_CAPTURES) {
      throw new PawscopeError(
        `${inputs.length} captures were given; one run takes at most ${MAX_CAPTURES}: join some with mergecap -a`,
      );
    }
    const captures: Capture[] = [];
    const passedOver: NoCaptureError[] = [];
    try {
      for (const input of inputs) {
        try {
          captures.push(await Capture.open(input, captures.length, filter));
        } catch (error) {
          if (!('found' in input && input.found && error instanceof NoCaptureError)) throw error;
          passedOver.push(error);
        }
      }
      if (captures.length === 0 && passedOver.length > 0) throw passedOver[0];
    } catch (error) {
      for (const capture of captures) capture.close();
      throw error;
    }
    return new Reader(captures, passedOver, locate);
  }

  /** Time of the latest frame read since the last clock step, TCP or not. */
  get last(): Nanos {
    return this.latest;
  }

  /** Skipped frames by Skip code; frames that became rows are not counted. */
  get skipped(): Float64Array {
    return this.rows.skipped;
  }

  get frames(): number {
    return this.inputs.reduce((sum, capture) => sum + capture.progress.frames, 0);
  }

  /** Bytes of input read so far, before inflating. */
  get consumed(): number {
    return this.inputs.reduce((sum, capture) => sum + capture.consumed, 0);
  }

  /** Some input is compressed. */
  get inflates(): boolean {
    return this.inputs.some(capture => capture.compressed);
  }

  /** Bytes of all inputs, before inflating; pipes count 0. */
  get total(): number {
    return this.inputs.reduce((sum, capture) => sum + capture.size, 0);
  }

  /** Estimated packets of all inputs; pipes count 0. */
  get expected(): number {
    return this.inputs.reduce((sum, capture) => sum + capture.opening.packets, 0);
  }

  /** No more packets than this in all inputs; infinite for live ones, pipes and compressed files. */
  get mostPackets(): number {
    return this.inputs.reduce((sum, capture) => sum + capture.opening.mostPackets, 0);
  }

  /** Fills the slab. Returns null after the batch whose limit was Infinity: everything has been read. */
  async fill(slab: Slab, shards: number): Promise<Batch | null> {
    if (this.finished) return null;
    const capture = this.next === null ? await this.begin() : this.next;
    const batch: Batch = {
      rows: 0,
      capture: capture?.index ?? 0,
      limit: Infinity,
      stepped: false,
      incomplete: false,
      losses: [],
      ordered: true,
    };
    if (capture !== undefined) {
      batch.stepped = capture.stepPending;
      capture.stepPending = false;
      this.inputs[capture.index + 1]?.opening.prepare();
      this.rows.begin(slab, shards, capture.progress);
      await capture.fill(slab, this.rows);
      batch.rows = this.rows.count;
      batch.ordered = this.rows.ordered;
      if (batch.stepped) this.latest = Number.NEGATIVE_INFINITY;
      this.latest = Math.max(this.latest, capture.clock);
    }
    batch.incomplete = this.inputs.some(({ missing }) => missing.incomplete);
    if (batch.incomplete) batch.losses = this.inputs.flatMap(({ missing }) => missing.losses);
    for (const input of this.inputs) if (input !== capture) input.idle();
    const next = await this.sequence.next();
    this.next = next;
    // One nanosecond less, because a frame may still come that is late by exactly REORDERING.
    if (next !== undefined) batch.limit = next.clock - REORDERING - 1;
    this.finished = next === undefined;
    return batch;
  }

  private async begin(): Promise<Capture | undefined> {
    for (const capture of this.inputs) capture.start(this.origin);
    return this.sequence.next();
  }

  close(): void {
    for (const capture of this.inputs) capture.close();
  }
}
