/** Advice on RST,ACKs in an open connection: one end aborts it, or a timer somewhere does. */
import type { Change, Check, Row } from './advice.ts';
import { accepted, acceptQueue, bothSides, keepAlives, requestRead } from './checks.ts';
import { conntrackIdle, rstOnBothSides } from './reset-close-doubtful.ts';

/** The kernel resets what a listener that is closed leaves, whether or not anything was sent (inet_csk_listen_stop). */
const sentNothing = (otherwise: string): Row => ({
  meaning:
    'The server aborted a connection on which it had sent nothing yet. Where its listener was closed at that moment (a ' +
    'restart, or a reload of one of several listeners by SO_REUSEPORT), that is why: the kernel resets what is complete ' +
    `and not yet accepted. Otherwise the application aborted it: ${otherwise}`,
  checks: [aborts, serviceRestarts],
  change: [
    {
      what:
        'If a restart closed the listener: hand it over (socket activation, or net.ipv4.tcp_migrate_req=1 with ' +
        'SO_REUSEPORT).',
      risk: 'tcp_migrate_req needs Linux 5.14, and another listener on the port at that moment.',
    },
  ],
  askNext: 'The owner of the service on {server}:{server_port}: was it restarted or reloaded at that moment?',
});

/** Without a byte received, nothing is left unread: neither reading to the end nor a killed process matters. */
const nothingUnread = (meaning: string, also = ''): Row => ({
  meaning,
  checks: [aborts],
  change: [
    {
      what: 'Where TCPAbortOnData grows: no SO_LINGER with a time of 0.',
      risk: 'The end that closes first then holds TIME_WAIT for 60 s.',
    },
  ],
  askNext: `The owner of the application on the {from}.${also}`,
});

const aborts: Check = {
  where: 'the {from}, which reset',
  command:
    'nstat -az TcpExtTCPAbortOnClose TcpExtTCPAbortOnData TcpExtTCPAbortOnTimeout TcpExtTCPAbortOnMemory TcpOutRsts',
  expect:
    'TCPAbortOnClose: closed with data unread. TCPAbortOnData: SO_LINGER 0, or data after a close. ' +
    'TCPAbortOnTimeout: keep-alives unanswered. Only TcpOutRsts: its listener was closed before it accepted ' +
    'the connection, or ss -K ended it. None: this host did not send the RST.',
};

export const restarts: Check = {
  where: 'the {from}',
  command: "journalctl -k --since '{since}' --until '{until}' | grep -iE 'oom|killed process'; uptime -s",
  expect:
    'A boot at that time explains it. A process that was killed only if its FIN or RST was lost, or waited behind data: its ' +
    'kernel closes what it leaves.',
};

const killed: Check = {
  ...restarts,
  expect:
    'A process that was killed at the time of the RST explains it where data was unread (TCPAbortOnClose grows). Otherwise its ' +
    'kernel sends a FIN.',
};

/** Linux gives a connection up without a word if what it sends is not acknowledged (tcp_write_err). */
export const gaveUp: Check = {
  where: 'the {from}',
  command: 'nstat -az TcpExtTCPAbortOnTimeout; sysctl net.ipv4.tcp_retries2',
  expect:
    'The counter grows by one for each connection given up after so many tries, or by TCP_USER_TIMEOUT. Without ' +
    'keep-alives no packet says so.',
};

const serviceRestarts: Check = {
  where: 'the server',
  command: "journalctl --since '{since}' --until '{until}' | grep -iE 'start|stop|reload'",
  expect: 'The service was restarted or reloaded at the time of the RST: its listener was closed then.',
};

const readBeforeClose: Change = {
  what:
    'Where TCPAbortOnClose grows: read to the end (until read() returns 0) before close(). Where TCPAbortOnData does: no ' +
    'SO_LINGER with a time of 0.',
  risk: 'The end that closes first then holds TIME_WAIT for 60 s.',
};

/** Linux sends an RST when as many probes were not answered as the socket allows (tcp_keepalive_timer). */
const afterProbes = (meaning: string): Row => ({
  meaning,
  checks: [
    {
      where: 'the {from}, which reset',
      command: 'nstat -az TcpExtTCPKeepAlive TcpExtTCPAbortOnTimeout',
      expect: 'The second grows by one for each connection that is given up this way.',
    },
    bothSides,
    conntrackIdle,
  ],
  askNext: 'The owner of the {other}: was it down? If not, the network team on the path between {client} and {server}.',
});

