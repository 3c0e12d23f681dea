/** Advice on reset-close: by class, unless the hints indicate a middlebox or an idle timer. */
import { seconds } from '../../base/time.ts';
import type { End } from '../../flow/ends.ts';
import { FIN_WAIT2 } from '../../flow/time-wait.ts';
import { type Check, type EvidenceIn, type Row, ruleAdvice } from './advice.ts';
import {
  acceptQueue,
  conntrackCounters,
  firewallRules,
  keepAlives,
  largerBacklog,
  listener,
  listenOverflows,
  timeWaitOfTuple,
  twRecycle,
} from './checks.ts';
import { answerToUnknownAck, answerToUnknownSynAck, twoAnswers } from './foreign-answers.ts';
import { abortingResets, gaveUp, restarts } from './reset-close-aborts.ts';
import { conntrackIdle, doubtfulResets, doubtOf, hinted, outRsts, silence, wasSilent } from './reset-close-doubtful.ts';
import { openPortResets } from './reset-close-open-port.ts';
import { quietResets } from './reset-close-quiet.ts';
import { toItself } from './reset-close-to-itself.ts';

const socketThere: Check = {
  where: 'the {from}',
  command: "ss -tan 'sport = :{from_port} and dst {other_address}'",
  expect:
    'The connection is not listed: its socket is gone. It is listed as ESTAB: somebody else answered in its name.',
};

/** A NAT that has forgotten a connection sends the rest from a new port, which only the server's own list can show. */
const socketOfOtherPort: Check = {
  where: 'the server',
  command: "ss -tani 'sport = :{from_port} and dst {other_address}'",
  expect:
    `${socketThere.expect} Only another port of {other_address} is listed, with an old lastrcv: a NAT likely moved ` +
    `it to the port of this RST.`,
};

const LOST_BY = {
  client:
    'the client had given the connection up after a timeout (without a packet, on Linux), its FIN or RST was lost on the way, ' +
    'the host restarted, its address moved, or a NAT in front of it lost the connection',
  server:
    'the server had given the connection up after a timeout (without a packet, on Linux), its FIN or RST was lost on the ' +
    'way, it restarted, an address or virtual IP moved to another host, a balancer chose another backend, or a NAT or ' +
    'firewall lost its entry (a NAT may then send the rest from another port, of which the server knows nothing)',
} as const;

/** What is known of the silence before an RST. `denied`: TSvals deny the clock of the capture (docs/rules.md D0.8). */
const SILENCE = {
  short: 'There had been silence for {idle} only: no usual idle timer is that short.',
  denied:
    'By the TSvals there had been silence for {idle} before: the clock of the capture was set forward, or the host slept.',
  unknown: 'How long it had been silent before cannot be seen.',
} as const;

/** Its TTL shows it only where its other packets have passed a hop before the capture point (docs/rules.md F12). */
const REJECTED =
  "A firewall that rejects a segment (`reject with tcp reset`) sends the same RST in that end's name. One that had " +
  'rejected what the {from} sent has ended its socket, of which the {other} is not told.';

/** For an RST of a host without a socket, unless it had been silent for as long as an idle timer. */
const lostBy = (end: End, silent: keyof typeof SILENCE): Row => ({
  meaning: `A host answers with a bare RST when it has no socket for a segment: ${LOST_BY[end]}. ${REJECTED} ${SILENCE[silent]}`,
  checks: [
    end === 'server' ? socketOfOtherPort : socketThere,
    gaveUp,
    restarts,
    silent === 'short' ? conntrackCounters : conntrackIdle,
    firewallRules,
  ],
  askNext: `The owner of {${end}}: was it restarted or moved? If not, the ${end === 'server' ? 'load-balancer, ' : ''}NAT or firewall team.`,
});

type Reset = EvidenceIn<'reset-close'>;

/**
 * The client used a connection that the server had closed, knowingly or at that very moment; or an end had closed and
 * did not read any more.
 */
function lostData({ from, close_known, closed_too }: Reset) {
  if (closed_too === true) return 'lost-last-words';
  if (from === 'client') return 'lost-response';
  return close_known !== undefined ? 'lost-request-known' : 'lost-request';
}

/** What its end has not received cannot be unread. */
const sentNothing = (e: Reset) => (e.received_nothing === true ? 'nothing-exchanged' : 'sent-nothing');

