/** Fixtures of RSTs, one for each class of `reset-close` and for each of its hints. */
import { Conversation, clientCloses, exchange, handshake, serverCloses } from '../conversation.ts';
import { Host } from '../host.ts';
import { capture, type Situation, situation } from './situation.ts';

const withoutTimestamps = (): Conversation =>
  exchange({ client: new Host('192.0.2.10', { timestamps: false }), clientPort: 40000 });

const duringHandshake: readonly Situation[] = [
  situation('reset-refused.pcap', 'A closed port refuses the SYN.', () => capture(new Conversation().syn().refuse())),
  situation(
    'reset-windows-retry.pcap',
    'A Windows client tries a refused port twice more with the same sequence number: retries, not reuse.',
    () => {
      const attempt = new Conversation({ client: new Host('192.0.2.10', { timestamps: false, ttl: 128 }) });
      attempt.syn().refuse().wait(0.5).synAgain().refuse().wait(0.5).synAgain().refuse();
      return capture(attempt);
    },
  ),
  situation(
    'reset-answer-to-old-ack.pcap',
    'The capture knows nothing of the old connection: a SYN gets a foreign ACK, resets it, and is accepted then.',
    () => {
      const attempt = new Conversation().syn().send('server', 'A', { seq: 777_000, ack: 4_242_000, ipId: 0 });
      return capture(attempt.bareRst('client', { seq: 4_242_000 }).wait(0.99).synAgain().synAck().ack('client'));
    },
  ),
  situation('reset-client-abort-syn.pcap', 'The client gives up while its SYNs are unanswered.', () => {
    const attempt = new Conversation().syn().wait(1).synAgain().wait(2).synAgain().wait(0.5);
    return capture(attempt.bareRst('client', { seq: attempt.client.nxt }));
  }),
  situation(
    'reset-unsolicited-synack.pcap',
    'A SYN-ACK that nobody asked for is reset: backscatter of a spoofed SYN.',
    () => capture(new Conversation().synAck({ ack: 4711, tsecr: 1 }).bareRst('client', { seq: 4711 })),
  ),
  situation('reset-handshake-abort.pcap', 'A half-open scan: SYN, SYN-ACK, RST.', () => {
    const scan = new Conversation().syn().synAck();
    return capture(scan.bareRst('client', { seq: scan.client.nxt }));
  }),
];

