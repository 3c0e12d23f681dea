/**
 * A host with a random timestamp offset for every connection, and a server that closes first and is sometimes
 * unreachable: which SYNs tcp_tw_recycle would drop and which got no answer is then unrelated.
 */
import { generator } from './clock-hosts.ts';
import { Conversation } from './conversation.ts';
import { Host } from './host.ts';

export function outages(seed: number): Conversation[] {
  const next = generator(seed);
  const count = 7 + Math.floor(next() * 8);
  const pause = [0.3, 1, 3][Math.floor(next() * 3)];
  const away = Array.from({ length: 2 + Math.floor(next() * 2) }, () => {
    const from = next() * count * pause;
    return [from, from + (0.3 + next() * 2) * pause] as const;
  });
  const isAway = (t: number): boolean => away.some(([from, to]) => t >= from && t < to);
  const tries = Math.floor(next() * 2);
  const client = new Host('192.0.2.10', { boot: Math.floor(next() * 2 ** 32), perConnection: true });
  let t = 0;
  return Array.from({ length: count }, (_, i) => {
    t -= Math.log(1 - next()) * pause;
    const c = new Conversation({ client, clientPort: 40_000 + 2 * i, at: t, rtt: 0.004 }).syn();
    for (let again = 0; again < tries && isAway(c.last.t); again++) c.wait(0.998).synAgain();
    return isAway(c.last.t) ? c : c.synAck().ack('client').request().response().serverCloses();
  });
}
