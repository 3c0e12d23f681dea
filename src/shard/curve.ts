/**
 * The number of simultaneous TIME_WAITs over time (table `time_wait_curve`), computed from their intervals: plus one in
 * the second in which one begins, minus one in the second in which it ends; and how many more a NAT may hide. These are
 * sums, so neither the number of shards nor the order in which they deliver matters.
 *
 * If there are too many cells, the curve becomes coarser: every 2, 4, 8 seconds; then hosts without their peers, every
 * 8 to 64 seconds; then all hosts together. The number of cells at a level only grows, so the final level is the first
 * at which all cells fit, in whatever order they came.
 */

import { formatIPv4, formatIPv6 } from '../base/address.ts';
import { compareText } from '../base/order.ts';
import { type Nanos, SECOND } from '../base/time.ts';
import { GRACE } from '../flow/time-wait.ts';
import {
  MAY_HOLD_ON,
  OWNER_IS_CLIENT,
  SHOWN,
  TIME_WAIT_TIMES,
  TIME_WAIT_WORDS,
  type TimeWaitRows,
} from '../flow/time-wait-rows.ts';
import { CurveCells } from './curve-cells.ts';
import { CurveKeys, KEY, KeyBits } from './curve-keys.ts';

/** Rows of table `time_wait_curve` for one owner and peer: TIME_WAITs open from one second of change to the next. */
export interface CurveSeries {
  owner: string;
  /** Empty: all peers of the owner together, where there were too many to tell apart. */
  peer: string;
  /** The server's port where the owner is the client, whose ports towards it can run out; 0: any port of the peer. */
  peerPort: number;
  /** When it changes, in whole seconds from the run's origin, ascending; what changes up to the next step counts. */
  seconds: readonly number[];
  /** TIME_WAITs open after the changes that begin at this second. */
  open: readonly number[];
  /**
   * Rows of table `time_wait_hidden`: how many more hosts behind the owner's address may hold, whose ports have gone to
   * other connections since. Empty for most.
   */
  hidden: Steps;
}

/** A series with what is not stored. */
export interface CountedSeries extends CurveSeries {
  /** How many of those open have shown themselves, and so surely exist. */
  shown: Steps;
}

/** A number that changes at these seconds, and what it is from each of them on. */
export interface Steps {
  seconds: readonly number[];
  count: readonly number[];
}

/** Most rows of the table: some 3 MB in the database, and in memory few enough for the processor's cache. */
const MAX_CELLS = 1 << 15;

/** A TIME_WAIT is reported when its shard has a later packet or has reached its time: within a slab or two. */
const LATE_SECONDS = 10;

interface Level {
  /** Which addresses distinguish series (KeyBits). */
  kind: number;
  /** log2 of the width of a row in seconds. */
  shift: number;
}
const levels = (kind: number, from: number, to: number): Level[] =>
  Array.from({ length: to - from + 1 }, (_, i) => ({ kind, shift: from + i }));

/** Each is coarser than the one before it. With the last, a row every twelve days, any capture fits. */
const LEVELS: readonly Level[] = [
  ...levels(KeyBits.OWNER | KeyBits.PEER, 0, 3),
  ...levels(KeyBits.OWNER, 3, 6),
  ...levels(0, 6, 20),
];

export class Curve {
  /** Index of the current level: 0 is every second and every peer. */
  coarsened = 0;
  /** The second up to which `series` has reported a run that goes on. */
  private known = Number.NEGATIVE_INFINITY;
  private level = LEVELS[0];
  private keys = new CurveKeys();
  private cells = new CurveCells();
  private readonly limit: number;
  private longest = 0;

  constructor(limit = MAX_CELLS) {
    this.limit = limit;
  }