const whileOpen: readonly Situation[] = [
  situation('reset-abort.pcap', 'The server aborts an established connection (SO_LINGER 0).', () =>
    capture(exchange().wait(0.2).rstFrom('server')),
  ),
  situation('reset-abort-by-client.pcap', 'The client aborts right after the response.', () =>
    capture(exchange().rstFrom('client')),
  ),
  situation(
    'reset-abort-when-idle.pcap',
    'A load balancer resets both directions of a connection that was idle for 350 s.',
    () => capture(exchange().wait(350).rstFrom('server')),
  ),
  situation(
    'reset-abort-unread-data.pcap',
    'The server closes with a request unread: its window has not recovered when it aborts.',
    () => {
      const c = handshake();
      c.send('client', 'PA', { payload: 1400 }).ack('server', { window: 10 });
      return capture(c.wait(0.3).rstFrom('server', { window: 10 }));
    },
  ),
  situation(
    'reset-abort-after-peer-fin.pcap',
    'The client closes, the server answers with an abort instead of a FIN.',
    () => capture(exchange().fin('client').ack('server').wait(0.4).rstFrom('server')),
  ),
  situation(
    'reset-after-own-fin.pcap',
    'The server has closed for good; data that comes afterwards gets a RST.',
    () => {
      const c = exchange().fin('server').ack('client').send('client', 'PA', { payload: 50 });
      return capture(c.bareRst('server'));
    },
  ),
  situation(
    'reset-no-state.pcap',
    'After 300 s of silence the server no longer knows the connection: a bare RST answers the next request.',
    () => capture(exchange().wait(300).send('client', 'PA', { payload: 50 }).bareRst('server')),
  ),
  situation(
    'reset-challenged.pcap',
    'A RST inside the window but not at its edge: challenge ACK, and the connection goes on.',
    () => {
      const c = exchange();
      c.bareRst('server', { seq: c.server.nxt + 50 })
        .ack('client')
        .response()
        .request();
      return capture(c.serverCloses());
    },
  ),
  situation('reset-ineffective.pcap', 'A RST far outside the window: ignored, the connection goes on.', () => {
    const c = exchange();
    c.bareRst('server', { seq: c.server.nxt + 100_000_000 }).wait(0.5);
    return capture(c.response().serverCloses());
  }),
  situation('reset-repeat.pcap', 'The server sends its RST three times: one abort, and its repetitions.', () =>
    capture(exchange().rstFrom('server').wait(0.01).rstFrom('server').wait(0.01).rstFrom('server')),
  ),
  situation(
    'reset-by-middlebox.pcap',
    'A box on the way resets the client in the name of the server: other TTL, no timestamps, and the server goes on.',
    () => {
      const c = handshake({ server: new Host('198.51.100.80', { ttl: 52 }) });
      c.send('client', 'PA', { payload: 200 });
      c.send('server', 'RA', { bare: true, ttl: 60, ipId: 0xbeef, t: c.now - 0.004 });
      return capture(c.ack('server').wait(0.1).send('server', 'PA', { payload: 700 }));
    },
  ),
  situation('reset-stepped-sequence.pcap', 'An injector guesses: three RSTs in a row, each a window further.', () => {
    const c = withoutTimestamps();
    const { nxt } = c.server;
    for (const step of [0, 1460, 4380]) c.bareRst('server', { seq: nxt + step, ttl: 57 }).wait(-0.0049);
    return capture(c);
  }),
];

const afterClose: readonly Situation[] = [
  situation(
    'reset-tw-assassination.pcap',
    'A RST at exactly the right sequence number ends the TIME_WAIT of the server; the tuple is reused afterwards.',
    () => {
      const old = serverCloses();
      old.wait(5).bareRst('client', { seq: old.client.nxt });
      return capture(old.reopen(10).handshake());
    },
  ),
  situation(
    'reset-tw-ignored.pcap',
    'RSTs towards a TIME_WAIT that change nothing: another sequence number, then an older timestamp.',
    () => {
      const old = serverCloses();
      old.wait(5).bareRst('client', { seq: old.client.nxt + 1 });
      return capture(old.wait(5).rstFrom('client', { tsval: old.server.tsRecent - 500 }));
    },
  ),
  situation(
    'reset-tw-missing.pcap',
    'The last ACK is lost, the FIN comes again, and the TIME_WAIT that should answer it is gone: RST.',
    () => {
      const c = exchange().fin('server').ack('client').fin('client').ack('server', { lost: true });
      return capture(c.wait(1).finAgain('client').bareRst('server'));
    },
  ),
  situation('reset-after-close.pcap', 'A late RST towards the end that closed second, and has no TIME_WAIT.', () => {
    const c = clientCloses();
    return capture(c.wait(5).bareRst('client'));
  }),
  situation('reset-no-flow.pcap', 'A single RST of a connection from before the capture.', () =>
    capture(new Conversation().bareRst('server', { seq: 123_456 })),
  ),
];

const timers: readonly Situation[] = [
  situation('idle-timer.pcap', 'Connections of one client that a balancer resets after 240 s of silence each.', () =>
    capture(
      ...[0, 31, 55, 90].map((at, i) =>
        exchange({ clientPort: 40000 + 2 * i, at })
          .wait(240 + i * 0.05)
          .rstFrom('server', { ipId: 0, bare: true }),
      ),
    ),
  ),
];

export const resets: readonly Situation[] = [...timers, ...duringHandshake, ...whileOpen, ...afterClose];
