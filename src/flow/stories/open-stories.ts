/**
 * Findings that are not complete when they begin: what becomes of a SYN (an *attempt*), what follows an RST (an
 * *aftermath*), a handshake that only one side considers complete (a *stall*), a SYN-ACK that its client does not receive
 * (an *unheard* one), segments that PAWS refuses (an *episode*), and retransmitted data that is not acknowledged.
 *
 * A story exists only for flows in which such a thing happened. It is closed by the packet that settles it, or when its
 * flow has been silent for long enough: always at the same instant of capture time, whatever else the shard is doing.
 * If too many are open, the oldest are closed early, which is counted.
 */
import { Heap } from '../../base/heap.ts';
import type { Nanos } from '../../base/time.ts';
import type { Attempt } from './attempt.ts';
import type { Stall } from './handshake-stall.ts';
import { InterimTellings } from './interim-tellings.ts';
import type { PawsEpisode } from './paws.ts';
import type { Aftermath } from './reset-aftermath.ts';
import { STORY_KINDS, type Story, type StoryKind, type StoryPlace } from './story.ts';
import type { Unacknowledged } from './unacknowledged.ts';
import type { UnheardSynAck } from './unheard-syn-ack.ts';
import { Witnesses } from './witnesses.ts';

/** Open stories of a shard take a kilobyte each. This bounds a flood of SYNs each of which begins one. */
const MAX_OPEN = 1 << 18;
/** Places of closed stories are removed when there are more of them than of open ones, and more than this. */
const MOST_CLOSED = 1024;

/** The open stories of one flow, one of each kind at most. */
class FlowStories {
  attempt: Attempt | undefined;
  aftermath: Aftermath | undefined;
  stall: Stall | undefined;
  paws: PawsEpisode | undefined;
  unheard: UnheardSynAck | undefined;
  unackedOfA: Unacknowledged | undefined;
  unackedOfB: Unacknowledged | undefined;
  private open = 0;

  /** What one end retransmits; `fromB`: host B. */
  unacknowledged(fromB: boolean): Unacknowledged | undefined {
    return fromB ? this.unackedOfB : this.unackedOfA;
  }

  get isEmpty(): boolean {
    return this.open === 0;
  }

  put(story: Story): void {
    if (this[story.kind] === undefined) this.open++;
    (this as Record<StoryKind, Story | undefined>)[story.kind] = story;
  }

  /** Removes the story, if it is still there and has not been replaced by another. */
  take(story: Story): void {
    if (this[story.kind] !== story) return;
    this[story.kind] = undefined;
    this.open--;
  }
}

export class OpenStories {
  private readonly byNumber = new Map<number, FlowStories>();
  /**
   * Open stories in the order in which they were due when they were put in. A story that became due later meanwhile is
   * put in again.
   */
  private due = new Heap<StoryPlace>();
  /** Stories in the order in which they began; a closed one is removed at the head, or when most are closed. */
  private beginnings: StoryPlace[] = [];
  private readonly limit: number;
  private head = 0;
  private last = 0;
  private open = 0;
  /** Number of stories that were closed early because too many were open. */
  evicted = 0;
  /** Called when a story has been reported for the last time. */
  ended: (story: Story) => void = () => {};
  private looks: InterimTellings | undefined;
  readonly witnesses = new Witnesses();

  constructor(limit = MAX_OPEN) {
    this.limit = limit;
  }

  /** From now on stories are also reported before they end, by `tellSoFar`. */
  tellEarly(): void {
    this.looks = new InterimTellings();
  }

  /** Reports the stories that began or changed a moment before `now`. */
  tellSoFar(now: Nanos): void {
    for (let place = this.looks?.take(now); place !== undefined; place = this.looks?.take(now)) place.story?.tell(now);
  }

  /** Too many stories are open, so `evict` must be called. */
  get crowded(): boolean {
    return this.open > this.limit;
  }

  /** No story is due before this. */
  get next(): Nanos {
    return this.due.first;
  }

  /** Those of the flow with this number; undefined if none is open. */
  of(number: number): FlowStories | undefined {
    return this.byNumber.get(number);
  }

  /** Begins a story of the flow with the number `number` (0: it has none yet); returns the flow's number. */
  begin(number: number, story: Story): number {
    const at = number === 0 ? ++this.last : number;
    let stories = this.byNumber.get(at);
    if (stories === undefined) {
      stories = new FlowStories();
      this.byNumber.set(at, stories);
    }
    stories.put(story);
    story.number = at;
    const place: StoryPlace = { since: story.since, story, looks: this.looks, awaitsLook: false };
    story.place = place;
    this.looks?.add(place, story.since);
    this.open++;
    this.beginnings.push(place);
    this.due.push(story.due, place);
    this.sweep();
    return at;
  }

  /** Number of places, including those of closed stories. */
  get places(): number {
    return Math.max(this.due.size, this.beginnings.length - this.head);
  }

  private sweep(): void {
    if (this.places <= 2 * this.open + MOST_CLOSED) return;
    this.beginnings = this.beginnings.slice(this.head).filter(({ story }) => story !== undefined);
    this.head = 0;
    this.due = new Heap();
    for (const place of this.beginnings) this.due.push(place.story!.due, place);
  }

  settle(story: Story, at: Nanos): void {
    const { place } = story;
    if (place === undefined) return;
    place.story = undefined;
    story.place = undefined;
    this.open--;
    const stories = this.byNumber.get(story.number);
    if (stories !== undefined) {
      stories.take(story);
      if (stories.isEmpty) this.byNumber.delete(story.number);
    }
    if (story.stands !== true) story.tell(at);
    if (story.waits === true) {
      // It keeps its old place, so findings that began after it still wait for it.
      place.story = story;
      story.place = place;
      this.open++;
      this.due.push(story.due, place);
      this.looks?.add(place, at);
    } else this.ended(story);
  }

  /** To be called when the story has become due sooner than before. */
  hasten(story: Story): void {
    if (story.place !== undefined) this.due.push(story.due, story.place);
  }

  /** Closes all stories of the flow. */
  settleFlow(number: number, at: Nanos): void {
    const stories = this.byNumber.get(number);
    if (stories === undefined) return;
    for (const story of STORY_KINDS.map(kind => stories[kind])) if (story) this.settle(story, at);
  }

  /** Closes what is due at `now`. */
  settleDue(now: Nanos): void {
    while (this.due.first <= now) {
      const place = this.due.pop()!;
      const { story } = place;
      if (story === undefined) continue;
      if (story.due > now) this.due.push(story.due, place);
      else this.settle(story, story.due);
    }
  }

  settleAll(at: Nanos): void {
    for (let place = this.due.pop(); place !== undefined; place = this.due.pop()) {
      if (place.story !== undefined) this.settle(place.story, at);
    }
    this.looks?.clear();
  }

  /** Closes the oldest, as they stand at `at`, until there is room again. */
  evict(at: Nanos): void {
    while (this.crowded) {
      this.passClosed();
      this.settle(this.beginnings[this.head].story!, at);
      this.evicted++;
    }
  }

  /** When the oldest open story began, or +∞: no future finding of a story is older. */
  oldest(): Nanos {
    this.passClosed();
    return this.head < this.beginnings.length ? this.beginnings[this.head].since : Number.POSITIVE_INFINITY;
  }

  private passClosed(): void {
    while (this.head < this.beginnings.length && this.beginnings[this.head].story === undefined) this.head++;
    if (this.head > 1024 && this.head * 2 > this.beginnings.length) {
      this.beginnings = this.beginnings.slice(this.head);
      this.head = 0;
    }
  }
}
