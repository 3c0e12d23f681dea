/** What `reset-close` says about an RST of each class, in one sentence. */
import { duration, type Nanos, seconds } from '../base/time.ts';
import { type End, otherEnd } from '../flow/ends.ts';
import type { ResetSeen } from '../flow/events.ts';
import { layout } from '../flow/layout.ts';
import type { ResetClass } from '../flow/resets.ts';
import { Flag } from '../wire/tcp.ts';
import type { Severity } from './finding.ts';
import { SHORTEST_TIMER } from './known-timers.ts';
import { ANSWER, ENDS_CONNECTION, idleBefore, type ResetHint, sentNothing } from './reset-hints.ts';

const { FlowBit, SideBit } = layout;

/** Says first that a middlebox sent it, then what its numbers would mean if its supposed sender had sent it. */
export function inTheNameOf(from: End, meaning: string): string {
  // The reasons that an end would have had are left out, since it probably did not send the RST. What remains is only
  // supposed, so it is not hedged again.
  const asIfItsOwn = meaning.split(':')[0]!.replace(/,? likely\b/, '');
  return `A middlebox sent this RST in the name of the ${from}, most likely; by its numbers alone: ${asIfItsOwn[0].toLowerCase()}${asIfItsOwn.slice(1)}`;
}

const STRANGE: readonly (readonly [ResetHint, (from: End) => string])[] = [
  ['ttl', from => `the TTL is not that of the ${from}'s other packets`],
  ['ip-id', from => `its IP identification is of another kind than that of the ${from}'s other packets`],
  ['faster-than-rtt', from => `it came sooner than the ${from} can answer`],
  ['stepped-seq', () => 'others with stepping numbers came with it'],
];

/**
 * One sign does not prove a middlebox, yet the sentence may blame the wrong machine (docs/rules.md F12). Missing
 * timestamps alone are no sign: old BSDs and macOS put none on their RSTs.
 */
export function oneSign(kind: ResetClass, from: End, hints: readonly ResetHint[]): string {
  const sign = STRANGE.find(([hint]) => hints.includes(hint) && (hint === 'ttl' || ENDS_CONNECTION.has(kind)));
  return sign === undefined ? '' : `; but ${sign[1](from)}: a device on the way may have sent this`;
}

/** How much an RST of each class usually matters; those not listed are `info`. */
export const SEVERITIES: Partial<Record<ResetClass, Severity>> = {
  refused: 'warning',
  abort: 'warning',
  'abort-after-peer-fin': 'warning',
  'no-state': 'warning',
  'tw-missing': 'warning',
  'tw-assassination': 'notice',
  challenged: 'notice',
  ineffective: 'notice',
};

/** The meaning by class alone. */
export const meaningOf = (event: ResetSeen): string => MEANING[event.class](event);

const MEANING: Readonly<Record<ResetClass, (event: ResetSeen) => string>> = {
  refused: () => 'Connection refused: likely no listener, or a firewall that rejects',
  'answer-to-old-ack': () => 'The client resets because its SYN was answered with an ACK of an older connection',
  'client-abort-syn': () => 'The client gives up its SYN before any answer: an application timeout or a scan',
  'unsolicited-synack': () => 'A SYN-ACK is reset by its target: this capture has no SYN to its sender that it answers',
  'handshake-abort': ({ from }) =>
    from === 'server'
      ? 'The server resets before the connection is in use: a full accept queue, a listener that was closed, or a device in between'
      : 'The client resets before the connection is in use: a half-open scan, or it has given up',
  'tw-assassination': ({ from }) => assassinationMeaning(from, undefined),
  'tw-ignored': ({ from }) =>
    `An RST to the ${otherEnd(from)}'s TIME_WAIT should have no effect: wrong sequence number or old timestamp`,
  'tw-missing': ({ from }) =>
    `The ${from} should be in TIME_WAIT but answers a repeated FIN with RST: likely it holds no bucket`,
  'after-close': () => 'An RST after the connection was closed: clean-up, without effect',
  repeat: () => 'Further RSTs of a connection already reset',
  challenged: ({ from }) =>
    `An RST inside the ${otherEnd(from)}'s window but not at its expected number: a challenge ACK is due`,
  ineffective: ({ from }) => `An RST outside the ${otherEnd(from)}'s window: to be ignored by its receiver`,
  'after-own-fin': afterOwnFin,
  'abort-after-peer-fin': afterPeerFin,
  abort,
  'no-state': noState,
  'no-flow': () => 'An RST of a connection of which this capture shows nothing else',
};

