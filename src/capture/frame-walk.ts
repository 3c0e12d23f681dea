/** Visits all frames of one capture file in order: for looking frames up again, not for analysing. */
import { CaptureError } from '../base/errors.ts';
import { readHead, walkerFor } from './head.ts';
import type { Slab } from './slab.ts';
import { openSource } from './source.ts';
import { Frames } from './walker.ts';

/** Visits frame `i` of `frames`, whose bytes are in the slab until the visitor returns; `number` as in tshark. */
export type FrameVisitor = (frames: Frames, i: number, number: number) => void;

/**
 * Times are in nanoseconds from `origin`, which is in seconds since the epoch; a frame without a time gets the time of
 * the frame before it. Returns whether the capture could be read to its end; throws a CaptureError when it is unusable.
 */
export async function walkFrames(name: string, origin: number, slab: Slab, visit: FrameVisitor): Promise<boolean> {
  const first = await openSource({ name, path: name });
  try {
    if (!first.reopenable) throw new CaptureError(name, 'is not a file, so its packets cannot be read again');
  } catch (error) {
    first.close();
    throw error;
  }
  const head = await readHead(name, first).finally(() => first.close());
  const walker = walkerFor(head.bytes.slice(), origin);
  const source = await openSource({ name, path: name });
  const frames = new Frames();
  const { bytes, view } = slab;
  let pass = head.bodyAt;
  let filled = 0;
  let number = 0;
  let last = 0;
  try {
    for (;;) {
      const count = await source.read(bytes, filled, bytes.length - filled);
      if (count === 0) return filled === 0 && pass === 0 && source.damage === undefined;
      const passed = Math.min(pass, count);
      pass -= passed;
      if (passed > 0) bytes.copyWithin(filled, filled + passed, filled + count);
      filled += count - passed;
      let at = 0;
      for (;;) {
        const next = walker.walk(view, at, filled, frames);
        for (let i = 0; i < frames.count; i++) {
          if (Number.isNaN(frames.at[i])) frames.at[i] = last;
          last = frames.at[i];
          visit(frames, i, ++number);
        }
        if (walker.damage !== '') return false;
        const stuck = next === at;
        at = next;
        if (stuck || at >= filled) break;
      }
      pass += Math.max(0, at - filled);
      at = Math.min(at, filled);
      bytes.copyWithin(0, at, filled);
      filled -= at;
    }
  } finally {
    source.close();
  }
}
