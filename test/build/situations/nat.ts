/** Fixtures of several machines behind one address, and of servers that cannot cope with it. */
import { Conversation, clientCloses, serverCloses } from '../conversation.ts';
import { Host } from '../host.ts';
import { newHost, oldHost } from './reuse.ts';
import { capture, type Situation, situation } from './situation.ts';

/** A SYN that nobody answers, and its retransmissions as Linux 6.18 sends them. */
const unanswered = (client: Host, clientPort: number, at: number, tries = 4): Conversation => {
  const attempt = new Conversation({ client, clientPort, at }).syn();
  for (let i = 1; i < tries; i++) attempt.wait(1 - attempt.rtt / 2).synAgain();
  return attempt;
};

/** The i-th port that the NAT assigns to connections of the machines behind it. */
const port = (i: number): number => 40000 + 2 * i;

export const nat: readonly Situation[] = [
  situation(
    'nat-second-client-unanswered.pcap',
    'Two machines behind one address and a server with tcp_tw_recycle: A, booted first, is answered each time, B never.',
    () => {
      const a = oldHost();
      const b = newHost();
      const rounds = [0, 1, 2, 3].flatMap(i => [
        serverCloses({ client: a, clientPort: port(2 * i), at: i * 10 }),
        unanswered(b, port(2 * i + 1), i * 10 + 1),
      ]);
      return capture(...rounds);
    },
  ),
  situation(
    'nat-second-client-answered.pcap',
    'The same two machines before a server without tcp_tw_recycle: B is answered at once.',
    () => {
      const a = oldHost();
      const b = newHost();
      const rounds = [0, 1, 2, 3].flatMap(i => [
        serverCloses({ client: a, clientPort: port(2 * i), at: i * 10 }),
        serverCloses({ client: b, clientPort: port(2 * i + 1), at: i * 10 + 1 }),
      ]);
      return capture(...rounds);
    },
  ),
  situation(
    'nat-client-closes-first.pcap',
    'The clients close first, so the server remembers no timestamp of the address and would drop nobody.',
    () =>
      capture(
        clientCloses({ client: oldHost(), clientPort: port(0) }),
        clientCloses({ client: newHost(), clientPort: port(1), at: 5 }),
      ),
  ),
  situation(
    'nat-client-without-timestamps.pcap',
    'A machine without timestamps behind the address of one with: locked out by tcp_tw_recycle from Linux 3.17 on.',
    () =>
      capture(
        serverCloses({ client: oldHost(), clientPort: port(0) }),
        unanswered(new Host('192.0.2.10', { timestamps: false, ttl: 127 }), port(1), 2),
      ),
  ),
  situation(
    'nat-clock-per-connection.pcap',
    'One modern machine with an offset of its own for each connection: its timestamps seem to run backwards.',
    () => {
      const host = new Host('192.0.2.10', { perConnection: true });
      return capture(...[0, 1, 2, 3, 4, 5].map(i => serverCloses({ client: host, clientPort: port(i), at: i * 2 })));
    },
  ),
  situation(
    'nat-after-a-minute.pcap',
    'The second machine comes more than 60 s after the first: nothing is remembered any more.',
    () =>
      capture(
        serverCloses({ client: oldHost(), clientPort: port(0) }),
        serverCloses({ client: newHost(), clientPort: port(1), at: 61 }),
      ),
  ),
  situation(
    'syns-out-of-order.pcap',
    'Two connections of one machine whose SYNs were captured 4 ms out of order: jitter, not a second clock.',
    () => {
      const host = oldHost();
      const first = serverCloses({ client: host, clientPort: port(0), at: 1 });
      const second = serverCloses({ client: host, clientPort: port(1), at: 1.004 });
      const late = first.packets[0];
      return capture(first.packets.toSpliced(0, 1), second, [{ ...late, t: 1.0043 }]);
    },
  ),
];
