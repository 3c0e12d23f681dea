/** Fixtures of healthy traffic, however odd it looks: none may cause a finding. */
import { Conversation, exchange, handshake, serverCloses } from '../conversation.ts';
import { Host } from '../host.ts';
import { capture, type Situation, situation } from './situation.ts';

const PORTS = [80, 443];

/** Machines with one clock each, which use increasing ports for two services; either end closes first. */
function busyMinute(): Conversation[] {
  const clients = ['192.0.2.10', '192.0.2.11', '203.0.113.7'].map(address => new Host(address));
  const server = new Host('198.51.100.80', { ttl: 57 });
  return Array.from({ length: 45 }, (_, i) => {
    const open = exchange({
      client: clients[i % 3],
      clientPort: 40000 + 2 * Math.floor(i / 3),
      server,
      serverPort: PORTS[i % 2],
      at: i * 1.3,
      rtt: 0.004 + (i % 5) * 0.01,
    });
    return i % 4 === 0 ? open.serverCloses() : open.request(300).response(900).clientCloses();
  });
}

export const healthy: readonly Situation[] = [
  situation('healthy-traffic.pcap', 'Forty-five short connections of three clients to two services.', () =>
    capture(...busyMinute()),
  ),
  situation('healthy-new-attempt.pcap', 'An unanswered SYN, and 20 s later a new attempt on the same ports.', () =>
    capture(new Conversation().syn().reopen(20).handshake()),
  ),
  situation('healthy-simultaneous-open.pcap', 'Both ends send a SYN to each other and meet.', () => {
    const c = new Conversation().syn();
    c.send('server', 'S').synAgain({ flags: 'SA', ack: c.server.nxt, tsecr: c.client.tsRecent });
    c.send('server', 'SA', { seq: c.server.nxt - 1 });
    return capture(c.request().clientCloses());
  }),
  situation('healthy-simultaneous-close.pcap', 'The FINs of both ends cross.', () =>
    capture(exchange().simultaneousClose()),
  ),
  situation('healthy-three-segment-close.pcap', 'FIN, FIN with ACK, ACK.', () =>
    capture(exchange().fin('client').fin('server').ack('client')),
  ),
  situation(
    'healthy-keep-alive.pcap',
    'An idle connection probed every 75 s at one below the next sequence number.',
    () => {
      const c = exchange();
      for (let i = 0; i < 5; i++) {
        c.wait(75).ack('client', { seq: c.client.nxt - 1 });
        c.ack('server');
      }
      return capture(c.request().clientCloses());
    },
  ),
  situation('healthy-syn-after-syn-ack.pcap', 'The SYN was captured 30 µs after the SYN-ACK that answers it.', () => {
    const c = handshake({ rtt: 0.0002 }).request().clientCloses();
    const [syn, ...others] = c.packets;
    return capture(others, [{ ...syn!, t: 0.00013 }]);
  }),
  situation(
    'healthy-mid-stream.pcap',
    'The capture begins in the middle of a connection, which then closes in order.',
    () => capture(exchange().request().serverCloses().packets.slice(4)),
  ),
  situation('healthy-one-way.pcap', 'Asymmetric routing: only what the clients send is in the capture.', () =>
    capture(...busyMinute().map(c => c.packets.filter(p => p.dst === '198.51.100.80'))),
  ),
  situation('healthy-old-duplicate-syn.pcap', 'The SYN arrives once more, 2 s into its own connection.', () => {
    const c = handshake();
    const syn = c.packets[0];
    return capture(c.wait(2).request().clientCloses(), [{ ...syn, t: 2 }]);
  }),
  situation('healthy-reuse-after-minutes.pcap', 'The same ports again ten minutes later.', () =>
    capture(serverCloses().reopen(600).handshake().clientCloses()),
  ),
  situation(
    'healthy-retransmissions.pcap',
    'Data and FIN are lost and repeated; everybody answers as he should.',
    () => {
      const c = handshake();
      const { nxt } = c.client;
      c.send('client', 'PA', { payload: 500, lost: true }).wait(0.2).send('client', 'PA', { payload: 500, seq: nxt });
      c.ack('server').fin('server').ack('client').fin('client', { lost: true }).wait(0.3);
      return capture(c.finAgain('client').ack('server'));
    },
  ),
];
