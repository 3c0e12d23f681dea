/**
 * Finds out whether a host that is silent on one connection sends packets on others. That is only done while a story
 * waits for it (unacknowledged.ts), and once after each retransmission. So other host pairs cost nothing.
 */
import { isFromB } from '../../wire/fingerprint.ts';
import { Flag } from '../../wire/tcp.ts';
import { findAwake } from '../find-flow.ts';
import { layout } from '../layout.ts';
import { packetAt } from '../packet.ts';
import { PAIR_WORDS, PairLayout } from '../tables/pairs.ts';
import type { Tracker } from '../tracker.ts';
import type { Unacknowledged } from './unacknowledged.ts';

const { L } = layout;
const P = PairLayout;

/** Stories of a host pair that wait for host A or for host B, and have not heard it since their last retransmission. */
interface Waiting {
  forA: Set<Unacknowledged>;
  forB: Set<Unacknowledged>;
}

export class Witnesses {
  private readonly byPair = new Map<number, Waiting>();

  /** Some story waits. The record of a pair says whether it is for one of its hosts (`AWAITED`). */
  get areAwaited(): boolean {
    return this.byPair.size > 0;
  }

  /** From now on the story waits for a segment of its other end on any other connection. */
  seekFor(t: Tracker, story: Unacknowledged): void {
    const { pair } = story.ends;
    let waiting = this.byPair.get(pair);
    if (waiting === undefined) {
      waiting = { forA: new Set(), forB: new Set() };
      this.byPair.set(pair, waiting);
      mark(t, pair, true);
    }
    (story.fromB ? waiting.forA : waiting.forB).add(story);
  }

  release(t: Tracker, story: Unacknowledged): void {
    const { pair } = story.ends;
    const waiting = this.byPair.get(pair);
    if (waiting === undefined) return;
    (story.fromB ? waiting.forA : waiting.forB).delete(story);
    this.unmark(t, pair, waiting);
  }

  /**
   * To be called after the segment at hand has been followed. All stories that wait for its sender have heard it and wait
   * no more: in an outage thousands of connections retransmit, and each must not be compared with all others. RSTs prove
   * nothing about a host, as devices on the path send them in its name.
   */
  hear(t: Tracker): void {
    if ((t.segment.flags & Flag.RST) !== 0) return;
    const fromB = isFromB(t.segment);
    const base = findAwake(t, fromB);
    if (base < 0) return;
    const pair = t.table.words[base + L.PAIR];
    const waiting = this.byPair.get(pair);
    if (waiting === undefined) return;
    const stories = fromB ? waiting.forB : waiting.forA;
    if (stories.size === 0) return;
    const flow = t.newFlow.at(base);
    const packet = packetAt(t.segment, fromB);
    for (const story of stories) {
      // A segment of the story's own connection does not count.
      if (story.ports === flow.ports) continue;
      const { clientIsB, serverPort } = story.ends;
      story.otherSentElsewhere(packet, flow.port(clientIsB), fromB !== clientIsB && flow.port(fromB) === serverPort);
      stories.delete(story);
    }
    this.unmark(t, pair, waiting);
  }

  private unmark(t: Tracker, pair: number, { forA, forB }: Waiting): void {
    if (forA.size > 0 || forB.size > 0) return;
    this.byPair.delete(pair);
    mark(t, pair, false);
  }
}

function mark({ pairs }: Tracker, pair: number, isAwaited: boolean): void {
  const at = pair * PAIR_WORDS + P.NOTED;
  pairs.words[at] = isAwaited ? pairs.words[at] | P.AWAITED : pairs.words[at] & ~P.AWAITED;
}