/** Facts that say more than the class. */
function byFact({ class: kind, stray, probed, unacked_bytes, ...e }: Reset) {
  if (e.self === true) return 'self';
  if (stray === true) return 'stray';
  if (e.refuses_unseen === true) return 'refused-unseen';
  if (e.unused === true) return e.mptcp_join === true ? 'unused-subflow' : 'unused';
  if (e.two_answers === true) return 'two-answers';
  if (e.foreign_echo === true) return 'foreign-echo';
  if (e.unfitting !== undefined) return e.unfitting === 'ack' ? 'answer-to-unknown-ack' : 'answer-to-unknown-syn-ack';
  if (e.knows_connection === true) return 'known-connection';
  if (e.fin_held === true) return 'fin-held';
  if (e.answers_challenge === true) return 'answers-challenge';
  if (kind === 'repeat' && e.effective === true) return 'repeat-effective';
  if (kind === 'tw-assassination' && e.effective === true) return 'tw-assassination-effective';
  if (probed === true) return e.probes !== undefined ? 'probed-in-vain' : 'probed';
  if (e.answers_lost === true) return 'answers-lost';
  if (e.window_shut === true) return 'window-shut';
  return unacked_bytes !== undefined ? 'sent-in-vain' : undefined;
}

/** The row of the class, or a more specific one. */
function byClass(e: Reset) {
  const kind = e.class;
  switch (kind) {
    case 'abort':
      if (e.syn_proxy === true) return 'behind-proxy';
      if (e.unanswered === true) return 'unanswered';
      if (e.no_data === true) return 'no-data';
      if (hinted(e, 'idle-timer')) return 'idle-timer';
      if (e.sent_nothing === true) return sentNothing(e);
      if (e.received_nothing === true) return 'received-nothing';
      return hinted(e, 'unread-data') ? 'unread-data' : kind;
    case 'abort-after-peer-fin':
      if (e.sent_nothing === true) return sentNothing(e);
      if (e.received_nothing === true) return 'received-only-fin';
      return e.bare === true ? 'bare-after-peer-fin' : kind;
    case 'after-own-fin':
      if (e.lost_bytes !== undefined) return lostData(e);
      if (e.fin_wait2 !== undefined) return e.fin_wait2 >= seconds(FIN_WAIT2) ? 'fin-wait2' : 'short-fin-wait2';
      return e.bare === true ? 'bare-after-own-fin' : kind;
    case 'refused':
      if (e.mptcp_join === true) return 'refused-join';
      return e.takes_others === true ? 'refused-among-others' : kind;
    case 'handshake-abort':
      if (e.mptcp_join === true) return 'handshake-abort-join';
      if (e.from === 'client') return 'handshake-abort-by-client';
      if (e.syn_proxy === true) return 'behind-proxy';
      return e.sent_nothing === true ? 'nothing-exchanged' : kind;
    case 'no-state': {
      if (wasSilent(e)) return kind;
      const lost = e.from === 'client' ? 'lost-by-client' : 'lost-by-server';
      if (e.passed !== undefined) return `${lost}-set-forward` as const;
      return silence(e) === undefined ? lost : (`${lost}-in-use` as const);
    }
    default:
      return kind;
  }
}

