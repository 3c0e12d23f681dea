/** Advice on port-reuse: by what the server still held, then by its answer. */
import { isInUse } from '../resets/known-timers.ts';
import { firstAnswer, isAcceptedLate, isRefused } from '../reuse/outcome.ts';
import { type Check, type EvidenceIn, ruleAdvice } from './advice.ts';
import {
  acceptQueue,
  bothSides,
  captureDrops,
  conntrackTimeWait,
  fewerConnections,
  firewallRules,
  keepAlives,
  listener,
  listenOverflows,
  morePorts,
  route,
  socketOfTuple,
  synRetrans,
  timeWaitOfTuple,
  twPaws,
} from './checks.ts';
import { foreignSynAck } from './foreign-answers.ts';

const timeWaitCount: Check = {
  where: 'the client',
  command: "ss -Htan state time-wait 'dst {server}' | wc -l; sysctl net.ipv4.ip_local_port_range",
  expect: 'Far fewer than the range has ports: they are not short.',
};

/** If nothing has closed the old connection. */
const OPEN_CHECKS: readonly Check[] = [
  socketOfTuple,
  {
    where: 'the client',
    command: 'uptime -s; conntrack -L -p tcp --orig-port-src {client_port}',
    expect: 'A boot after the old connection explains it; on a NAT, look whose mapping the port is now.',
  },
  captureDrops,
];

/** By what the server still held, if that says more than the answer; else by the answer (docs/rules.md D2.1, D2.3). */
function choose(e: EvidenceIn<'port-reuse'>) {
  const { outcome } = e;
  const first = firstAnswer(outcome);
  const foreign = first === 'foreign-ack';
  const acked = first === 'old-ack' || foreign;
  const foretoldAck = e.verdict === 'ACK_PAWS' || e.verdict === 'ACK_SEQ';

  if (outcome === 'unobservable') return 'unobservable';
  if ((e.class === 'open' || e.class === 'half-closed') && first === 'accepted') return 'not-closed-accepted';
  if (e.class === 'after-rst' && acked && !foreign) return 'after-rst';
  if (e.class === 'open') return isInUse(e.age) ? 'open-in-use' : 'open';
  if (e.class === 'half-closed') return 'half-closed';
  if (e.class === 'syn-sent' && acked) return 'syn-sent';
  if (e.class === 'unknown-close' && acked && !foreign) return 'unknown-close';

  if (first === 'old-syn-ack') return 'syn-sent';
  if (first === 'foreign-syn-ack') return 'foreign-syn-ack';
  if (isRefused(outcome)) return 'refused';
  if (outcome === 'dropped') return foretoldAck ? 'dropped-by-time-wait' : 'dropped';
  if (foreign) return 'foreign-ack';
  if (e.class === 'after-time-wait' && acked && e.passed === undefined) return 'after-time-wait';
  if (isAcceptedLate(outcome)) return 'accepted-late';
  if (outcome === 'challenge-ack') return 'ack-without-rst';
  if (acked) return e.outlived === true ? 'rst-without-effect' : 'rst';

  if (first === 'accepted' && foretoldAck) return 'accepted-all-the-same';
  if (e.client_isn === 'tw-reuse') return 'tw-reuse';
  return e.client_isn === 'other' && first === 'accepted' ? 'other-isn' : 'rest';
}

