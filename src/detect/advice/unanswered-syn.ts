/** Advice on unanswered-syn, by its cause. */
import { type EvidenceIn, refuted, ruleAdvice } from './advice.ts';
import {
  acceptQueue,
  bothSides,
  captureDrops,
  firewallRules,
  largerBacklog,
  listenOverflows,
  morePorts,
  passiveRejected,
  peerTimestamp,
  recycleOwner,
  route,
  socketOfTuple,
  switchRecycleOff,
  synQueue,
  timeWaitOfTuple,
  twPaws,
  twRecycle,
} from './checks.ts';
import { foreignAck, foreignSynAck, refusedAfterAck } from './foreign-answers.ts';
import {
  acksAtServer,
  acksLeave,
  arrivals,
  forwardRoute,
  localFirewall,
  reversePath,
  reverseRoute,
  signatures,
  synAcksAtClient,
} from './handshake-checks.ts';
import { droppedElsewhere } from './recycle-signature.ts';
import { synFilters } from './unanswered-syn-filters.ts';
import { icmpAnswers } from './unanswered-syn-icmp.ts';
import { lateAnswers } from './unanswered-syn-late.ts';

const lowerFirst = (text: string): string => text[0].toLowerCase() + text.slice(1);

const LAST_ONE_WAITED =
  'While nobody was let in on this port, the connection taken last before waited for the application as well. That is ' +
  'how a server looks whose application does not accept(): its queue is full, and further SYNs are dropped in silence.';

type Attempt = EvidenceIn<'unanswered-syn'>;

/** A full queue may only be suspected. Then `waited` says how long the connection accepted last had waited. */
function byQueue(e: Attempt) {
  if (refuted(e)) return e.waited === undefined ? 'no-overflow' : 'no-overflow-last-one-waited';
  if (e.waited === undefined) return e.heard === true ? 'accept-queue-heard' : 'accept-queue';
  return e.loopback === true ? 'last-one-waited-on-loopback' : 'last-one-waited';
}

/** None of the causes applies: the row of what packets show all the same, or else of where it happened. */
function bySeen({ cause, seen, syns, syn_acks: synAcks, loopback }: Attempt) {
  if (seen === 'icmp') {
    if (synAcks !== undefined) return 'icmp-of-syn-ack';
    return syns === 1 ? 'icmp-ends-attempt' : 'icmp';
  }
  if (seen === 'old-connection' || seen === 'old-attempt') return 'old-connection';
  if (seen !== undefined) return seen;
  if (synAcks !== undefined) return 'syn-ack-repeated';
  return loopback === true && cause === 'unknown' ? 'loopback' : 'rest';
}

