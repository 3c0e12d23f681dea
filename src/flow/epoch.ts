/** After a step of the capture clock an open flow continues, but its earlier times can no longer be compared. */
import { layout } from './layout.ts';
import type { Tracker } from './tracker.ts';

const { L } = layout;

export function enterEpoch(t: Tracker, base: number): void {
  const { words, doubles } = t.table;
  words[base + L.STATE] = (words[base + L.STATE] & 0xffff) | (t.epoch << L.EPOCH_SHIFT);
  words[base + L.CAPTURE] |= L.STEPPED;
  doubles[(base + L.LAST) >> 1] = Number.NaN; // unknown, until its next packet
  for (const side of [L.SIDE_A, L.SIDE_B]) {
    doubles[(base + side + L.TS_AT) >> 1] = t.now;
    doubles[(base + side + L.SENT_AT) >> 1] = t.now;
    words[base + side + L.SENT_FRAME] = 0;
  }
  t.pairs.refresh(words[base + L.PAIR], t.epoch);
}
