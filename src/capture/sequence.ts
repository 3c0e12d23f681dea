/**
 * Which capture is read next. Captures that overlap in time are read side by side, always the one whose clock is
 * furthest behind. One that begins where the clock of the one given before it has ended continues that one, as the
 * next file of a rotation does: it is read behind it and inherits its clock. Without a clock step that is the order of
 * time anyway. With one, the first time of a file says nothing about its place, but this does.
 */
import { basename, dirname } from 'node:path';
import type { Capture } from './capture.ts';
import { REORDERING } from './row-filler.ts';

interface Place {
  capture: Capture;
  /** The one given before it, leaving out those without frames. */
  previous: Capture | undefined;
  /** Whether it continues `previous`; undefined until somebody has to know. */
  continues: boolean | undefined;
  /** It may be read: `previous` has ended, or is not continued. */
  free: boolean;
}

export class Sequence {
  private readonly places: readonly Place[];

  constructor(captures: readonly Capture[]) {
    let previous: Capture | undefined;
    this.places = captures.map(capture => {
      const place = { capture, previous, continues: undefined, free: previous === undefined };
      // Without a time it has no place behind another.
      if (capture.first === undefined) return { ...place, free: true };
      previous = capture;
      return place;
    });
  }

  /** Of those with more to read the one furthest behind, of equals the first given. Unopened: at its first frame. */
  async next(): Promise<Capture | undefined> {
    for (;;) {
      const behind = this.furthestBehind();
      if (behind === undefined || behind.free) return behind?.capture;
      behind.continues = await continues(behind);
      behind.free = !behind.continues;
    }
  }

  private furthestBehind(): Place | undefined {
    let behind: Place | undefined;
    for (const place of this.places) {
      if (place.capture.ended) continue;
      if (!place.free) {
        if (place.previous!.ended) begin(place);
        else if (place.continues) continue;
      }
      if (behind === undefined || place.capture.clock < behind.capture.clock) behind = place;
    }
    return behind;
  }
}

/** The one before has ended, so its clock is known. */
function begin(place: Place): void {
  const { capture, previous } = place;
  place.free = true;
  if (isNextInRotation(previous!, capture) || capture.clock >= previous!.clock - REORDERING) capture.follow(previous!);
}

/** Asked only when a capture begins before the clock to which the unread one before it has come. */
async function continues({ capture, previous }: Place): Promise<boolean> {
  if (isNextInRotation(previous!, capture)) return true;
  const end = await previous!.clockAtEnd();
  return end !== undefined && capture.clock >= end - REORDERING;
}

/** Names of `dumpcap -b`, `tshark -b` and `editcap -c` or `-i`: base_00001_20240131235959.pcap. */
const ROTATED = /^(.*_)(\d{5})_\d{14}(\D.*)?$/s;

/** True when the names say that one program wrote `b` after `a`: the clock may step back even between them. */
function isNextInRotation(a: Capture, b: Capture): boolean {
  if (dirname(a.info.source) !== dirname(b.info.source)) return false;
  const [, base, number, extension] = ROTATED.exec(basename(a.info.source)) ?? [];
  const [, baseB, numberB, extensionB] = ROTATED.exec(basename(b.info.source)) ?? [];
  return base !== undefined && base === baseB && extension === extensionB && Number(numberB) > Number(number);
}