export const portReuseAdvice = ruleAdvice({
  doNot:
    'Never enable tcp_tw_recycle or set tcp_timestamps to 0: only the sequence number then tells a new SYN from ' +
    'an old one. tcp_fin_timeout does not shorten TIME_WAIT.',
  choose,
  rows: {
    unobservable: {
      meaning:
        'The port was used again, but this capture never shows the server: whether the SYN was accepted cannot be said.',
      checks: [route],
      askNext: 'Whoever runs the capture: take it where both directions pass.',
    },
    'open-in-use': {
      meaning:
        'The client opens the tuple anew {age} after the last packet of the old connection, which nothing had ' +
        'closed: a NAT gave the port to another host or took the old connection to be over, the client lost its ' +
        'socket or drew the port again, or the capture misses the close. A server that still holds the old ' +
        'connection answers with a challenge ACK.',
      checks: OPEN_CHECKS,
      askNext:
        'The owner of the NAT in front of {client}, if there is one: how it gives ports out; else the owner of {client}.',
    },
    open: {
      meaning:
        'The client opens the tuple anew while nothing has closed the old connection: the client rebooted or lost its ' +
        'socket, a NAT forgot its mapping and gave the port to somebody else, one client came by two ways (through a ' +
        'load balancer that preserves its address, and directly), or the capture misses the close. A server that still ' +
        'holds the old connection answers with a challenge ACK; if that goes on, two ways or two hosts are likely.',
      checks: OPEN_CHECKS,
      change: [keepAlives],
      askNext:
        'The owner of the NAT in front of {client}, if there is one: how long an idle mapping lives; else the owner of {client}.',
    },
    'syn-sent': {
      meaning:
        'The server still waits for the handshake of an older attempt on this tuple and answers with its numbers. The client ' +
        'knows nothing of that attempt any more: it gave up, was restarted, or a NAT has given the port to another host.',
      checks: [
        {
          where: 'the server',
          command: "ss -tano state syn-recv 'dport = :{client_port}'",
          expect: 'Listed: the older attempt, and when its SYN-ACK is sent again.',
        },
        bothSides,
      ],
      askNext:
        'The owner of {client}, or of the NAT in front of it: why an attempt was left and its port used at once.',
    },
    'not-closed-accepted': {
      meaning:
        'The capture shows one FIN of the old connection at most, and the server took the SYN as a new one: it held no ' +
        'socket of the old connection any more. The capture misses the close, a timer or the process took the socket away ' +
        'without a packet, or another server behind the address answered.',
      checks: [captureDrops],
      askNext: 'Whoever runs the capture: whether it dropped packets.',
    },
    'half-closed': {
      meaning:
        'This capture shows the FIN of one end only: the other one still waits in CLOSE_WAIT or FIN_WAIT2 while the ' +
        'port is used again, or the capture misses its FIN. Where it is CLOSE_WAIT an application does not close what its ' +
        'peer has closed.',
      checks: [
        {
          where: 'both ends',
          command: 'ss -tanp state close-wait state fin-wait-2',
          expect: 'CLOSE-WAIT that stays: the process named there never calls close(). FIN-WAIT-2 is its other end.',
        },
        captureDrops,
      ],
      change: [
        {
          what: 'Where CLOSE-WAIT stays: make the application close its socket when read() returns 0.',
          risk: 'None for TCP; what the application still wanted to send must be sent before.',
        },
      ],
      askNext: 'The owner of the application that stays in CLOSE_WAIT, if one does; else whoever runs the capture.',
    },
    'after-rst': {
      meaning:
        'The server answered the SYN with an ACK of the old connection, though this capture shows an RST of that: the RST did ' +
        'not reach the server, or did not count there. Without a FIN there was no TIME_WAIT: the server still waited for the ' +
        'handshake, or had the socket open.',
      checks: [socketOfTuple, bothSides],
      askNext: 'The owner of the path between {client} and {server}: where RSTs are lost or dropped.',
    },
    'unknown-close': {
      meaning:
        'The server answered the SYN with an ACK of the old connection, out of TIME_WAIT or because it still had it open: ' +
        'the packets of its close are missing from this capture, so which of the two cannot be said.',
      checks: [timeWaitOfTuple, socketOfTuple, captureDrops],
      change: [fewerConnections, morePorts],
      askNext:
        'Whoever runs the capture: why it lacks packets; then the owner of the client or of the NAT in front of it.',
    },
    refused: {
      meaning:
        'The SYN on the used port was refused by RST: nothing listens, or a firewall rejects; the reuse of the ' +
        'port is incidental.',
      checks: [listener, firewallRules],
      askNext: 'The owner of the server; then the firewall team, if a listener is there.',
    },
    'dropped-by-time-wait': {
      meaning:
        'By the rule of Linux the TIME_WAIT should have answered this SYN with an ACK of the old connection, yet nothing ' +
        'came back: a firewall drops that ACK or the SYN, the SYN was lost, the capture lacks the answer, or the server is no Linux (the BSDs drop ' +
        'such a SYN in silence).',
      checks: [bothSides, twPaws, firewallRules, timeWaitOfTuple],
      change: [morePorts, fewerConnections],
      askNext: 'The firewall or load-balancer team between {client} and {server}; then the owner of the server.',
    },
    dropped: {
      meaning:
        'No SYN on the used port was answered, though TIME_WAIT is no reason for it: loss, a firewall or a full queue; or, where ' +
        'the client sent it only once, the capture lacks the answer, as a client sends a SYN again that gets none.',
      checks: [bothSides, acceptQueue, listenOverflows, firewallRules],
      askNext: 'The network team on the path; then the owner of the server.',
    },
    'foreign-ack': {
      meaning:
        'The server answered with an ACK that belongs to neither connection: another backend, or one that holds a ' +
        'connection on this tuple of which the capture shows nothing. Typical of a balancer or NAT that hands ports out ' +
        'again.',
      checks: [bothSides, conntrackTimeWait],
      change: [morePorts],
      askNext: 'The load-balancer or NAT team: how soon a port is used again towards the same server.',
    },
    'foreign-syn-ack': foreignSynAck,
    'after-time-wait': {
      meaning:
        'The server still answered for the old connection {age} after its TIME_WAIT began. Linux lets go after 60 s, at ' +
        'most 65: this is another system (Windows keeps 120 s by its documents), a kernel with a setting for it, or the ' +
        'timer was restarted by segments that this capture does not show.',
      checks: [
        {
          ...timeWaitOfTuple,
          expect: 'Listed for longer than 65 s: not the TIME_WAIT of Linux. timer shows what is left.',
        },
        bothSides,
      ],
      change: [fewerConnections, morePorts],
      askNext: 'The owner of the server: which system it is and how long it keeps TIME_WAIT.',
    },
    'accepted-late': {
      meaning:
        'The server still held the old connection in TIME_WAIT and answered the SYN with its ACK; the client reset that ' +
        'and got in with a later SYN. Nothing failed, but the connection came late by {delay}, or by more where a NAT had ' +
        'sent the SYN from other ports before (see unanswered-syn). If it happens often, ports are reused within 60 s, or ' +
        'several clocks share the address.',
      checks: [timeWaitOfTuple, twPaws, synRetrans, conntrackTimeWait],
      change: [fewerConnections, morePorts],
      askNext: 'The owner of the client or of the NAT in front of it: how ports are chosen and how many there are.',
    },
    'ack-without-rst': {
      meaning:
        'The server answered with an ACK of the old connection, and the RST that should follow is missing: a firewall kept ' +
        'the ACK from the client, or the client had gone away.',
      checks: [bothSides, firewallRules, twPaws],
      change: [morePorts, fewerConnections],
      askNext: 'The firewall team on the way to the client: it must let that ACK and the RST pass.',
    },
    rst: {
      meaning:
        'The server answered with an ACK of the old connection, and the client reset that. No further SYN came on this tuple: ' +
        'a NAT forgot the attempt with the RST and sent the next SYN from another port (unanswered-syn says so where it is ' +
        'seen), or the client stopped trying.',
      checks: [bothSides, twPaws, conntrackTimeWait],
      change: [morePorts],
      askNext: 'The owner of the client or of the NAT in front of it: how ports are chosen and how many there are.',
    },
    'rst-without-effect': {
      meaning:
        'The server answered with an ACK of the old connection, the client reset it, and the old connection answered again: ' +
        'the server ignores the RST (tcp_rfc1337=1), or it was dropped on its way.',
      checks: [
        {
          where: 'the server',
          command: 'sysctl net.ipv4.tcp_rfc1337',
          expect: '1: RSTs do not end TIME_WAIT here, and each SYN that PAWS refuses restarts its 60 s.',
        },
        bothSides,
        twPaws,
      ],
      change: [
        {
          what: 'net.ipv4.tcp_rfc1337=0 on the server (the default).',
          risk: 'RSTs may end TIME_WAIT early again (RFC 1337).',
        },
        morePorts,
      ],
      askNext: 'The owner of the server; then the firewall team between them.',
    },
    'accepted-all-the-same': {
      meaning:
        'Linux would have answered with an ACK of the old connection, but the SYN was accepted: the TIME_WAIT was gone, ' +
        'another backend answered, or the server runs another system. No harm was done.',
      checks: [timeWaitOfTuple],
      askNext: 'Nobody, unless connections fail elsewhere.',
    },
    'tw-reuse': {
      meaning:
        'The client took its own TIME_WAIT over, as Linux does with tcp_tw_reuse or for a port that the application bound ' +
        'itself. It was accepted: this is how it should be.',
      checks: [
        {
          where: 'the client',
          command: 'nstat -az TcpExtTWRecycled; sysctl net.ipv4.tcp_tw_reuse',
          expect: 'TWRecycled grows by one for each port taken over (it has nothing to do with tcp_tw_recycle).',
        },
      ],
      askNext: 'Nobody, unless it happens so often that ports are short: see port-exhaustion.',
    },
    'other-isn': {
      meaning:
        'The TIME_WAIT lies at the end that uses the port again, and its SYN does not continue the old numbers, as Linux ' +
        'would: a NAT has given the port to another host behind it, the TIME_WAIT was gone, or the client is no Linux. The ' +
        'server holds nothing that could be in the way, and accepted: this is no fault.',
      checks: [conntrackTimeWait, timeWaitCount],
      askNext: 'Nobody, unless connections fail elsewhere.',
    },
    rest: {
      meaning:
        'The port came round again within 2 MSL and the new connection was accepted. By itself this is no fault.',
      checks: [timeWaitCount],
      askNext: 'Nobody, unless connections fail elsewhere.',
    },
  },
});
