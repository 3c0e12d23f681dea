/** Fixtures of port reuse: what happens to SYNs that reopen a tuple. */
import {
  Conversation,
  clientCloses,
  exchange,
  type Setup,
  serverCloses,
  simultaneousClose,
  TW_ISN_STEP,
} from '../conversation.ts';
import { Host } from '../host.ts';
import { capture, type Situation, situation } from './situation.ts';

/** Two machines to which a NAT gives the same address and port; the second was booted later. */
export const oldHost = (address = '192.0.2.10'): Host => new Host(address, { boot: 50_000_000, ttl: 63 });
export const newHost = (address = '192.0.2.10'): Host => new Host(address, { boot: 10_000_000, ttl: 63 });

/** Seconds between the RST and the retransmitted SYN. */
export const RETRY = { LINUX: 0.01, OLD_LINUX: 0.99 };

/**
 * The server holds the TIME_WAIT of one machine when another opens the same tuple with an older timestamp: old ACK,
 * RST, and a new SYN that finds the bucket gone.
 */
export function collision(retry: number, setup: Setup = {}): Conversation {
  const old = serverCloses({ client: oldHost(), ...setup });
  const next = old.reopen(30, { client: newHost(old.client.host.address) }).syn();
  old.oldAck(next);
  return next
    .bareRst('client', { seq: old.client.nxt })
    .wait(retry)
    .synAgain()
    .synAck()
    .ack('client')
    .request()
    .response()
    .serverCloses();
}

const reopened = (old: Conversation, after: number, setup: Setup = {}): Conversation =>
  old.reopen(after, setup).handshake().request().response();

/** The server's ISN when a SYN is accepted in its TIME_WAIT. */
const taken = (old: Conversation): Setup => ({ serverIsn: old.server.nxt + TW_ISN_STEP });

const withoutTimestamps = (): Setup => ({ client: new Host('192.0.2.10', { timestamps: false }), clientPort: 40000 });

