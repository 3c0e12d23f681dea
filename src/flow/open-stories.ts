/**
 * Findings that are not over when they begin: what became of a SYN (an *attempt*), what followed an RST (an
 * *aftermath*), a handshake that only one side takes for complete (a *stall*), a SYN-ACK that its client does not hear
 * (an *unheard* one), segments that PAWS refuses (an *episode*), data that is sent again and not acknowledged. A story
 * exists only for flows in which something happened; it is closed by the packet that settles it, or when its flow has
 * been silent for long enough, always at the same instant of capture time whatever else the shard is doing. Only when
 * too many are open the oldest are closed early, which is counted.
 */
import { Heap } from '../base/heap.ts';
import type { Nanos } from '../base/time.ts';
import type { Attempt } from './attempt.ts';
import type { Stall } from './handshake-stall.ts';
import { InterimTellings } from './interim-tellings.ts';
import type { PawsEpisode } from './paws.ts';
import type { Aftermath } from './reset-aftermath.ts';
import { STORY_KINDS, type Story, type StoryKind, type StoryPlace } from './story.ts';
import type { Unacknowledged } from './unacknowledged.ts';
import type { UnheardSynAck } from './unheard-syn-ack.ts';
import { Witnesses } from './witnesses.ts';

/** Open stories of a shard: a kilobyte each. A flood of SYNs that each begin one must not fill the memory. */
const MAX_OPEN = 1 << 18;
/** Places of closed stories are left where they lie until there are more of them than of open ones, and than this. */
const MOST_CLOSED = 1024;

/** The open stories of one flow, one of each kind at most. */
class Shelf {
  attempt: Attempt | undefined;
  aftermath: Aftermath | undefined;
  stall: Stall | undefined;
  paws: PawsEpisode | undefined;
  unheard: UnheardSynAck | undefined;
  unacknowledged: Unacknowledged | undefined;
  private open = 0;

  get isEmpty(): boolean {
    return this.open === 0;
  }

  put(story: Story): void {
    if (this[story.kind] === undefined) this.open++;
    (this as Record<StoryKind, Story | undefined>)[story.kind] = story;
  }

  /** Nothing where the story has left it, or another has taken its place. */
  take(story: Story): void {
    if (this[story.kind] !== story) return;
    this[story.kind] = undefined;
    this.open--;
  }
}

export class OpenStories {
  private readonly byNumber = new Map<number, Shelf>();
  /** Open stories by when they are due, as it stood when they were put in: a story that went on goes in again. */
  private due = new Heap<StoryPlace>();
  /** All stories in order of their beginnings; closed ones go when they reach the head, or when most are. */
  private beginnings: StoryPlace[] = [];
  private readonly limit: number;
  private head = 0;
  private last = 0;
  private open = 0;
  /** Stories that were closed early, for want of room. */
  evicted = 0;
  /** Called when a story has been told for the last time. */
  ended: (story: Story) => void = () => {};
  private looks: InterimTellings | undefined;
  readonly witnesses = new Witnesses();

  constructor(limit = MAX_OPEN) {
    this.limit = limit;
  }

  /** From now on stories are also told while they go on: `tellSoFar`. */
  tellEarly(): void {
    this.looks = new InterimTellings();
  }

  /** Tells those that began or went on a moment before `now`. */
  tellSoFar(now: Nanos): void {
    for (let place = this.looks?.take(now); place !== undefined; place = this.looks?.take(now)) place.story?.tell(now);
  }

  /** More are open than there is room for: `evict` is due. */
  get crowded(): boolean {
    return this.open > this.limit;
  }

  /** No story can be due before this. */
  get next(): Nanos {
    return this.due.first;
  }

  /** A story of the flow with this number is open. */
  holds(number: number): boolean {
    return this.byNumber.has(number);
  }

  attempt(number: number): Attempt | undefined {
    return this.byNumber.get(number)?.attempt;
  }

  aftermath(number: number): Aftermath | undefined {
    return this.byNumber.get(number)?.aftermath;
  }

  stall(number: number): Stall | undefined {
    return this.byNumber.get(number)?.stall;
  }

  unheard(number: number): UnheardSynAck | undefined {
    return this.byNumber.get(number)?.unheard;
  }

  paws(number: number): PawsEpisode | undefined {
    return this.byNumber.get(number)?.paws;
  }

  unacknowledged(number: number): Unacknowledged | undefined {
    return this.byNumber.get(number)?.unacknowledged;
  }

  /** Starts a story on the flow whose story number is `number` (0 = none yet); gives the flow's number. */
  begin(number: number, story: Story): number {
    const at = number === 0 ? ++this.last : number;
    let shelf = this.byNumber.get(at);
    if (shelf === undefined) {
      shelf = new Shelf();
      this.byNumber.set(at, shelf);
    }
    shelf.put(story);
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

  /** Places kept, those of closed stories included. */
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
    const shelf = this.byNumber.get(story.number);
    if (shelf !== undefined) {
      shelf.take(story);
      if (shelf.isEmpty) this.byNumber.delete(story.number);
    }
    if (story.stands !== true) story.tell(at);
    if (story.waits === true) {
      // In its old place: findings that began after it go on waiting for it.
      place.story = story;
      story.place = place;
      this.open++;
      this.due.push(story.due, place);
      this.looks?.add(place, at);
    } else this.ended(story);
  }

  /** The story is due sooner than before. */
  hasten(story: Story): void {
    if (story.place !== undefined) this.due.push(story.due, story.place);
  }

  /** Closes everything that the flow's stories still hold open. */
  settleFlow(number: number, at: Nanos): void {
    const shelf = this.byNumber.get(number);
    if (shelf === undefined) return;
    for (const story of STORY_KINDS.map(kind => shelf[kind])) if (story) this.settle(story, at);
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

  /** Start of the oldest open story, or +∞: no finding to come lies before it. */
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
