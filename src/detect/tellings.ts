/**
 * What a live run has told of stories that go on. A story is told as it stands, as if the run ended then; what has
 * become of it since is told again under the same id, and what it does not come to in the end is taken back. So the
 * database holds each finding soon after its first packets, and at the end what the same packets in a file come to.
 */
import { isOver, type Story } from '../flow/story.ts';
import type { Draft } from './detector.ts';
import type { Finding } from './finding.ts';

/** What a slab has brought of them. A finding in `told` takes the place of one that was told under its id before. */
export interface StoryNews {
  told: Finding[];
  /** To be changed in place. */
  changed: Finding[];
  /** Ids of what does not hold. */
  gone: string[];
  /** Ids of what stays as it is: it will not be named again. */
  settled: string[];
}

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

export class Tellings {
  private readonly making: Making;
  private readonly open = new Map<Story, Telling[]>();
  private readonly told = new Map<string, Finding>();
  private readonly changed = new Map<string, Finding>();
  private gone: string[] = [];
  private settled: string[] = [];

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
        if (id !== undefined) this.takeBack(id);
      } else if (id !== undefined) this.settled.push(id);
    }
  }

  /** What has been told since it was asked last. */
  take(): StoryNews | undefined {
    const { told, changed, gone, settled } = this;
    if (told.size + changed.size + gone.length + settled.length === 0) return undefined;
    const news: StoryNews = { told: [...told.values()], changed: [...changed.values()], gone, settled };
    told.clear();
    changed.clear();
    this.gone = [];
    this.settled = [];
    return news;
  }

  private tellAgain(draft: Draft, known: Telling, over: boolean): void {
    known.last = over;
    if (known.id === undefined) return;
    const gist = gistOf(draft);
    const isOther = gist.weight !== known.weight || (over && gist.title !== known.title);
    if (!isOther && gist.text === known.text) return;
    known.changes++;
    // A story may go on for minutes: the longer, the less its figures say that are new.
    const isDue = over || (known.changes & (known.changes - 1)) === 0;
    if (!isOther && !isDue) return;
    Object.assign(known, gist);
    if (isOther || this.told.has(known.id)) this.put(known, draft);
    else this.changed.set(known.id, this.making.finding(draft));
  }

  private put(telling: Telling, draft: Draft): void {
    const finding = this.making.finding(draft);
    // Of some rules the class may be another now, and with it the id.
    if (telling.id !== undefined && telling.id !== finding.id) this.takeBack(telling.id);
    telling.id = finding.id;
    this.changed.delete(finding.id);
    this.told.set(finding.id, finding);
  }

  private takeBack(id: string): void {
    this.changed.delete(id);
    // Nobody has heard of what the slab at hand has told: but it may have been told before that as well.
    this.told.delete(id);
    this.gone.push(id);
  }
}

function gistOf({ severity, confidence, title, evidence, packets }: Draft): Pick<Telling, 'weight' | 'title' | 'text'> {
  const said: Readonly<Record<string, unknown>> = evidence;
  const weight = [severity, confidence, said.class, said.cause, said.outcome, said.effect, said.hints].join(' ');
  return { weight, title, text: `${title} ${JSON.stringify(evidence)} ${packets.length}` };
}
