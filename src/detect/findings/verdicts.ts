/**
 * Verdicts on the whole run. They are judged at its end and, in a run that may never end, also during it. Then a new
 * verdict is reported, a changed one is reported again under its first id, and one that no longer holds is withdrawn.
 * So at any time the reported verdicts are those of all packets up to the last judging. In between there are glances at
 * verdicts for which there is something new: what is new, or weighs differently, is reported at once.
 */
import type { Finding } from '../finding.ts';
import { type FindingUpdates, PendingUpdates, saysOtherwise, weightOf } from './finding-updates.ts';

/**
 * If only its figures have changed, a verdict is reported again after this many judgings. One without evidence is
 * forgotten then.
 */
const PATIENCE = 30;

/** The part of a finding that decides whether it must be reported. Making the whole finding takes longer. */
export type Outline = Pick<
  Finding,
  'rule' | 'severity' | 'confidence' | 'title' | 'client' | 'server' | 'serverPort' | 'evidence'
> & {
  /** For a verdict on one event: what distinguishes it from others with the same ends. */
  event?: string | undefined;
  /** Distinguishes hosts with the same addresses. */
  scope?: number;
  /** Nothing that comes later changes it. */
  isSettled?: boolean | undefined;
};

interface Told {
  finding: Finding;
  /** What it says, and the number of judgings when it was reported. */
  text: string;
  judging: number;
  /** The number of judgings when it lost its evidence; undefined if it has evidence. */
  lost: number | undefined;
}

export class Verdicts {
  private judgings = 0;
  /** Reported verdicts that have not come up again in this judging, and those that have. */
  private before = new Map<string, Told>();
  private told = new Map<string, Told>();
  private readonly revisions = new PendingUpdates();

  /** Called for each verdict that holds. `last`: the run is over, so nothing waits for another judging. */
  holds(outline: Outline, last: boolean, make: () => Finding): void {
    const key = this.keyOf(outline);
    const known = this.before.get(key);
    this.before.delete(key);
    const told = this.tell(known, outline, last || outline.isSettled === true, make);
    if (outline.isSettled === true) this.revisions.settle(told.finding.id);
    else this.told.set(key, told);
  }

  /**
   * A verdict seen between two judgings. If it was reported before and only its figures differ, it waits for the next
   * judging.
   */
  glimpse(outline: Outline, make: () => Finding): void {
    const key = this.keyOf(outline);
    const known = this.before.get(key);
    if (known === undefined || weighsOtherwise(outline, known.finding)) {
      this.before.set(key, this.tell(known, outline, false, make));
    }
  }

  /** The updates from glances. */
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
   * To be called when all verdicts that hold have been passed to `holds`. `forgetful`: something was evicted, so a
   * verdict that no longer holds may only have lost its evidence. It stays, with less confidence, and is forgotten
   * after a while.
   */
  judged(forgetful: boolean): FindingUpdates {
    const { revisions } = this;
    for (const [key, known] of this.before) {
      const { id, confidence } = known.finding;
      if (!forgetful) {
        // Meanwhile the same packets may have proved it for another end.
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

  /**
   * Identifies what a verdict is about. Its packets, and so its id, may differ each time. Two with the same key are
   * told apart by their order.
   */
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
