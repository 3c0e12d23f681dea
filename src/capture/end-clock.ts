/** Reads only the times of a whole capture to find its clock at the end, after all clock steps. */
import type { Nanos } from '../base/time.ts';
import type { Input } from './capture-info.ts';
import { type Head, walkerFor } from './head.ts';
import { REORDERING } from './row-filler.ts';
import { openSource } from './source.ts';
import { Frames, KEPT_FRAME } from './walker.ts';

/** Bytes: room for several of the longest records that a walker needs whole. */
const BUFFER = 4 * KEPT_FRAME;

/** `origin` in seconds since the epoch. Stops where reading would stop: at damage, or in the middle of a record. */
export async function clockAtEnd(input: Input, head: Head, origin: number): Promise<Nanos> {
  const source = await openSource(input);
  try {
    const walker = walkerFor(head.bytes, origin);
    const frames = new Frames();
    const buffer = new Uint8Array(BUFFER);
    const view = new DataView(buffer.buffer);
    let clock: Nanos = Number.NEGATIVE_INFINITY;
    let pass = head.bodyAt;
    let filled = 0;
    for (;;) {
      const count = await source.read(buffer, filled, BUFFER - filled);
      if (count === 0) return clock;
      filled += count;
      let at = Math.min(pass, filled);
      pass -= at;
      while (at < filled) {
        const next = walker.walk(view, at, filled, frames);
        clock = clockAfter(clock, frames);
        if (walker.damage !== '') return clock;
        if (next === at) break;
        at = next;
      }
      pass += Math.max(0, at - filled);
      buffer.copyWithin(0, Math.min(at, filled), filled);
      filled = Math.max(0, filled - at);
      // Lets the event loop handle signals and streams.
      await new Promise(setImmediate);
    }
  } finally {
    source.close();
  }
}

/** The clock by the rule of row-filler.ts: the latest time since the last step back by more than REORDERING. */
function clockAfter(clock: Nanos, { at, count }: Frames): Nanos {
  let now = clock;
  for (let i = 0; i < count; i++) if (at[i] > now || at[i] < now - REORDERING) now = at[i];
  return now;
}
