/**
 * Verdicts on the whole run. They are judged at its end, and while it goes on where it may never end: what then holds
 * for the first time is told, what has changed is told again under its first id, and what holds no longer is taken
 * back. So what has been told is, at any time, what the packets up to the last judging say.
 */

import type { Finding } from '../detect/finding.ts';
import type { FullTable } from '../detect/overflow.ts';
import type { Occupancy } from './occupancy.ts';
import type { Judged } from './output.ts';

/** A verdict whose figures alone have changed is told again after so many judgings. */
const PATIENCE = 30;

export interface News {
  fresh: Finding[];
  /** Told before, under the same id. */
  changed: Finding[];
  /** Ids. What comes again under such an id is fresh. */
  gone: string[];
}

interface Told {
  finding: Finding;
  /** What it says, and how many judgings there had been. */
  text: string;
  judging: number;
}

export class Verdicts {
  private readonly shards: (Judged | undefined)[];
  /** Shards that have judged since all had. */
  private heard = 0;
  private judgings = 0;
  private told = new Map<string, Told>();

  constructor(shards: number) {
    this.shards = Array.from({ length: shards }, () => undefined);
  }

  /** True when all shards have judged: they do it at the same slabs. */
  take(shard: number, judged: Judged): boolean {
    this.shards[shard] = judged;
    this.heard++;
    if (this.heard < this.shards.length) return false;
    this.heard = 0;
    return true;
  }

  /** As each shard saw it when it judged last. */
  get occupancies(): Occupancy[] {
    return this.shards.flatMap(judged => judged?.occupancy ?? []);
  }

  get fullTables(): FullTable[] {
    return this.shards.flatMap(judged => judged?.fullTables ?? []);
  }

  /**
   * `summed`: verdicts that are sums over the shards. `forgetful`: something was evicted, and a verdict that holds no
   * longer may only have lost its evidence: it stays, with less confidence.
   */
  news(summed: readonly Finding[], forgetful: boolean, last: boolean): News {
    this.judgings++;
    const news: News = { fresh: [], changed: [], gone: [] };
    const before = this.told;
    this.told = new Map();
    for (const finding of this.standing(summed)) {
      const key = this.keyOf(finding);
      const known = before.get(key);
      before.delete(key);
      this.tell(key, finding, known, news, last);
    }
    for (const [key, known] of before) {
      const { finding } = known;
      if (!forgetful) news.gone.push(finding.id);
      else if (finding.confidence === 'weak') this.told.set(key, known);
      else this.tell(key, { ...finding, confidence: 'weak' }, known, news, last);
    }
    return news;
  }

  private *standing(summed: readonly Finding[]): Generator<Finding> {
    for (const judged of this.shards) yield* judged?.verdicts ?? [];
    yield* summed;
  }

  private tell(key: string, finding: Finding, known: Told | undefined, news: News, last: boolean): void {
    const text = JSON.stringify([finding.title, finding.evidence]);
    const told: Told = { finding, text, judging: this.judgings };
    if (known === undefined) news.fresh.push(finding);
    else {
      told.finding = { ...finding, id: known.finding.id };
      const due = last || this.judgings - known.judging >= PATIENCE;
      if (weight(finding) !== weight(known.finding)) {
        news.gone.push(known.finding.id);
        news.fresh.push(told.finding);
      } else if (text !== known.text && due) news.changed.push(told.finding);
      else {
        this.told.set(key, known);
        return;
      }
    }
    this.told.set(key, told);
  }

  /** Whom a verdict is about: packets, and so its id, may be others each time. Two alike are told apart by their order. */
  private keyOf({ rule, client, server, serverPort, evidence }: Finding): string {
    const { setting, from, owner } = evidence;
    const port = rule === 'shared-address' ? '' : serverPort;
    let key = [rule, client, server, port, setting ?? from ?? owner ?? ''].join(' ');
    while (this.told.has(key)) key += '+';
    return key;
  }
}

/** What makes it another verdict, not only one with other figures. */
const weight = ({ severity, confidence, evidence }: Finding): string =>
  [severity, confidence, evidence.regime ?? ''].join(' ');
