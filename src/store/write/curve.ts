/**
 * Writes tables `time_wait_curve` and `time_wait_hidden` at the end of a run and, of a live run, repeatedly before.
 * Rows already written stay as long as they are right. A curve changes at its end, so little is written each time.
 */
import type { CurveSeries } from '../../shard/curve.ts';
import type { Database } from '../database.ts';
import type { Bind } from './insert.ts';
import { Revisable } from './revisable.ts';

const PORTION = 50;
const WIDTH = 5;

type Name = Pick<CurveSeries, 'owner' | 'peer' | 'peerPort'>;

interface Step {
  name: Name;
  second: number;
  count: number;
}

/** The steps from index `from` on, at most `most`. */
const stepsOf = (
  name: Name,
  seconds: readonly number[],
  counts: readonly number[],
  from = 0,
  most = Number.POSITIVE_INFINITY,
): Step[] => seconds.slice(from, from + most).map((second, i) => ({ name, second, count: counts[from + i] }));

const bind: Bind<Step> = (values, from, { name, second, count }) => {
  values[from] = second;
  values[from + 1] = name.owner;
  values[from + 2] = name.peer;
  values[from + 3] = name.peerPort;
  values[from + 4] = count;
};

/** The steps of a series that are in the database, with their rowids. */
interface Written {
  seconds: number[];
  counts: number[];
  numbers: number[];
}

const keyOf = ({ owner, peer, peerPort }: Name): string => `${owner} ${peer} ${peerPort}`;

export class CurveRows {
  private readonly open: Steps;
  private readonly hidden: Steps;

  constructor(db: Database, run: number, origin: number) {
    this.open = new Steps(db, run, origin, 'time_wait_curve', 'open');
    this.hidden = new Steps(db, run, origin, 'time_wait_hidden', 'hidden');
  }

  /** True until something has been written. */
  get isEmpty(): boolean {
    return this.open.isEmpty && this.hidden.isEmpty;
  }

  /**
   * Writes everything at the end of a run. One statement takes many rows, as most series have only a few steps. Call
   * this and the following methods in a transaction.
   */
  writeAll(all: readonly CurveSeries[]): void {
    this.open.writeAll(all.flatMap(series => stepsOf(series, series.seconds, series.open)));
    this.hidden.writeAll(all.flatMap(series => stepsOf(series, series.hidden.seconds, series.hidden.count)));
  }

  /** Removes the rows of all other series. */
  keepOnly(series: readonly CurveSeries[]): void {
    const keys = new Set(series.map(keyOf));
    this.open.keepOnly(keys);
    this.hidden.keepOnly(keys);
  }

  /**
   * Writes what has changed in a series, at most `most` rows in each table. Returns false if there is more to write.
   * Steps before second `since` are left out: retention removes them, and a curve that is written anew at a coarser
   * resolution would bring them back.
   */
  write(series: CurveSeries, since: number, most: number): boolean {
    const openDone = this.open.write(series, series.seconds, series.open, since, most);
    return this.hidden.write(series, series.hidden.seconds, series.hidden.count, since, most) && openDone;
  }
}

class Steps {
  private readonly written = new Map<string, Written>();
  private readonly rows: Revisable<Step, number>;

  constructor(db: Database, run: number, origin: number, name: string, column: string) {
    const bucket = `(${origin} + CAST(? AS INTEGER)) * 1000000000`;
    this.rows = new Revisable(db, {
      name,
      columns: `run_id, bucket_ns, owner, peer, peer_port, ${column}`,
      tuple: `(${run}, ${bucket}, ?, ?, ?, ?)`,
      width: WIDTH,
      bind,
      portion: PORTION,
      isMarked: `run_id = ${run} AND bucket_ns = ${bucket}`,
    });
  }

  get isEmpty(): boolean {
    return this.written.size === 0;
  }

  writeAll(steps: readonly Step[]): void {
    this.rows.append(steps);
  }

  keepOnly(keys: ReadonlySet<string>): void {
    for (const [key, written] of this.written) {
      if (keys.has(key)) continue;
      this.cut(written, 0);
      this.written.delete(key);
    }
  }

  write(name: Name, seconds: readonly number[], counts: readonly number[], since: number, most: number): boolean {
    const key = keyOf(name);
    const written = this.written.get(key) ?? { seconds: [], counts: [], numbers: [] };
    this.written.set(key, written);
    forget(written, stepsBefore(written.seconds, since));
    const expired = stepsBefore(seconds, since);
    const stands = (i: number): boolean =>
      written.seconds[i - expired] === seconds[i] && written.counts[i - expired] === counts[i];
    let from = expired;
    while (from < seconds.length && stands(from)) from++;
    this.cut(written, from - expired);
    const steps = stepsOf(name, seconds, counts, from, most);
    const first = this.rows.append(steps);
    for (const [i, { second, count }] of steps.entries()) {
      written.seconds.push(second);
      written.counts.push(count);
      written.numbers.push(first + i);
    }
    return from + steps.length === seconds.length;
  }

  private cut(written: Written, length: number): void {
    const { seconds, counts, numbers } = written;
    for (let i = length; i < numbers.length; i++) this.rows.remove(numbers[i], seconds[i]);
    for (const column of [seconds, counts, numbers]) column.length = length;
  }
}

const stepsBefore = (seconds: readonly number[], second: number): number => {
  const first = seconds.findIndex(each => each >= second);
  return first < 0 ? seconds.length : first;
};

/** Forgets the first `steps`: they belong to retention from now on. */
function forget(written: Written, steps: number): void {
  for (const column of [written.seconds, written.counts, written.numbers]) column.splice(0, steps);
}