const PEER_GONE = 'the {other} is gone or cut off, or something on the path had forgotten the connection.';

export const abortingResets = {
  probed: afterProbes(
    'The {from} asked by keep-alive probe whether the {other} is still there, got no answer, and likely gave up. Then the ' +
      `RST is the end of it and not the fault: ${PEER_GONE}`,
  ),
  'probed-in-vain': afterProbes(
    'The {from} asked again and again by keep-alive probe whether the {other} is still there, got no answer to the last ' +
      `{probes} at least, and gave up. The RST is the end of it and not the fault: ${PEER_GONE}`,
  ),
  'answers-lost': {
    meaning:
      'The {other} answered what the {from} sent, as this capture shows, and the {from} heard none of it: it sent the same ' +
      'again, and gave the connection up in the end. The RST is the end of it and not the fault: between the capture point and ' +
      'the {from} something likely loses the packets of the {other} (one direction of a path is down, another route back, a ' +
      'firewall on the way or on the {from} itself).',
    checks: [
      {
        where: 'the {from}, which reset',
        command: 'nstat -az TcpExtTCPKeepAlive TcpExtTCPTimeouts TcpExtTCPAbortOnTimeout',
        expect:
          'The last grows by one for each connection given up this way (TCP_USER_TIMEOUT, tcp_retries2 or keep-alives).',
      },
      bothSides,
    ],
    askNext:
      'The network and firewall teams for the way from the {other} back to the {from}, behind the point of this capture.',
  },
  'sent-in-vain': {
    meaning:
      'The {from} had sent the same {unacked_bytes} bytes again and again, the {other} acknowledged none of them, and so the ' +
      '{from} gave the connection up, most likely: Linux does that without a word, and answers what comes later by RST. What ' +
      'the {from} sent did not arrive, or no answer came back: the path was dead, at least one way.',
    checks: [
      {
        where: 'the {from}, which reset',
        command: 'nstat -az TcpExtTCPAbortOnTimeout; sysctl net.ipv4.tcp_retries2',
        expect:
          'The counter grows by one for each connection given up after so many tries (TCP_USER_TIMEOUT may end it ' +
          'sooner).',
      },
      bothSides,
      conntrackIdle,
    ],
    askNext:
      'The network, firewall and NAT teams on the path between {client} and {server}: what stopped the data of the {from}.',
  },
  unanswered: {
    meaning:
      'The client had sent something, the server had acknowledged it, and {idle} later, without a byte in answer, ' +
      'the client gave up: a read timeout of the client, if what it had sent asks for an answer. Then the RST is ' +
      'the end of it, and what is wrong is that no answer came. If it asks for none (a cancelled HTTP/2 stream, a ' +
      'ping, a goodbye: mostly a few bytes), the server owes nothing: the client drops what it no longer needs.',
    checks: [requestRead],
    askNext:
      'The owner of {server}:{server_port}: why no answer comes within {idle}. Then the owner of the client: its ' +
      'read timeout.',
  },
  'no-data': {
    meaning:
      'The client reset a connection on which neither end had sent a byte. It had waited for a greeting of the server, if the ' +
      'protocol has one, and then what is wrong is that none came. Or it is a scan or a health check, or a pool that needs the ' +
      'connection no more: then nothing is lost. Keep-alives change none of these. Where the connection has no timestamps, a ' +
      'device in between with an idle timer looks the same.',
    checks: [accepted, acceptQueue],
    askNext:
      'The owner of the client: what it connects for. If the server should speak first: the owner of ' +
      '{server}:{server_port}.',
  },
  'window-shut': {
    meaning:
      'The window of the {other} had been closed: its application did not read. The {from} asked again and again whether it was ' +
      'open, and gave the connection up in the end, most likely: by TCP_USER_TIMEOUT, or because its application had closed it ' +
      'or was killed (Linux then holds the FIN behind the data, for tcp_orphan_retries). No packet says so, and what comes ' +
      'later is answered by RST. What the {from} still had to send is lost.',
    checks: [
      {
        where: 'the {other}, while it happens',
        command: "ss -tanp 'dst {from_address}'",
        expect: 'Recv-Q large and not shrinking: the application there does not read. Its process is named beside.',
      },
      {
        ...gaveUp,
        command: 'nstat -az TcpExtTCPAbortOnTimeout TcpExtTCPAbortOnData; sysctl net.ipv4.tcp_retries2',
        expect: 'The first grows: a timer ended it. The second: data came after its application had closed.',
      },
    ],
    askNext: 'The owner of the application on the {other}: why it did not read.',
  },
  'idle-timer': {
    meaning:
      'The connection was reset after {idle} of silence, close to an idle time that balancers and NATs use: an entry ' +
      'expired there, most likely, or the {from} has an idle timeout of its own, as web servers and pools do.',
    checks: [
      {
        where: 'the {other}',
        command: "ss -tano 'dst {from_address}'",
        expect: 'timer:(keepalive,T,…) beside a connection: its next keep-alive is due in T. No timer: it sends none.',
      },
      rstOnBothSides,
    ],
    change: [keepAlives],
    askNext: 'The load-balancer or NAT team: its idle timeout for TCP, and whether it resets or drops after that.',
  },
  'unread-data': {
    meaning:
      'The {from} closed although data it had received was still unread, most likely: its kernel then sends RST, and ' +
      'what it had sent itself may be lost to the reader.',
    checks: [aborts],
    change: [readBeforeClose],
    askNext: 'The owner of the application on the {from}: why it closes before it has read its input.',
  },
  'fin-held': {
    meaning:
      'The {from} had closed while it still had data to send, or its process was killed, most likely: its kernel then holds ' +
      'the FIN behind that data, so the capture has none, and answers data that the {other} sends meanwhile by RST. What ' +
      'the {from} had still to send is lost. Less likely its host or a device on the path lost the connection just then.',
    checks: [
      {
        where: 'the {from}, which reset',
        command: 'nstat -az TcpExtTCPAbortOnData TcpOutRsts',
        expect: 'TCPAbortOnData grows: data came after the close. Only TcpOutRsts: it has lost the connection.',
      },
      {
        ...restarts,
        expect:
          'A process killed just then: its kernel closed the socket, no application did. A boot: the host lost the connection.',
      },
    ],
    change: [
      {
        what: 'After the last write(): shutdown(SHUT_WR), then read to the end (until read() returns 0), then close().',
        risk: 'A slow or silent peer holds the connection for longer: bound that by a timeout.',
      },
    ],
    askNext: 'The owner of the application on the {from}: why it closes before it has read all that comes.',
  },
  'behind-proxy': {
    meaning:
      'The SYN was accepted with window 0, as SYN proxies of firewalls and balancers do before they ask the server, and the ' +
      'RST came instead of a window: the server refused, or did not answer the proxy. For the client this is a refusal.',
    checks: [
      {
        where: 'the server behind {server}',
        command: 'ss -ltn sport = :{server_port}',
        expect: 'No line: nothing listens on the port, and the server refuses.',
      },
      bothSides,
    ],
    askNext: 'Whoever runs the firewall or balancer at {server}, then the owner of the server behind it.',
  },
  'sent-nothing': sentNothing(
    'SO_LINGER 0, data left unread (a process that is killed before it has read leaves it, too), a timeout.',
  ),
  'nothing-exchanged': sentNothing('SO_LINGER 0 or a timeout. The client had sent nothing either.'),
  'received-nothing': nothingUnread(
    'The {from} aborted an open connection on which the {other} had sent no byte: SO_LINGER 0 or a timeout. Its counters ' +
      'tell the two apart. Health checks and load generators abort on purpose, to leave no TIME_WAIT: that is no fault.',
  ),
  'received-only-fin': nothingUnread(
    'The {other} had closed in order, without having sent a byte; the {from} ended with an RST instead of a FIN: SO_LINGER 0, ' +
      'or a timer gave the connection up.',
    ' Harmless if the {other} needed nothing more.',
  ),
  abort: {
    meaning:
      'The {from} aborted an open connection: SO_LINGER 0, data left unread, or a timeout. A process that was killed leaves ' +
      'an RST only where data was unread, otherwise a FIN. Its counters tell most of them apart. Health checks and load ' +
      'generators abort on purpose, when they have had their answer, to leave no TIME_WAIT: that is no fault.',
    checks: [aborts, killed],
    change: [readBeforeClose],
    askNext: 'The owner of the application on the {from}.',
  },
  'abort-after-peer-fin': {
    meaning:
      'The {other} had closed in order; the {from} ended with an RST instead of a FIN: it closed with unread data or with ' +
      'SO_LINGER 0 (a killed process that had not read everything ends the same way), or a timer gave the connection up.',
    checks: [aborts],
    change: [readBeforeClose],
    askNext: 'The owner of the application on the {from}. Harmless if the {other} needed nothing more.',
  },
} as const satisfies Readonly<Record<string, Row>>;
