/**
 * Whether a host that is silent on one connection is heard on others: looked for only where something waits for it
 * (unacknowledged.ts), and once for each time that it is waited anew. So segments of no other host pair are looked at.
 */
import { isFromB } from '../wire/fingerprint.ts';
import { Flag } from '../wire/tcp.ts';
import { findAwake } from './find-flow.ts';
import { layout } from './layout.ts';
import { packetAt } from './packet.ts';
import { PAIR_WORDS, PairLayout } from './pairs.ts';
import type { Tracker } from './tracker.ts';
import type { Unacknowledged } from './unacknowledged.ts';

const { L } = layout;
const P = PairLayout;

/** Stories of a host pair that wait for one of its hosts, and have not heard it since they were sent last. */
interface Waiting {
  forA: Set<Unacknowledged>;
  forB: Set<Unacknowledged>;
}

export class Witnesses {
  private readonly byPair = new Map<number, Waiting>();

  /** Somebody waits: pairs say for themselves whether it is for one of their hosts (`AWAITED`). */
  get areAwaited(): boolean {
    return this.byPair.size > 0;
  }

  /** The story waits anew for a segment of its other end, on whatever other connection. */
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
   * The segment at hand has been followed. It is the witness of all that wait for its sender, which then wait no more: in an
   * outage each of thousands of connections retransmits, and must not be compared with all others.
   * RSTs say nothing of a host: whoever is on the way sends them in its name.
   */
  hear(t: Tracker): void {
    if ((t.segment.flags & Flag.RST) !== 0) return;
    const fromB = isFromB(t.segment);
    const base = findAwake(t, fromB);
    if (base < 0) return;
    const pair = t.table.words[base + L.PAIR]!;
    const waiting = this.byPair.get(pair);
    if (waiting === undefined) return;
    const stories = fromB ? waiting.forB : waiting.forA;
    if (stories.size === 0) return;
    const flow = t.newFlow.at(base);
    const packet = packetAt(t.segment, fromB);
    for (const story of stories) {
      // On its own connection it is no witness: there it answers, or does not.
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
  const at = pair * PAIR_WORDS + P.OUTLIVED;
  pairs.words[at] = isAwaited ? pairs.words[at]! | P.AWAITED : pairs.words[at]! & ~P.AWAITED;
}
