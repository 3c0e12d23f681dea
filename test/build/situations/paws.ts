/** Fixtures of segments that PAWS drops inside an open connection. */
import { type Conversation, exchange } from '../conversation.ts';
import { capture, type Situation, situation } from './situation.ts';

/** A copy of a response that arrives `late` seconds later, while the connection goes on. */
export function heldBack(late: number): Conversation {
  const c = exchange();
  const response = c.packets.find(p => p.sport === 80 && p.payload === 500)!;
  c.wait(late).request().response();
  c.packets.push({ ...response, t: c.now });
  c.wait(0.01).ack('client').wait(0.2);
  return c.request().response();
}

/** The server sends the same data again and again with a clock that is `ticks` behind; the client drops it. */
export function hangs(ticks: number, tries = 4, c = exchange()): Conversation {
  c.wait(0.5).request();
  const { nxt } = c.server;
  for (let i = 0; i < tries; i++) {
    c.server.nxt = nxt;
    c.send('server', 'PA', { payload: 400, lost: true, tsval: c.server.host.tsval(c.now, c.name) - ticks });
    c.ack('client').wait(0.2 * 2 ** i);
  }
  return c;
}

export const paws: readonly Situation[] = [
  situation('paws-old-duplicate.pcap', 'A copy of a response turns up five seconds late; the receiver has it.', () =>
    capture(heldBack(5)),
  ),
  situation(
    'paws-clock-back.pcap',
    'In an open connection the TSvals of the server fall back by a minute: the client refuses its data.',
    () => capture(hangs(60_000)),
  ),
];