export const unansweredSynAdvice = ruleAdvice({
  doNot:
    'Do not raise tcp_syn_retries or timeouts as a cure: they only make the failure slower. Never enable tcp_tw_recycle; ' +
    'never set tcp_timestamps to 0.',
  choose: (e: Attempt) => {
    switch (e.cause) {
      case 'time-wait':
        return e.seen === 'foreign-ack' ? e.seen : 'time-wait';
      case 'per-host-paws':
        return refuted(e) ? 'dropped-elsewhere' : 'per-host-paws';
      case 'accept-queue':
        return byQueue(e);
      case 'path-loss':
        if (e.seen === 'no-ack') return 'no-ack';
        return e.syn_acks === undefined ? 'path-loss' : 'lost-on-the-way-back';
      case 'one-way-capture':
        return 'one-way-capture';
      default:
        return bySeen(e);
    }
  },
  rows: {
    'time-wait': {
      meaning:
        'The SYN met the TIME_WAIT of an older connection on its own tuple and got no answer, or was let in only ' +
        'after a detour (old ACK, RST, SYN again). See port-reuse on the same tuple.',
      checks: [timeWaitOfTuple, twPaws, bothSides],
      change: [morePorts],
      askNext: 'The owner of the client or of the NAT in front of it: how soon ports are used again.',
    },
    'foreign-ack': foreignAck,
    'foreign-syn-ack': foreignSynAck,
    ...synFilters,
    'dropped-elsewhere': droppedElsewhere,
    'per-host-paws': {
      meaning:
        'The server stayed silent to exactly those SYNs whose TSval lies behind the newest of the connections of this address ' +
        'that it closed first: tcp_tw_recycle on Linux up to 4.11.',
      checks: [twRecycle, passiveRejected, peerTimestamp],
      change: [switchRecycleOff],
      askNext: recycleOwner,
    },
    'no-overflow-last-one-waited': {
      meaning:
        'That is how a server looks whose application does not accept(), and no accept queue of this one has overflowed. ' +
        'What remains: the SYNs were lost or filtered on the way, the SYN queue was full, or the server stood still.',
      checks: [arrivals, bothSides, synQueue],
      askNext: 'The network team on the path between {client} and {server}; then the owner of {server}.',
    },
    'no-overflow': {
      meaning:
        'That is how a server looks whose application does not accept() fast enough, and no accept queue of this one has ' +
        "overflowed. What remains: the handshake's ACK was lost or filtered behind the capture point, the application has " +
        'asked to wait for data (TCP_DEFER_ACCEPT), or the SYN queue was full.',
      checks: [bothSides, arrivals, synQueue],
      askNext: 'The network team on the path between here and {server}; then the owner of the application there.',
    },
    'last-one-waited-on-loopback': {
      meaning: `${LAST_ONE_WAITED} A rule of the local firewall, or a process that stands still, looks the same.`,
      checks: [listenOverflows, acceptQueue, localFirewall],
      askNext: 'The owner of the application on {server}:{server_port}: what it did at the time.',
    },
    'last-one-waited': {
      meaning: `${LAST_ONE_WAITED} A short outage of the path, or a server that stands still, looks the same.`,
      checks: [listenOverflows, acceptQueue, arrivals],
      askNext: 'The owner of the application on {server}:{server_port}: what it did at the time.',
    },
    'accept-queue-heard': {
      meaning:
        'That is how a server looks whose application does not accept() fast enough: its queue is full, so it forgets the ' +
        "handshake's last ACK and repeats its SYN-ACK. The ACK had reached it: its SYN-ACKs echo a TSval that the client " +
        'sent after its SYN.',
      checks: [listenOverflows, acceptQueue, synQueue],
      change: [largerBacklog],
      askNext: 'The owner of the application on {server}:{server_port}: what keeps it from accepting.',
    },
    'accept-queue': {
      meaning:
        'That is how a server looks whose application does not accept() fast enough: its queue is full, so it forgets the ' +
        "handshake's last ACK, repeats its SYN-ACK, or drops further SYNs. A path that drops what clients send looks the " +
        'same, unless this was captured at the server: a firewall on another way than the SYN-ACK took (asymmetric ' +
        'routing) has not seen that, and drops the ACK and the data as invalid. The first two checks tell which of ' +
        'the two it is.',
      checks: [listenOverflows, acksAtServer, acceptQueue, firewallRules, forwardRoute],
      change: [{ ...largerBacklog, what: `Where ListenOverflows grows: ${lowerFirst(largerBacklog.what)}` }],
      askNext:
        'If ListenOverflows grows: the owner of {server}:{server_port}. Else the firewall or network team between ' +
        '{client} and {server}.',
    },
    'no-ack': {
      meaning:
        'The server answers the SYN again and again, and the ACK that completes the handshake does not come. The SYN-ACK or the ' +
        'ACK is lost between here and the client: mostly a firewall that saw only one of the two ways (asymmetric routing) ' +
        'and drops what is no new connection to it. For the client the connection may be open, and hang. A client that was ' +
        'cut off or switched off right after its SYN looks the same.',
      checks: [synAcksAtClient, acksLeave, firewallRules, reverseRoute],
      askNext: 'The firewall and network team on the way between {client} and {server}; then the owner of {client}.',
    },
    'not-heard': {
      meaning:
        'The server did answer, and the client on the same host went on asking: between the two are only the local firewall ' +
        'and the checks of the kernel itself.',
      checks: [localFirewall, { ...reversePath, where: 'this host' }],
      askNext: 'The owner of this host: what filters loopback.',
    },
    loopback: {
      meaning:
        'Client and server are one host, so there is no path on which the SYN could be lost. What is left: the accept queue ' +
        'or the SYN queue of the listener was full, a local firewall dropped the SYN or its answer, or the capture missed ' +
        'the answer. The packets do not tell which.',
      checks: [listenOverflows, acceptQueue, synQueue, localFirewall, captureDrops],
      askNext: 'The owner of the application on {server}:{server_port}: what it did at the time.',
    },
    'lost-on-the-way-back': {
      meaning:
        'The server did answer: its SYN-ACK passed the capture point, and the client went on asking. What is wrong lies ' +
        'between here and the client, on the way back, which need not be the way that the SYN came.',
      checks: [synAcksAtClient, reverseRoute, firewallRules],
      askNext:
        'The network team on the way from {server} to {client}; where nothing is lost there, the owner of {client}.',
    },
    'path-loss': {
      meaning:
        'The SYN or its answer was lost on the way, or the accept queue of the server was full for a moment: it then drops ' +
        'SYNs in silence and takes the repeated ones. The packets do not tell which.',
      checks: [listenOverflows, acceptQueue, arrivals, bothSides],
      askNext:
        'If ListenOverflows grows: the owner of {server}:{server_port}. Else the network team between {client} and ' +
        '{server}.',
    },
    'one-way-capture': {
      meaning: 'This capture shows only one direction: whether the SYN was answered cannot be said.',
      checks: [route, captureDrops],
      askNext: 'Whoever runs the capture: take it where both directions pass.',
    },
    'not-captured': {
      meaning:
        'The client went on, so the server had answered: the capture shows other packets of it, and lacks this one. How many of ' +
        'the SYNs before were answered it does not show either.',
      checks: [captureDrops, route],
      askNext: 'Whoever runs the capture: whether it dropped packets, or sees only a part of the ways to the client.',
    },
    'syn-not-captured': {
      meaning:
        'The SYN-ACK that came back acknowledges another number than that of the SYN, and echoes a TSval that the client ' +
        'reached only later. So it most likely answers a later SYN that this capture lacks, and the client, which sent no ' +
        'RST, took it. What became of the SYN shown is not known.',
      checks: [captureDrops],
      askNext: 'Whoever runs the capture: whether it dropped packets, or sees only a part of the ways of the client.',
    },
    refused: refusedAfterAck,
    'old-connection': {
      meaning:
        'The server answered the SYN with an ACK of the old connection on this tuple, which is still open there, ' +
        'or not established yet; the RST that a client answers with ends that one. port-reuse on the same tuple ' +
        'tells more.',
      checks: [socketOfTuple, bothSides],
      askNext: 'The owner of the NAT in front of {client}, or else of {client}: why nobody closed the old connection.',
    },
    ...icmpAnswers,
    ...lateAnswers,
    'syn-ack-repeated': {
      meaning:
        'The server took the SYN and repeats its SYN-ACK, although the client has acknowledged it: the ACK was lost or ' +
        'filtered after it passed here, the application has asked to wait for data (TCP_DEFER_ACCEPT), or the accept queue is full. The ' +
        'packets do not tell which.',
      checks: [listenOverflows, acksAtServer, acceptQueue, firewallRules],
      askNext: 'The owner of the application on {server}:{server_port}; then the network team on the path.',
    },
    rest: {
      meaning:
        'SYNs went without an answer, and the packets do not tell why: lost on the way, dropped by a firewall, or by the ' +
        'server, above all for a full accept queue; between routers (BGP, LDP, MSDP) also for a TCP MD5 or AO key that differs.',
      checks: [arrivals, listenOverflows, acceptQueue, firewallRules, reversePath, signatures],
      askNext:
        'If the SYNs do not arrive at the server: the firewall team. If they do: the owner of {server}:{server_port}.',
    },
  },
});
