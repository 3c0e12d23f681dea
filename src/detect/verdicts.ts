/**
 * Verdicts on the whole run. They are judged at its end, and while it goes on where it may never end: what then holds
 * for the first time is told, what has changed is told again under its first id, and what holds no longer is taken
 * back. So what has been told is, at any time, what the packets up to the last judging say.
 */
import type { Finding } from './finding.ts';
import { type News, Revisions, weightOf } from './news.ts';

/** A verdict whose figures alone have changed is told again after so many judgings. */
const PATIENCE = 30;

/** What tells whether it has been told before. Making the whole finding costs more. */
export type Outline = Pick<
  Finding,
  'rule' | 'severity' | 'confidence' | 'title' | 'client' | 'server' | 'serverPort' | 'evidence'
> & {
  /** Of a verdict on one event: what tells it from others of the same ends. */
  event?: string;
};

interface Told {
  finding: Finding;
  /** What it says, and how many judgings there had been. */
  text: string;
  judging: number;
}

export class Verdicts {
  private judgings = 0;
  /** Those that stood at the last judging and have not been met in this one, and those that have. */
  private before = new Map<string, Told>();
  private told = new Map<string, Told>();
  private readonly revisions = new Revisions();

  /** This verdict holds. `last`: the run is over, and nothing waits for another judging. */
  holds(outline: Outline, last: boolean, make: () => Finding): void {
    const key = this.keyOf(outline);
    const known = this.before.get(key);
    this.before.delete(key);
    const text = JSON.stringify([outline.title, outline.evidence]);
    const { revisions, judgings } = this;
    if (known === undefined) {
      const finding = make();
      revisions.tell(finding);
      this.told.set(key, { finding, text, judging: judgings });
      return;
    }
    const { id } = known.finding;
    const isOther = weightOf(outline) !== weightOf(known.finding);
    const isDue = text !== known.text && (last || judgings - known.judging >= PATIENCE);
    if (!isOther && !isDue) {
      this.told.set(key, known);
      return;
    }
    const finding = { ...make(), id };
    this.told.set(key, { finding, text, judging: judgings });
    if (isOther) revisions.tell(finding);
    else revisions.change(finding);
  }

  /**
   * All that holds has been said. `forgetful`: something was evicted, and a verdict that holds no longer may only have
   * lost its evidence: it stays, with less confidence.
   */
  judged(forgetful: boolean): News {
    const { revisions } = this;
    for (const [key, known] of this.before) {
      const { id, confidence } = known.finding;
      if (!forgetful) {
        // The same packets may prove it of another end by now.
        if (!revisions.isFresh(id)) revisions.takeBack(id);
        continue;
      }
      if (confidence !== 'weak') {
        known.finding = { ...known.finding, confidence: 'weak' };
        revisions.tell(known.finding);
      }
      this.told.set(key, known);
    }
    this.before = this.told;
    this.told = new Map();
    this.judgings++;
    return revisions.take();
  }

  /** Whom a verdict is about: packets, and so its id, may be others each time. Two alike are told apart by their order. */
  private keyOf({ rule, client, server, serverPort, evidence, event }: Outline): string {
    const { setting, from, owner } = evidence;
    const port = rule === 'shared-address' ? '' : serverPort;
    let key = `${rule} ${client} ${server} ${port} ${event ?? setting ?? from ?? owner ?? ''}`;
    while (this.told.has(key)) key += '+';
    return key;
  }
}