  add({ count, times, words, timeWait }: TimeWaitRows): void {
    this.longest = Math.max(this.longest, timeWait);
    for (let row = 0; row < count; row++) {
      const { kind, shift } = this.level;
      const base = row * TIME_WAIT_WORDS;
      const info = words[base + 9];
      const byPort = (kind & KeyBits.PEER) !== 0 && (info & OWNER_IS_CLIENT) !== 0;
      const ipv6 = (info & 1) === 0 || kind === 0 ? 0 : KeyBits.IPV6;
      const series = this.keys.of(words, base, byPort ? words[base + 8] & 0xffff : 0, kind | ipv6);
      const at = row * TIME_WAIT_TIMES;
      const holdsOn = (info & MAY_HOLD_ON) === 0 ? 0 : 1;
      const shown = (info & SHOWN) === 0 ? 0 : 1;
      this.cells.add(series, Math.floor(times[at] / SECOND) >> shift, 1, 0, shown);
      this.cells.add(series, Math.floor(times[at + 2] / SECOND) >> shift, -1, holdsOn, -shown);
      if (holdsOn) this.cells.add(series, Math.floor((times[at + 1] + timeWait + GRACE) / SECOND) >> shift, 0, -1, 0);
      while (this.cells.count > this.limit && this.coarsened < LEVELS.length - 1) this.coarsen();
    }
  }

  /**
   * The curve, ordered by owner, peer and port; series whose TIME_WAITs all ended in the second in which they began are
   * left out. `until`: the time up to which a run that goes on has been read. A TIME_WAIT is reported when it is over,
   * so the last minute before that is not known yet.
   */
  series(until?: Nanos): CountedSeries[] {
    if (until !== undefined) {
      // When the clock steps back, what has been reported remains.
      this.known = Math.max(this.known, Math.floor((until - this.longest) / SECOND) - LATE_SECONDS);
    }
    const known = until === undefined ? Number.POSITIVE_INFINITY : this.known;
    const width = 2 ** this.level.shift;
    const all: CountedSeries[] = [];
    let current = -1;
    let open = new GrowingSteps();
    let hidden = new GrowingSteps();
    let shown = new GrowingSteps();
    for (const cell of this.cells.inOrder()) {
      if (cell.series !== current) {
        current = cell.series;
        open = new GrowingSteps();
        hidden = new GrowingSteps();
        shown = new GrowingSteps();
        const { owner, peer, peerPort } = this.name(current);
        all.push({ owner, peer, peerPort, seconds: open.seconds, open: open.count, hidden, shown });
      }
      const second = cell.step * width;
      if (second + width > known) continue;
      open.change(second, cell.open);
      hidden.change(second, cell.hidden);
      shown.change(second, cell.shown);
    }
    // Those shown are among those open: where the number open never changes, theirs is 0 throughout.
    return all.filter(series => series.seconds.length + series.hidden.seconds.length > 0).sort(compareSeries);
  }

  private coarsen(): void {
    const { cells, keys } = this;
    const { shift, kind } = this.level;
    this.level = LEVELS[++this.coarsened];
    const wider = this.level.shift - shift;
    if (this.level.kind !== kind) this.keys = new CurveKeys();
    const numbers = new Int32Array(keys.count + 1);
    for (let series = 1; series <= keys.count; series++) numbers[series] = this.numberOf(keys.words, keys.base(series));
    this.cells = cells.coarser(numbers, wider);
  }

  /** The number, at the current level, of the series with this key of an earlier level. */
  private numberOf(words: Int32Array, base: number): number {
    const { kind } = this.level;
    const port = (kind & KeyBits.PEER) === 0 ? 0 : words[base + KEY.PORT];
    return this.keys.of(words, base, port, kind === 0 ? 0 : kind | (words[base + KEY.KIND] & KeyBits.IPV6));
  }

  private name(series: number): Pick<CurveSeries, 'owner' | 'peer' | 'peerPort'> {
    const { words } = this.keys;
    const base = this.keys.base(series);
    const kind = words[base + KEY.KIND];
    const text = (bit: number, at: number): string => {
      if ((kind & bit) === 0) return '';
      if ((kind & KeyBits.IPV6) === 0) return formatIPv4(words[at]);
      return formatIPv6(words[at], words[at + 1], words[at + 2], words[at + 3]);
    };
    return {
      owner: text(KeyBits.OWNER, base + KEY.OWNER),
      peer: text(KeyBits.PEER, base + KEY.PEER),
      peerPort: words[base + KEY.PORT],
    };
  }
}

class GrowingSteps implements Steps {
  readonly seconds: number[] = [];
  readonly count: number[] = [];

  change(second: number, by: number): void {
    if (by === 0) return;
    this.count.push((this.count.at(-1) ?? 0) + by);
    this.seconds.push(second);
  }
}

const compareSeries = (a: CurveSeries, b: CurveSeries): number =>
  compareText(a.owner, b.owner) || compareText(a.peer, b.peer) || a.peerPort - b.peerPort;
