/**
 * The findings of stories that are not over, in a live run. A story is reported as it stands, as if the run ended now.
 * Changes are reported again under the same id, and what proves wrong in the end is withdrawn. So the database has each
 * finding soon after its first packets, and in the end it has what the same packets in a file would give.
 */
import { isOver, type Story } from '../../flow/stories/story.ts';
import type { Draft } from '../detector.ts';
import type { Finding } from '../finding.ts';
import { type FindingUpdates, PendingUpdates, saysOtherwise, weightOf } from './finding-updates.ts';

/** What one rule has reported about one packet. */
interface Telling {
  key: string;
  /** Undefined if it was only counted. */
  id: string | undefined;
  rule: Draft['rule'];
  weight: string;
  title: string;
  text: string;
  /** How often only its figures have changed since it was reported. */
  changes: number;
  /** This was reported at the end of the story. */
  last: boolean;
}

/** What the reporter does with a draft, for this class. */
export interface Making {
  /** Counts it. Returns false if there are too many of the kind, so that it is not reported. */
  admit(draft: Draft): boolean;
  finding(draft: Draft): Finding;
  /** Takes back a count, since the finding has proved wrong. */
  uncount(rule: Draft['rule']): void;
}

export class StoryFindings {
  private readonly making: Making;
  private readonly open = new Map<Story, Telling[]>();
  private readonly revisions = new PendingUpdates();

  constructor(making: Making) {
    this.making = making;
  }

  /** Returns the finding if nothing was reported before and the story is over, so that it will never be revised. */
  tell(draft: Draft, story: Story): Finding | undefined {
    const over = isOver(story);
    const key = `${draft.rule} ${draft.raised.capture} ${draft.raised.frame}`;
    const tellings = this.open.get(story);
    const known = tellings?.find(telling => telling.key === key);
    if (known !== undefined) {
      this.tellAgain(draft, known, over);
      return undefined;
    }
    const isTold = this.making.admit(draft);
    if (over) return isTold ? this.making.finding(draft) : undefined;
    const telling: Telling = { key, id: undefined, rule: draft.rule, ...gistOf(draft), changes: 0, last: false };
    if (isTold) this.put(telling, draft);
    if (tellings === undefined) this.open.set(story, [telling]);
    else tellings.push(telling);
    return undefined;
  }

  /** The story has been reported for the last time. */
  end(story: Story): void {
    const tellings = this.open.get(story);
    if (tellings === undefined) return;
    this.open.delete(story);
    for (const { id, last, rule } of tellings) {
      if (!last && story.stands !== true) {
        this.making.uncount(rule);
        if (id !== undefined) this.revisions.takeBack(id);
      } else if (id !== undefined) this.revisions.settle(id);
    }
  }

  /** The updates since the last call. */
  take(): FindingUpdates {
    return this.revisions.take();
  }

  private tellAgain(draft: Draft, known: Telling, over: boolean): void {
    known.last = over;
    if (known.id === undefined) return;
    const gist = gistOf(draft);
    const isOther =
      gist.weight !== known.weight || (over ? gist.title !== known.title : saysOtherwise(gist.title, known.title));
    if (!isOther && gist.text === known.text) return;
    known.changes++;
    // A story may last for minutes. The longer it lasts, the less new figures say, so they are reported ever more
    // rarely.
    const isDue = over || (known.changes & (known.changes - 1)) === 0;
    if (!isOther && !isDue) return;
    Object.assign(known, gist);
    if (isOther) this.put(known, draft);
    else this.revisions.change(this.making.finding(draft));
  }

  private put(telling: Telling, draft: Draft): void {
    const finding = this.making.finding(draft);
    // For some rules the class, and with it the id, may have changed.
    if (telling.id !== undefined && telling.id !== finding.id) this.revisions.takeBack(telling.id);
    telling.id = finding.id;
    this.revisions.tell(finding);
  }
}

function gistOf(draft: Draft): Pick<Telling, 'weight' | 'title' | 'text'> {
  const { title, evidence, packets } = draft;
  return { weight: weightOf(draft), title, text: `${title} ${JSON.stringify(evidence)} ${packets.length}` };
}