/** `isEffective`: undefined if nothing shows what became of the TIME_WAIT. */
export function assassinationMeaning(from: End, isEffective: boolean | undefined): string {
  const hit = `An RST at its expected number meets the ${otherEnd(from)}'s TIME_WAIT and `;
  if (isEffective === undefined) return `${hit}should end it, unless tcp_rfc1337=1 there`;
  return hit + (isEffective ? 'ends it' : 'does not end it: tcp_rfc1337=1 there, or the RST was lost');
}

/** A refusal by a server that accepts other connections of this client on the port. */
export const REFUSED_AT_TIMES =
  'Connection refused, though the server takes others on this port: likely a listener that comes and goes, another machine behind the address, or a firewall that rejects';

function abort(event: ResetSeen): string {
  return sentNothing(event)
    ? `The server aborts the connection, having sent nothing: ${reasons(true)}`
    : `The ${event.from} aborts the connection: ${reasons(false)}`;
}

/** A bare RST is the answer of a host without that socket, whatever state the class assumes (docs/rules.md B4). */
function afterPeerFin(event: ResetSeen): string {
  const { from, receiver, isBare, segment } = event;
  if (isBare) return `The ${from} answers the other end's FIN with a bare RST: it ${hasNoConnection(event)}`;
  const sinceFin = (receiver.sentFlags & Flag.FIN) === 0 ? undefined : segment.at - receiver.sentAt;
  const isFresh = sentNothing(event);
  if (sinceFin === undefined || !(sinceFin <= ANSWER)) {
    const after = sinceFin === undefined ? 'after' : `${duration(sinceFin)} after`;
    return `The ${from} aborts ${after} the other end's FIN: ${reasons(isFresh)}`;
  }
  return isFresh
    ? `The server aborts what the other end's FIN had half closed, having sent nothing: ${reasons(true)}`
    : `The ${from} answers the other end's FIN with an abort: unread data or SO_LINGER 0`;
}

const reasons = (sentNothing: boolean): string =>
  `${sentNothing ? 'a listener that was closed before anybody accepted it (a restart, a reload), ' : ''}SO_LINGER 0, unread data, a timeout or a killed process`;

function afterOwnFin({ from, isBare }: ResetSeen): string {
  return isBare
    ? `The ${from} resets after its own FIN: its socket was gone before the other end had finished`
    : `The ${from} aborts after its own FIN: data left unread, TCP_LINGER2, or too many sockets without a process`;
}

function noState(event: ResetSeen): string {
  const { from } = event;
  const entry = `${natEntry(idleBefore(event))} NAT`;
  const others = from === 'server' ? `, ${entry} or balancer entry, or the wrong backend` : `, or ${entry} entry`;
  return `The ${from} ${hasNoConnection(event)}: a killed process, a reboot${others}`;
}

function natEntry(idle: Nanos | undefined): string {
  if (idle === undefined) return 'a lost or expired';
  return seconds(idle) >= SHORTEST_TIMER ? 'an expired' : 'a lost';
}

/** A NAT that has forgotten a connection may continue it from another port, or pass it on to a host that never had it. */
const hasNoConnection = ({ flow, sender }: ResetSeen): string =>
  flow.has(FlowBit.CLIENT_KNOWN) || sender.has(SideBit.SPOKE)
    ? 'likely no longer has the connection'
    : 'likely knows no connection of these addresses and ports, nor does this capture show its beginning';