export const reuse: readonly Situation[] = [
  situation(
    'time-wait-collision-one-second.pcap',
    'Another machine behind the NAT reuses a tuple in TIME_WAIT with an older timestamp: old ACK, RST, SYN again 1 s later.',
    () => capture(collision(RETRY.OLD_LINUX)),
  ),
  situation(
    'time-wait-collision-ten-milliseconds.pcap',
    'The same collision by a newer Linux, which repeats its SYN 10 ms after the RST.',
    () => capture(collision(RETRY.LINUX)),
  ),
  situation(
    'reuse-newer-timestamp.pcap',
    'Legal reuse by the newer timestamp alone: the server takes its TIME_WAIT over with ISN + 65537.',
    () => {
      const old = serverCloses();
      return capture(reopened(old, 30, { ...taken(old), clientIsn: old.client.nxt - 5000 }));
    },
  ),
  situation(
    'reuse-higher-sequence.pcap',
    'Legal reuse without timestamps: the SYN lies beyond the old connection.',
    () => {
      const old = serverCloses(withoutTimestamps());
      return capture(reopened(old, 20, { ...taken(old), clientIsn: old.client.nxt + 1000 }));
    },
  ),
  situation(
    'reuse-lower-sequence-never-in.pcap',
    'No timestamps and a lower sequence number, RSTs lost on the way: each SYN gets the old ACK.',
    () => {
      const old = serverCloses(withoutTimestamps());
      const next = old.reopen(20, { clientIsn: old.client.nxt - 5000 }).syn();
      old.oldAck(next);
      for (const pause of [1, 2]) {
        next.wait(pause).synAgain();
        old.oldAck(next);
      }
      return capture(next);
    },
  ),
  situation(
    'reuse-rst-ignored.pcap',
    'A server with tcp_rfc1337=1: the RST does not end its TIME_WAIT, each new SYN gets the old ACK again.',
    () => {
      const old = serverCloses({ client: oldHost() });
      const next = old.reopen(10, { client: newHost() }).syn();
      old.oldAck(next);
      for (const pause of [RETRY.LINUX, 0.5, 1]) {
        next.bareRst('client', { seq: old.client.nxt }).wait(pause).synAgain();
        old.oldAck(next);
      }
      return capture(next.bareRst('client', { seq: old.client.nxt }));
    },
  ),
  situation('timestamps-refused.pcap', 'A server that takes no timestamps from clients that offer them.', () => {
    const server = (): Host => new Host('198.51.100.80', { timestamps: false });
    const first = exchange({ server: server() }).serverCloses();
    return capture(first, exchange({ server: server(), clientPort: 40_002, at: 1 }).serverCloses());
  }),
  situation(
    'reuse-by-tw-reuse-client.pcap',
    'The client closed first and takes its own TIME_WAIT over after 1.5 s: tcp_tw_reuse, ISN + 65537 and TSecr set.',
    () => {
      const old = clientCloses();
      const next = old.reopen(1.5, { clientIsn: old.client.nxt + TW_ISN_STEP }).syn({ tsecr: old.client.tsRecent });
      return capture(next.synAck().ack('client').request().response());
    },
  ),
  situation(
    'reuse-by-client-without-timestamps.pcap',
    'The client closed first and opens the tuple again after 1.5 s without timestamps: no Linux would.',
    () => capture(reopened(clientCloses(withoutTimestamps()), 1.5)),
  ),
  situation(
    'reuse-dropped.pcap',
    'A SYN with an older timestamp into TIME_WAIT is dropped in silence three times, as BSD servers do.',
    () => {
      const next = serverCloses({ client: oldHost() }).reopen(30, { client: newHost() });
      return capture(next.syn().wait(1).synAgain().wait(2).synAgain());
    },
  ),
  situation(
    'reuse-dropped-others-accepted.pcap',
    'The same while the server answers other connections of the same address: neither loss nor a full queue.',
    () => {
      const next = serverCloses({ client: oldHost() }).reopen(30, { client: newHost() });
      next.syn().wait(1).synAgain().wait(2).synAgain();
      const others = [30.5, 31.5, 33].map((at, i) => exchange({ client: oldHost(), clientPort: 40002 + 2 * i, at }));
      return capture(next, ...others);
    },
  ),
  situation('reuse-refused.pcap', 'A legal SYN into TIME_WAIT finds the service stopped: refused.', () =>
    capture(serverCloses().reopen(30).syn().refuse()),
  ),
  situation(
    'reuse-in-grace.pcap',
    'Reuse 62 s after the close, where a timer wheel may still hold the TIME_WAIT.',
    () => {
      const old = serverCloses();
      return capture(reopened(old, 62, taken(old)));
    },
  ),
  situation('reuse-after-time-wait.pcap', 'Reuse 70 s after the close: the TIME_WAIT is over.', () =>
    capture(reopened(serverCloses(), 70)),
  ),
  situation(
    'reuse-old-ack-after-148-seconds.pcap',
    'A server with a longer TIME_WAIT answers a SYN 148 s after the close with its old ACK.',
    () => {
      const old = serverCloses({ client: oldHost() });
      const next = old.reopen(148, { client: newHost() }).syn();
      old.oldAck(next);
      next.bareRst('client', { seq: old.client.nxt }).wait(0.985).synAgain().synAck().ack('client');
      return capture(next);
    },
  ),
  situation(
    'reuse-after-rst.pcap',
    'The tuple was reset and is opened again a second later: a RST leaves no TIME_WAIT.',
    () => capture(reopened(exchange().rstFrom('server'), 1)),
  ),
  situation(
    'reuse-of-open-connection.pcap',
    'The client machine restarted and opens a tuple that the server still has open: challenge ACK, RST, accepted.',
    () => {
      const old = exchange({ client: oldHost() });
      const next = old.reopen(30, { client: new Host('192.0.2.10', { boot: 1000, ttl: 63 }) }).syn();
      old.oldAck(next, {});
      next.bareRst('client', { seq: old.client.nxt }).wait(RETRY.LINUX).synAgain().synAck().ack('client');
      return capture(next);
    },
  ),
  situation(
    'reuse-of-half-closed.pcap',
    'The server closed, the client never did; a SYN on the tuple is refused by the FIN_WAIT2 that waits there.',
    () => {
      const old = exchange().fin('server').ack('client');
      return capture(
        old
          .reopen(20, { clientIsn: old.client.nxt + 1000 })
          .syn()
          .refuse(),
      );
    },
  ),
  situation(
    'reuse-seen-one-way.pcap',
    'Only the packets of the client are in the capture: reuse after a close whose owner cannot be told.',
    () => {
      const { packets } = reopened(serverCloses(), 30);
      return capture(packets.filter(p => p.dport === 80));
    },
  ),
  situation(
    'reuse-after-unanswered-attempt.pcap',
    'After a close, one attempt is never answered; a later one is accepted.',
    () => {
      const pending = serverCloses().reopen(10).syn();
      return capture(reopened(pending, 20));
    },
  ),
  situation(
    'reuse-after-simultaneous-close.pcap',
    'FINs crossed, both ends hold a TIME_WAIT, and the tuple is opened again after 4 s.',
    () => {
      const old = simultaneousClose();
      return capture(reopened(old, 4, { ...taken(old), clientIsn: old.client.nxt + TW_ISN_STEP }));
    },
  ),
  situation(
    'reuse-by-the-server-side.pcap',
    'The end that was the server, and owns the TIME_WAIT, opens the tuple itself in the other direction.',
    () => {
      const { client, server, now, packets } = serverCloses();
      const reversed = new Conversation({
        client: server.host,
        clientPort: server.port,
        server: client.host,
        serverPort: client.port,
        at: now + 4,
        story: packets,
      });
      return capture(reversed.handshake());
    },
  ),
  situation(
    'reuse-old-duplicate-syn.pcap',
    'An old duplicate SYN is accepted in TIME_WAIT and reset by its surprised sender: the TIME_WAIT is lost.',
    () => {
      const old = serverCloses();
      const next = old.reopen(30, taken(old)).syn().synAck();
      return capture(next.bareRst('client', { seq: next.client.nxt }));
    },
  ),
];
