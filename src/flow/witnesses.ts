/**
 * Whether a host that is silent on one connection is heard on others: looked for only where something waits for it
 * (unacknowledged.ts), and once for each time that it is waited anew. So segments of no other host pair are looked at.
 */
import { isFromB, tupleHash } from '../wire/fingerprint.ts';
import { Flag } from '../wire/tcp.ts';
import { layout } from './layout.ts';
import { packetAt } from './packet.ts';
import { PAIR_WORDS, PairLayout } from './pairs.ts';
import type { Tracker } from './tracker.ts';
import type { Unacknowledged } from './unacknowledged.ts';

const { L } = layout;
const P = PairLayout;

export class Witnesses {
  private readonly byPair = new Map<number, Unacknowledged[]>();

  /** Somebody waits: pairs say for themselves whether it is for one of their hosts (`AWAITED`). */
  get areAwaited(): boolean {
    return this.byPair.size > 0;
  }

  await(t: Tracker, story: Unacknowledged): void {
    const { pair } = story.ends;
    const waiting = this.byPair.get(pair);
    if (waiting === undefined) this.byPair.set(pair, [story]);
    else if (!waiting.includes(story)) waiting.push(story);
    mark(t, pair, true);
  }

  release(t: Tracker, story: Unacknowledged): void {
    const { pair } = story.ends;
    const waiting = this.byPair.get(pair);
    const at = waiting?.indexOf(story) ?? -1;
    if (waiting === undefined || at < 0) return;
    waiting.splice(at, 1);
    if (waiting.length > 0) return;
    this.byPair.delete(pair);
    mark(t, pair, false);
  }

  /** The segment at hand has been followed. RSTs say nothing of a host: whoever is on the way sends them in its name. */
  hear(t: Tracker): void {
    const { src, dst, ports, scope, flags } = t.segment;
    if ((flags & Flag.RST) !== 0) return;
    const fromB = isFromB(src, dst, ports);
    const [a, b] = fromB ? [dst, src] : [src, dst];
    const key = fromB ? (ports << 16) | (ports >>> 16) : ports;
    const base = t.table.find(tupleHash(a, b, key, scope), a, b, key, scope);
    if (base < 0) return;
    const pair = t.table.words[base + L.PAIR]!;
    const waiting = this.byPair.get(pair);
    if (waiting === undefined || (t.pairs.words[pair * PAIR_WORDS + P.OUTLIVED]! & P.AWAITED) === 0) return;
    let goOn = false;
    for (const story of waiting) {
      if (story.ports !== key && story.fromB !== fromB && !story.isWitnessed) {
        const { clientIsB, serverPort } = story.ends;
        const flow = t.newFlow.at(base);
        story.heardOn(
          packetAt(t.segment, fromB),
          flow.port(clientIsB),
          fromB !== clientIsB && flow.port(fromB) === serverPort,
        );
      }
      goOn ||= !story.isWitnessed;
    }
    if (!goOn) mark(t, pair, false);
  }
}

function mark({ pairs }: Tracker, pair: number, isAwaited: boolean): void {
  const at = pair * PAIR_WORDS + P.OUTLIVED;
  pairs.words[at] = isAwaited ? pairs.words[at]! | P.AWAITED : pairs.words[at]! & ~P.AWAITED;
}
