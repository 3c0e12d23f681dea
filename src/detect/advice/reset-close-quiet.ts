/** Advice on RSTs that mostly do no harm: those without effect, after the close, or around TIME_WAIT. */
import type { Change, Check, Row } from './advice.ts';
import { bothSides, captureDrops, route, twPaws } from './checks.ts';
import { unsolicitedSynAck } from './foreign-answers.ts';

const challengeAcks = {
  where: 'the {other}',
  command: 'nstat -az TcpExtTCPChallengeACK TcpExtTCPSYNChallenge TcpExtTCPACKSkippedChallenge',
  expect: 'TCPChallengeACK grows by one for each RST that is in the window but not at the expected number.',
};

const resetsSent = {
  where: 'the {from}',
  command: 'nstat -az TcpOutRsts',
  expect: 'Grows by one for each RST that this host sends; many without errors elsewhere are clean-up.',
};

const overflow: Check = {
  where: 'the {from}',
  command: 'nstat -az TcpExtTCPTimeWaitOverflow',
  expect: 'Growing: its table of TIME_WAITs is full, and the FIN found none.',
};

const finTimeout: Check = {
  where: 'the {from}',
  command: 'sysctl net.ipv4.tcp_fin_timeout',
  expect:
    'Less than {fin_wait2}: the FIN came too late, and the RST was due. More: only an application that sets TCP_LINGER2 ' +
    'shortens it, and something else took the socket.',
};

const closeWait: Check = {
  where: 'the {other}',
  command: "ss -tanp state close-wait 'dst {from_address}'",
  expect:
    'Connections that stay listed: the application there was told that the {from} has closed, and does not close.',
};

const closeInTime: Change = {
  what: 'On the {other}: close the connection when read() returns 0, and use none again that was idle for long.',
  risk: 'None for TCP.',
};

const clientPool: Check = {
  where: 'the client',
  command: "ss -tano state established 'dst {server}'",
  expect:
    'Connections kept without traffic for longer than the server keeps idle ones: the next use may meet its close.',
};

const clientFirst: Change = {
  what: "Set the idle time of the client's or proxy's pool below the server's keep-alive time, so that the client closes first.",
  risk: 'More new connections, and TIME_WAIT at the client. Requests that are not idempotent are not to be repeated blindly.',
};

const CLOSE_NOTIFY = "TLS's goodbye (close_notify, often 24 or 31 bytes)";

const closedReceivers: Check = {
  where: 'the {from}',
  command: 'nstat -az TcpExtTCPAbortOnData TcpExtTCPAbortOnMemory',
  expect: 'TCPAbortOnData: data came after close(). TCPAbortOnMemory: too many sockets without a process.',
};

const readToTheEnd: Change = {
  what: 'Only where something is missing, on the {from}: shutdown() first, read until 0, then close().',
  risk: 'The application must bound how long it waits for a peer that never closes.',
};

