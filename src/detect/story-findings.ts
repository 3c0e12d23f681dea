/**
 * What a live run has told of stories that go on. A story is told as it stands, as if the run ended then; what has
 * become of it since is told again under the same id, and what it does not come to in the end is taken back. So the
 * database holds each finding soon after its first packets, and at the end what the same packets in a file come to.
 */
import { isOver, type Story } from '../flow/story.ts';
import type { Draft } from './detector.ts';
import type { Finding } from './finding.ts';
import { type FindingUpdates, PendingUpdates, saysOtherwise, weightOf } from './finding-updates.ts';

/** What has been said of one packet by one rule. */
interface Telling {
  key: string;
  /** Undefined where it was only counted. */
  id: string | undefined;
  rule: Draft['rule'];
  weight: string;
  title: string;
  text: string;
  /** Changes of figures alone since it was told. */
  changes: number;
  /** The story has ended in it. */
  last: boolean;
}

/** What the reporter does with a draft. */
export interface Making {
  /** Counts it; false where there are too many alike, and it is told no further. */
  admit(draft: Draft): boolean;
  finding(draft: Draft): Finding;
  /** It was counted, and has not come true. */
  uncount(rule: Draft['rule']): void;
}

export class StoryFindings {
  private readonly making: Making;
  private readonly open = new Map<Story, Telling[]>();
  private readonly revisions = new PendingUpdates();

  constructor(making: Making) {
    this.making = making;
  }

  /** Returns a finding that is the first and the last word of its story. */
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

  /** The story has been told for the last time. */
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

  /** What the last slabs have brought. */
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
    // A story may go on for minutes: the longer, the less its figures say that are new.
    const isDue = over || (known.changes & (known.changes - 1)) === 0;
    if (!isOther && !isDue) return;
    Object.assign(known, gist);
    if (isOther) this.put(known, draft);
    else this.revisions.change(this.making.finding(draft));
  }

  private put(telling: Telling, draft: Draft): void {
    const finding = this.making.finding(draft);
    // Of some rules the class may be another now, and with it the id.
    if (telling.id !== undefined && telling.id !== finding.id) this.revisions.takeBack(telling.id);
    telling.id = finding.id;
    this.revisions.tell(finding);
  }
}

function gistOf(draft: Draft): Pick<Telling, 'weight' | 'title' | 'text'> {
  const { title, evidence, packets } = draft;
  return { weight: weightOf(draft), title, text: `${title} ${JSON.stringify(evidence)} ${packets.length}` };
}
