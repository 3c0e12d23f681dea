/**
 * Verdicts on the whole run. They are judged at its end, and while it goes on where it may never end: what then holds
 * for the first time is told, what has changed is told again under its first id, and what holds no longer is taken
 * back. So what has been told is, at any time, what the packets up to the last judging say. In between there are
 * glances at those on which something new bears: what holds for the first time, or weighs otherwise, is told at once.
 */
import type { Finding } from './finding.ts';
import { type FindingUpdates, PendingUpdates, saysOtherwise, weightOf } from './finding-updates.ts';

/** A verdict whose figures alone have changed is told again after so many judgings; one without evidence is forgotten. */
const PATIENCE = 30;

/** What tells whether it has been told before. Making the whole finding costs more. */
export type Outline = Pick<
  Finding,
  'rule' | 'severity' | 'confidence' | 'title' | 'client' | 'server' | 'serverPort' | 'evidence'
> & {
  /** Of a verdict on one event: what tells it from others of the same ends. */
  event?: string;
  /** What tells hosts of the same addresses apart. */
  scope?: number;
  /** Nothing that comes later changes it. */
  isSettled?: boolean;
};

interface Told {
  finding: Finding;
  /** What it says, and how many judgings there had been. */
  text: string;
  judging: number;
  /** How many there had been when it lost its evidence; undefined: it has it. */
  lost: number | undefined;
}

export class Verdicts {
  private judgings = 0;
  /** Those that have been told and not been met in this judging, and those that have. */
  private before = new Map<string, Told>();
  private told = new Map<string, Told>();
  private readonly revisions = new PendingUpdates();

  /** This verdict holds. `last`: the run is over, and nothing waits for another judging. */
  holds(outline: Outline, last: boolean, make: () => Finding): void {
    const key = this.keyOf(outline);
    const known = this.before.get(key);
    this.before.delete(key);
    const told = this.tell(known, outline, last || outline.isSettled === true, make);
    if (outline.isSettled === true) this.revisions.settle(told.finding.id);
    else this.told.set(key, told);
  }

  /** So it looks between two judgings. What is told already and has but other figures waits for the next. */
  glimpse(outline: Outline, make: () => Finding): void {
    const key = this.keyOf(outline);
    const known = this.before.get(key);
    if (known === undefined || weighsOtherwise(outline, known.finding)) {
      this.before.set(key, this.tell(known, outline, false, make));
    }
  }

  /** What glances have brought. */
  take(): FindingUpdates {
    return this.revisions.take();
  }

  private tell(known: Told | undefined, outline: Outline, last: boolean, make: () => Finding): Told {
    const { revisions, judgings } = this;
    const text = JSON.stringify([outline.title, outline.evidence]);
    const isOther = known === undefined || weighsOtherwise(outline, known.finding);
    const isDue = text !== known?.text && (last || judgings - (known?.judging ?? 0) >= PATIENCE);
    if (known !== undefined && !isOther && !isDue) {
      known.lost = undefined;
      return known;
    }
    const finding = known === undefined ? make() : { ...make(), id: known.finding.id };
    if (isOther) revisions.tell(finding);
    else revisions.change(finding);
    return { finding, text, judging: judgings, lost: undefined };
  }

  /**
   * All that holds has been said. `forgetful`: something was evicted, and a verdict that holds no longer may only have
   * lost its evidence: it stays, with less confidence, and after a while is not thought of any more.
   */
  judged(forgetful: boolean): FindingUpdates {
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
      known.lost ??= this.judgings;
      if (this.judgings - known.lost < PATIENCE) this.told.set(key, known);
      else revisions.settle(id);
    }
    this.before = this.told;
    this.told = new Map();
    this.judgings++;
    return revisions.take();
  }

  /** Whom a verdict is about: packets, and so its id, may be others each time. Two alike are told apart by their order. */
  private keyOf({ rule, client, server, serverPort, evidence, event, scope }: Outline): string {
    const { setting, from, owner } = evidence;
    const port = rule === 'shared-address' ? '' : serverPort;
    let key = `${rule} ${client} ${server} ${port} ${scope ?? ''} ${event ?? setting ?? from ?? owner ?? ''}`;
    while (this.told.has(key)) key += '+';
    return key;
  }
}

const weighsOtherwise = (outline: Outline, told: Finding): boolean =>
  weightOf(outline) !== weightOf(told) || saysOtherwise(outline.title, told.title);