export const quietResets = {
  'answer-to-old-ack': {
    meaning:
      'The client reset because its SYN was answered with an ACK of an older connection, in TIME_WAIT at the server or ' +
      'still open there: its RST clears the way for the next SYN. What it cost is told by port-reuse on the same tuple.',
    checks: [
      {
        where: 'the server',
        command: "ss -tano 'sport = :{server_port} and dport = :{client_port}'",
        expect: 'TIME-WAIT: the server closed first. ESTAB without traffic: it never learned that the old one is gone.',
      },
      twPaws,
    ],
    askNext: 'Nobody for the RST itself; see port-reuse.',
  },
  'client-abort-syn': {
    meaning: 'The client gave up before any answer came: a short timeout of the application, or a scan.',
    checks: [bothSides],
    askNext: 'The owner of the client: its connect timeout. Then whoever owns the path: why no answer came in time.',
  },
  'unsolicited-synack': unsolicitedSynAck,
  'tw-assassination': {
    meaning:
      'An RST at exactly the expected number should end the TIME_WAIT of the {other} early (RFC 1337), unless tcp_rfc1337=1 there. ' +
      'After an old ACK this is what lets the next SYN in.',
    checks: [
      {
        where: 'the {other}',
        command: 'sysctl net.ipv4.tcp_rfc1337',
        expect: '0, the default: the RST counted. 1: it was ignored and TIME_WAIT went on.',
        collected: true,
      },
    ],
    askNext: 'Nobody, unless old duplicates disturb new connections of the tuple.',
  },
  repeat: {
    meaning:
      'The connection had been reset before, and this RST changes nothing: its sender answers each segment that still comes. ' +
      'Only if a device in between sent the RST before, to one end alone, does the other end learn of it by this one.',
    checks: [resetsSent],
    askNext: 'Nobody.',
  },
  'repeat-effective': {
    meaning:
      'The {from} had reset before, but below what it had already sent: a {other} that has received that ignores such an ' +
      'RST. This one stands where it counts, and ends the connection there.',
    checks: [resetsSent],
    askNext: 'Nobody: the finding on the RST before says why the {from} resets.',
  },
  'known-connection': {
    meaning:
      'The {other} should ignore this RST, since it does not stand at the number that is expected. Nobody guesses, though: it ' +
      'stands at a number that the {other} had acknowledged, or acknowledges exactly what the {other} had sent. Likely the ' +
      '{from} answers an earlier segment, or a device in between that moves sequence numbers let this one pass as it was.',
    checks: [bothSides, resetsSent],
    askNext: 'Nobody, if another RST ended the connection; else the owner of the {from}: why it resets.',
  },
  'answers-challenge': {
    meaning:
      'The {from} had reset before, at a number that did not count; the {other} asked back by a challenge ACK (RFC ' +
      '5961), and this RST answers that: the {from} has no such connection any more. The RST before shows why, not ' +
      'this one.',
    checks: [resetsSent],
    askNext: 'The owner of the {from}, about the RST before.',
  },
  'foreign-echo': {
    meaning:
      'What answers the SYN echoes a TSval older than that SYN. Linux accepts no such segment: it ignores an RST, ' +
      'refuses anything else by RST, and goes on waiting for its SYN-ACK. It answers something older, or somebody ' +
      'wants to mislead a device that watches: usual systems put no timestamps on a refusal.',
    checks: [bothSides],
    askNext: 'If they keep coming: the security team. Otherwise nobody needs to act.',
  },
  'tw-ignored': {
    meaning:
      'The {other} should hold the connection in TIME_WAIT, and the RST should not end that: its number is not the one ' +
      'expected, or its TSval is older.',
    checks: [resetsSent],
    askNext: 'Nobody.',
  },
  'after-close': {
    meaning:
      'Both ends had closed before: the RST is clean-up, of a socket that is closed twice or a process that ends, and ' +
      'changes nothing.',
    checks: [resetsSent],
    askNext: 'Nobody.',
  },
  challenged: {
    meaning:
      'The RST fell into the window but not on the expected number: a host by RFC 5961 answers with a challenge ACK and ' +
      'keeps the connection. Either it overtook data, or somebody guesses numbers.',
    checks: [challengeAcks, bothSides],
    askNext: 'If they keep coming with changing numbers: the security team. Else the owner of the {from}.',
  },
  ineffective: {
    meaning:
      'The RST lies outside the window, as far as this capture shows, so its receiver should ignore it: a very late ' +
      'packet, or somebody guesses numbers.',
    checks: [bothSides, captureDrops],
    askNext: 'If they keep coming with changing numbers: the security team. Otherwise nobody needs to act.',
  },
  'after-own-fin': {
    meaning:
      'The {from} had sent its FIN and then aborted what was left: it closed with data unread, waited no longer for the ' +
      "{other}'s FIN (TCP_LINGER2), or its kernel had too many sockets without a process, or too little memory.",
    checks: [
      {
        where: 'the {from}',
        command:
          'nstat -az TcpExtTCPAbortOnClose TcpExtTCPAbortOnLinger TcpExtTCPAbortOnMemory TcpExtTCPAbortOnTimeout',
        expect:
          'TCPAbortOnClose: closed with data unread. TCPAbortOnLinger: TCP_LINGER2. TCPAbortOnMemory: too many sockets ' +
          'without a process. TCPAbortOnTimeout: the FIN was never acknowledged.',
      },
    ],
    change: [
      {
        what: 'On the {from}: shutdown() first, read until 0, then close().',
        risk: 'The application must bound how long it waits for a peer that never closes.',
      },
    ],
    askNext: 'The owner of the application on the {from}.',
  },
  'fin-wait2': {
    meaning:
      'The {from} had closed in order, and the {other} had acknowledged that, but closed its own half only {fin_wait2} ' +
      'later. By then the FIN_WAIT2 of the {from} had run out, most likely: Linux keeps it for tcp_fin_timeout, 60 s by ' +
      'default, once no process has the socket, and answers what comes later by RST. The {other} sat in CLOSE_WAIT all that ' +
      'time: that is what to look into. The RST itself does no harm.',
    checks: [closeWait, finTimeout],
    change: [closeInTime],
    askNext: 'The owner of the application on the {other}: why it keeps a connection open that its peer has closed.',
  },
  'short-fin-wait2': {
    meaning:
      'The {from} had closed in order, and the {other} closed its own half {fin_wait2} later, when the {from} had no socket ' +
      'for it any more. Where its tcp_fin_timeout (60 s by default) is shorter than that, its FIN_WAIT2 had run out, and the ' +
      '{other} was slow to close: it sat in CLOSE_WAIT. Otherwise there was no room for a TIME_WAIT (time-wait-overflow says ' +
      'when the packets speak for that), or a device in between had forgotten the connection.',
    checks: [finTimeout, closeWait, overflow],
    change: [closeInTime],
    askNext:
      'The owner of the {from}, for its tcp_fin_timeout; then of the application on the {other}: why it closes late.',
  },
  'bare-after-own-fin': {
    meaning:
      'The {from} had already sent its FIN and then reset: its socket was gone before the {other} had finished, so what ' +
      'the {other} still sent was answered by RST. If that was a FIN and nothing else, there may have been no room for a ' +
      'TIME_WAIT: see time-wait-overflow.',
    checks: [closedReceivers, overflow],
    change: [
      {
        what: 'On the {from}: shutdown() first, read until 0, then close().',
        risk: 'The application must bound how long it waits for a peer that never closes.',
      },
    ],
    askNext: 'The owner of the application on the {from}.',
  },
  'lost-request': {
    meaning:
      'The server had closed when {lost_bytes} bytes of the client came: no process was there to take them, and nothing tells ' +
      'the client whether they were. If the connection had been idle until the FIN of the server, that is the race of keep-alive ' +
      'connections: the server closes one that was idle for its keep-alive time just as the client uses it again (behind a ' +
      'proxy: a 502). If the client was in the middle of a request, the server closed before it had read it to the end. ' +
      `If they are ${CLOSE_NOTIFY}, nothing is missing.`,
    checks: [clientPool],
    change: [
      clientFirst,
      {
        what: 'Where it closed in the middle of a request: on the server shutdown(), read until 0, then close().',
        risk: 'The application must bound how long it waits for a peer that never closes.',
      },
    ],
    askNext:
      'If a request failed: the owner of the client (idle time of its pool, retries), then of the server ' +
      '(keep-alive time).',
  },
  'lost-request-known': {
    meaning:
      'The client sent {lost_bytes} bytes though it had acknowledged, {close_known} before or longer, that the server closed: ' +
      'it used a connection that it should have taken out of its pool. The server has no process for them, and they are lost.',
    checks: [
      {
        where: 'the client',
        command: "ss -tanp state close-wait 'dst {server}'",
        expect: 'Connections that stay listed: closed by the server, and still kept for use.',
      },
    ],
    change: [
      {
        what: 'In the pool of the client: look whether a connection was closed before it is used, and drop it when read() returns 0.',
        risk: 'None for TCP. The server may still close at the very moment of use.',
      },
      clientFirst,
    ],
    askNext: 'The owner of the client: why its pool keeps connections that the server has closed.',
  },
  'lost-response': {
    meaning:
      'The client had closed when {lost_bytes} bytes of the server came: it did not wait for them. That is harmless where it ' +
      `had all that it wanted, or where they are ${CLOSE_NOTIFY}. Otherwise the end of a response is lost.`,
    checks: [closedReceivers],
    change: [readToTheEnd],
    askNext: 'The owner of the application on the client, if something is missing there; else nobody.',
  },
  'lost-last-words': {
    meaning:
      'Both ends closed, and the {from} had no socket any more when {lost_bytes} bytes came that the {other} had sent before ' +
      `its own FIN. Usually they are ${CLOSE_NOTIFY}, and nothing is missing. Otherwise the {from} closed before ` +
      'it had read to the end.',
    checks: [closedReceivers],
    change: [readToTheEnd],
    askNext: 'The owner of the application on the {from}, if something is missing there; else nobody.',
  },
  stray: {
    meaning:
      'Nothing of this connection is in the capture but one segment without data, and the RST of a host that has no such ' +
      'connection. There never was one, perhaps: port scans send such segments, and RSTs on many ports at once are a scan. A ' +
      'lone ACK may also be the last of a connection that was lost before the capture begins.',
    checks: [resetsSent],
    askNext: 'The owner of {other_address}: does a scanner run there?',
  },
  'no-flow': {
    meaning:
      'Nothing else of this connection is in the capture: it began before, took another way, or the RST answers a scan.',
    checks: [route, captureDrops],
    askNext: 'Whoever runs the capture: a longer one, where both directions pass.',
  },
} as const satisfies Readonly<Record<string, Row>>;