export const resetCloseAdvice = ruleAdvice({
  doNot:
    'Do not take an RST for a fault by itself: aborting is a way to close. Do not drop RSTs in a firewall: connections ' +
    'then hang until they time out.',
  choose: (e: Reset) => doubtOf(e) ?? byFact(e) ?? byClass(e),
  rows: {
    ...doubtfulResets,
    ...abortingResets,
    'two-answers': twoAnswers,
    'answer-to-unknown-ack': answerToUnknownAck,
    'answer-to-unknown-syn-ack': answerToUnknownSynAck,
    self: toItself,
    refused: {
      meaning:
        'The SYN was answered by RST: nothing listens on port {server_port} of {server}, or a firewall rejects with a reset. ' +
        'A client that tries several addresses of one name, IPv6 and IPv4 above all (happy eyeballs), goes on with another: ' +
        'then nobody notices.',
      checks: [
        listener,
        firewallRules,
        {
          where: 'the client',
          command: "tcpdump -nv -i any 'src host {server} and tcp[tcpflags] & (tcp-rst|tcp-syn) != 0'",
          expect: 'The RST has another TTL than SYN-ACKs of the same server: a device on the way rejects.',
        },
      ],
      change: [
        {
          what: 'Start the service, or let it listen on the address that clients use.',
          risk: 'Listening on all addresses makes it reachable from all networks of the host.',
        },
      ],
      askNext: 'The owner of the service on {server}:{server_port}; then the firewall team.',
    },
    'bare-after-peer-fin': {
      meaning:
        'The {other} had closed in order; the {from} answered with a bare RST, as a host does that has no such connection: ' +
        'its socket was gone already (given up, or a FIN or RST of it was lost; a restart), or the packet came to another host ' +
        'or through a device that had forgotten the connection. It is no way to close: no setting of the application does this.',
      checks: [socketThere, gaveUp, restarts, conntrackCounters],
      askNext: 'The owner of the {from}: was it restarted or moved? Harmless if the {other} needed nothing more.',
    },
    'no-state': {
      meaning:
        'A host answers with a bare RST when it has no socket for a segment, here after {idle} of silence: the {from} had ' +
        'given the connection up after a timeout (without a packet, on Linux), its FIN or RST was lost, it rebooted, its ' +
        `address moved to another host, or the entry of a NAT, firewall or balancer expired. ${REJECTED}`,
      checks: [socketThere, gaveUp, restarts, conntrackIdle, firewallRules],
      change: [
        {
          ...keepAlives,
          what:
            'Keep-alives, where an entry on the path had expired: SO_KEEPALIVE with TCP_KEEPIDLE below its timer; or the ' +
            'timer raised.',
        },
      ],
      askNext: 'The owner of the {from}: was it restarted or moved? If not, the load-balancer, NAT or firewall team.',
    },
    'lost-by-client-in-use': lostBy('client', 'short'),
    'lost-by-client-set-forward': lostBy('client', 'denied'),
    'lost-by-client': lostBy('client', 'unknown'),
    'lost-by-server-in-use': lostBy('server', 'short'),
    'lost-by-server-set-forward': lostBy('server', 'denied'),
    'lost-by-server': lostBy('server', 'unknown'),
    'tw-missing': {
      meaning:
        'The {from} closed first and should answer a repeated FIN from TIME_WAIT, but it answers with RST: it keeps no ' +
        'TIME_WAIT (tcp_max_tw_buckets reached, tcp_tw_recycle, another system), or a device answers in its place.',
      checks: [
        {
          where: 'the {from}',
          command: 'nstat -az TcpExtTCPTimeWaitOverflow; sysctl net.ipv4.tcp_max_tw_buckets; cat /proc/net/sockstat',
          expect: 'The counter grows, and tw in sockstat stands at tcp_max_tw_buckets: the table is full.',
        },
        {
          ...timeWaitOfTuple,
          where: 'the {from}, within a minute of a close',
          expect: 'Not listed: this host keeps no TIME_WAIT for it.',
        },
        { ...twRecycle, where: 'the {from}' },
      ],
      change: [
        {
          what: 'Fewer short connections; where memory allows, a higher tcp_max_tw_buckets on the {from}.',
          risk: 'Each TIME_WAIT costs a few hundred bytes of kernel memory.',
        },
      ],
      askNext: 'The owner of the {from}.',
    },
    'handshake-abort-by-client': {
      meaning:
        'The client reset before the connection was used: a scan or a health check that needs no more, the slower of two ' +
        'attempts, by IPv6 and IPv4 or to several addresses (happy eyeballs, RFC 8305), an application that had given up, or a ' +
        'host that knows of no such SYN (an old copy of one, or a forged one).',
      checks: [outRsts],
      askNext: 'The owner of {client}: is it a scanner or a health check?',
    },
    'handshake-abort': {
      meaning:
        'The server reset before the connection was used: a full accept queue with tcp_abort_on_overflow=1, a listener that ' +
        'was closed at that moment, or a device in between that lets nobody in.',
      checks: [
        listenOverflows,
        acceptQueue,
        {
          where: 'the server',
          command: 'sysctl net.ipv4.tcp_abort_on_overflow',
          expect: '0, the default: a full queue stays silent and it is not the cause. 1: it resets.',
          collected: true,
        },
      ],
      change: [largerBacklog],
      askNext: 'The owner of the application on {server}:{server_port}.',
    },
    'tw-assassination-effective': {
      meaning:
        'An RST at exactly the expected number ended the TIME_WAIT of the {other} early (RFC 1337): the next SYN shows that it ' +
        'was gone. After an old ACK this is what lets the next SYN in.',
      checks: [outRsts],
      askNext: 'Nobody, unless old duplicates disturb new connections of the tuple.',
    },
    ...openPortResets,
    ...quietResets,
    rest: {
      meaning: 'An RST ended this connection. Its class is explained on the page of reset-close.',
      checks: [outRsts],
      askNext: 'The owner of the {from}.',
    },
  },
});
