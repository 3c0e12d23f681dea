/**
 * Chooses the capture to read next. Captures that overlap in time are read concurrently, always the one whose clock is
 * furthest behind. A capture that begins where the clock of the previously given one ended continues that one, as the
 * next file of a rotation does: it is read after it and inherits its clock. Without a clock step that is the order of
 * time anyway; with one, the time of a file's first frame does not tell its place, but this rule does.
 */
import { basename, dirname } from 'node:path';
import type { Capture } from './capture.ts';
import { REORDERING } from './row-filler.ts';

interface QueuedCapture {
  capture: Capture;
  /** The capture given before it, not counting those without a first time. */
  previous: Capture | undefined;
  /** Whether it continues `previous`; undefined until that must be known. */
  continues: boolean | undefined;
  /** It may be read: `previous` has ended, or it does not continue `previous`. */
  free: boolean;
}

export class Sequence {
  private readonly queue: readonly QueuedCapture[];

  constructor(captures: readonly Capture[]) {
    let previous: Capture | undefined;
    this.queue = captures.map(capture => {
      const queued = { capture, previous, continues: undefined, free: previous === undefined };
      // A capture without a first time cannot be ordered after another.
      if (capture.first === undefined) return { ...queued, free: true };
      previous = capture;
      return queued;
    });
  }

  /**
   * The capture with more to read whose clock is furthest behind, the first given of equals; undefined when all have
   * ended. The clock of a capture that is not opened yet is its first time.
   */
  async next(): Promise<Capture | undefined> {
    for (;;) {
      const behind = this.furthestBehind();
      if (behind === undefined || behind.free) return behind?.capture;
      behind.continues = await continues(behind);
      behind.free = !behind.continues;
    }
  }

  private furthestBehind(): QueuedCapture | undefined {
    let behind: QueuedCapture | undefined;
    for (const queued of this.queue) {
      if (queued.capture.ended) continue;
      if (!queued.free) {
        if (queued.previous!.ended) begin(queued);
        else if (queued.continues) continue;
      }
      if (behind === undefined || queued.capture.clock < behind.capture.clock) behind = queued;
    }
    return behind;
  }
}

/** Frees a capture whose previous capture has ended; if it continues that one, it inherits the final clock. */
function begin(queued: QueuedCapture): void {
  const { capture, previous } = queued;
  queued.free = true;
  if (isNextInRotation(previous!, capture) || capture.clock >= previous!.clock - REORDERING)
    capture.continueFrom(previous!);
}

/** Called only when a capture begins before the current clock of the previous one, which has more to read. */
async function continues({ capture, previous }: QueuedCapture): Promise<boolean> {
  if (isNextInRotation(previous!, capture)) return true;
  const end = await previous!.clockAtEnd();
  return end !== undefined && capture.clock >= end - REORDERING;
}

/** Names of `dumpcap -b`, `tshark -b` and `editcap -c` or `-i`: base_00001_20240131235959.pcap. */
const ROTATED = /^(.*_)(\d{5})_\d{14}(\D.*)?$/s;

/** Whether the names show that one program wrote `b` after `a`: the clock may step back even between the two files. */
function isNextInRotation(a: Capture, b: Capture): boolean {
  if (dirname(a.info.source) !== dirname(b.info.source)) return false;
  const [, base, number, extension] = ROTATED.exec(basename(a.info.source)) ?? [];
  const [, baseB, numberB, extensionB] = ROTATED.exec(basename(b.info.source)) ?? [];
  return base !== undefined && base === baseB && extension === extensionB && Number(numberB) > Number(number);
}
