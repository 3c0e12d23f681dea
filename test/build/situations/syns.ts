/** Fixtures of SYNs that are answered late. */
import { Conversation, clientCloses } from '../conversation.ts';
import { capture, type Situation, situation } from './situation.ts';

export const syns: readonly Situation[] = [
  situation(
    'syn-retransmitted.pcap',
    'The SYN is lost twice and repeated after 1 and 3 s, then the connection goes well.',
    () =>
      capture(
        new Conversation()
          .syn({ lost: true })
          .wait(1)
          .synAgain()
          .wait(2)
          .synAgain()
          .synAck()
          .ack('client')
          .clientCloses(),
      ),
  ),
  situation(
    'syn-lost.pcap',
    'One SYN of a busy client is lost and repeated after a second, while its other connections go well.',
    () => {
      const lost = new Conversation({ clientPort: 40100, at: 2 }).syn({ lost: true });
      lost.wait(1).synAgain().synAck().ack('client').request().response().clientCloses();
      const others = Array.from({ length: 12 }, (_, i) => clientCloses({ clientPort: 40000 + 2 * i, at: i * 0.4 }));
      return capture(lost, ...others);
    },
  ),
  situation(
    'syn-ack-lost.pcap',
    'At the server: three SYN-ACKs of one connection are lost on the way back, the client repeats its SYN.',
    () => {
      const c = new Conversation({ clientPort: 40100, at: 2 }).syn().synAck({ lost: true });
      const again = { seq: c.server.nxt - 1 };
      for (const gap of [1, 2])
        c.wait(gap)
          .synAgain()
          .send('server', 'SA', { ...again, lost: true });
      c.wait(4).synAgain().send('server', 'SA', again).ack('client').request().response().clientCloses();
      return capture(c, clientCloses({ clientPort: 40000 }));
    },
  ),
];
