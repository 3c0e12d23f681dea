/** What `reset-close` says about an RST of each class, in one sentence. */
import { duration, type Nanos, seconds } from '../../base/time.ts';
import { type End, otherEnd } from '../../flow/ends.ts';
import type { ResetSeen } from '../../flow/events.ts';
import { layout } from '../../flow/layout.ts';
import type { ResetClass } from '../../flow/resets.ts';
import { Flag } from '../../wire/tcp.ts';
import type { Severity } from '../finding.ts';
import { isInUse } from './known-timers.ts';
import { otherSentNoByte, serverSentNoByte } from './no-data.ts';
import { ENDS_CONNECTION, type ResetHint } from './reset-hints.ts';
import { ANSWER, idleForSure } from './silence.ts';

const { FlowBit, SideBit } = layout;

/** What an RST meant, in the parts of a sentence. */
export interface Meaning {
  /** What its numbers say, not hedged: `The server no longer has the connection`. */
  clause: string;
  /** The same, if it is only likely: `The server likely no longer has the connection`. */
  hedged?: string;
  /** Why, or how it is known. */
  why?: string;
}

export const sentenceOf = ({ clause, hedged = clause, why }: Meaning): string =>
  why === undefined ? hedged : `${hedged}: ${why}`;

export const mostLikely = (clause: string, why: string): Meaning => ({ clause, hedged: `${clause}, most likely`, why });

/**
 * Says first that a middlebox sent it, then what it would mean if its supposed sender had sent it. If only the latter speaks
 * against that, as it goes on, another host that has its address may have: a virtual IP moved, or a balancer chose anew.
 */
export function inTheNameOf(from: End, { clause }: Meaning, mayBeHost: boolean): string {
  // The reasons that an end would have had are left out, since it probably did not send the RST. What remains is only
  // supposed, so it is not hedged again.
  const who = mayBeHost ? 'A middlebox (or another host with this address)' : 'A middlebox';
  return `${who} sent this RST in the name of the ${from}, most likely; if the ${from} did after all: ${clause[0].toLowerCase()}${clause.slice(1)}`;
}

const STRANGE: readonly (readonly [ResetHint, (from: End) => string])[] = [
  ['ttl', from => `the TTL is not that of the ${from}'s other packets`],
  ['ip-id', from => `its IP identification is of another kind than that of the ${from}'s other packets`],
  ['faster-than-rtt', from => `it came sooner than the ${from} ever answered`],
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
export const meaningOf = (event: ResetSeen): Meaning => MEANING[event.class](event);

const MEANING: Readonly<Record<ResetClass, (event: ResetSeen) => Meaning>> = {
  refused: () => ({ clause: 'Connection refused', why: 'likely no listener, or a firewall that rejects' }),
  'answer-to-old-ack': () => ({
    clause: 'The client resets because its SYN was answered with an ACK of an older connection',
  }),
  'client-abort-syn': () => ({
    clause: 'The client gives up its SYN before any answer',
    why: 'an application timeout or a scan',
  }),
  'unsolicited-synack': () => ({
    clause: 'A SYN-ACK is reset by its target',
    why: 'this capture has no SYN to its sender that it answers',
  }),
  'handshake-abort': event => ({
    clause: `The ${event.from} resets before the connection is in use`,
    why: handshakeReasons(event),
  }),
  'tw-assassination': ({ from }) => assassinationMeaning(from, undefined),
  'tw-ignored': ({ from }) => ({
    clause: `An RST to the ${otherEnd(from)}'s TIME_WAIT should have no effect`,
    why: 'wrong sequence number or old timestamp',
  }),
  'tw-missing': ({ from }) => ({
    clause: `The ${from} should be in TIME_WAIT but answers a repeated FIN with RST`,
    why: 'likely it keeps no TIME_WAIT',
  }),
  'after-close': () => ({ clause: 'An RST after the connection was closed', why: 'clean-up, without effect' }),
  repeat: () => ({ clause: 'Further RSTs of a connection already reset' }),
  challenged: ({ from }) => ({
    clause: `An RST inside the ${otherEnd(from)}'s window but not at its expected number`,
    why: 'a challenge ACK is due',
  }),
  ineffective: ({ from }) => ({
    clause: `An RST outside the ${otherEnd(from)}'s window`,
    why: 'its receiver should ignore it',
  }),
  'after-own-fin': afterOwnFin,
  'abort-after-peer-fin': afterPeerFin,
  abort,
  'no-state': noState,
  'no-flow': () => ({ clause: 'An RST of a connection of which this capture shows nothing else' }),
};

/** `isEffective`: undefined if nothing shows what became of the TIME_WAIT. */
export function assassinationMeaning(from: End, isEffective: boolean | undefined): Meaning {
  const hit = `An RST at its expected number meets the ${otherEnd(from)}'s TIME_WAIT and `;
  if (isEffective === undefined) return { clause: `${hit}should end it, unless tcp_rfc1337=1 there` };
  return isEffective
    ? { clause: `${hit}ends it` }
    : { clause: `${hit}does not end it`, why: 'tcp_rfc1337=1 there, or the RST was lost' };
}

/** A refusal by a server that accepts other connections of this client on the port. */
export const REFUSED_AT_TIMES: Meaning = {
  clause: 'Connection refused, though the server takes others on this port',
  why: 'likely a listener that comes and goes, another machine behind the address, or a firewall that rejects',
};

function abort(event: ResetSeen): Meaning {
  return serverSentNoByte(event)
    ? { clause: 'The server aborts the connection, having sent nothing', why: reasons(event) }
    : { clause: `The ${event.from} aborts the connection`, why: reasons(event) };
}

/** A bare RST is the answer of a host without that socket, whatever state the class assumes (docs/rules.md B4). */
function afterPeerFin(event: ResetSeen): Meaning {
  const { from, receiver, isBare, segment } = event;
  if (isBare) {
    const [, likely] = hasNoConnection(event);
    return { clause: `The ${from} answers the ${otherEnd(from)}'s FIN with a bare RST`, why: `it ${likely}` };
  }
  const sinceFin = (receiver.sentFlags & Flag.FIN) === 0 ? undefined : segment.at - receiver.sentAt;
  const isFresh = serverSentNoByte(event);
  if (sinceFin === undefined || !(sinceFin <= ANSWER)) {
    const after = sinceFin === undefined ? 'after' : `${duration(sinceFin)} after`;
    return { clause: `The ${from} aborts ${after} the ${otherEnd(from)}'s FIN`, why: reasons(event) };
  }
  return isFresh
    ? { clause: "The server answers the client's FIN with an abort, having sent nothing", why: reasons(event) }
    : {
        clause: `The ${from} answers the ${otherEnd(from)}'s FIN with an abort`,
        why: otherSentNoByte(event) ? 'SO_LINGER 0' : 'unread data or SO_LINGER 0',
      };
}

/** A full accept queue answers the ACK of the handshake without a socket, so by a bare RST (docs/rules.md F13). */
function handshakeReasons(event: ResetSeen): string {
  if (event.from === 'client')
    return 'a half-open scan or health check, the slower of two attempts (happy eyeballs), or it has given up';
  return !event.isBare && serverSentNoByte(event)
    ? 'a listener that was closed before it accepted the connection, SO_LINGER 0, or a device in between'
    : 'a full accept queue, a listener that was closed, or a device in between';
}

/** The kernel closes what a killed process leaves: by FIN, or by RST if data is unread (docs/rules.md B4). */
function reasons(event: ResetSeen): string {
  const closed = serverSentNoByte(event) ? 'a listener that was closed before it accepted the connection, ' : '';
  return `${closed}SO_LINGER 0${otherSentNoByte(event) ? '' : ', unread data'} or a timeout`;
}

function afterOwnFin({ from, isBare }: ResetSeen): Meaning {
  return isBare
    ? {
        clause: `The ${from} resets after its own FIN`,
        why: 'its socket was gone before the other end had finished',
      }
    : {
        clause: `The ${from} aborts after its own FIN`,
        why: 'data left unread, TCP_LINGER2, or too many sockets without a process',
      };
}

function noState(event: ResetSeen): Meaning {
  const { from } = event;
  const [has, likely] = hasNoConnection(event);
  const lost = lostEntry(idleForSure(event));
  return {
    clause: `The ${from} ${has}`,
    hedged: `The ${from} ${likely}`,
    why: `it gave up, restarted, or its FIN or RST was lost; or a ${from === 'server' ? 'NAT or balancer' : 'NAT'} ${lost}, or a firewall rejects it or had reset it`,
  };
}

function lostEntry(idle: Nanos | undefined): string {
  if (idle === undefined) return 'lost its entry or let it expire';
  return isInUse(seconds(idle)) ? 'lost its entry' : 'let its entry expire';
}

/**
 * Without a hedge and with it. A NAT that has forgotten a connection may continue it from another port, or pass it on to
 * a host that never had it.
 */
function hasNoConnection({ flow, sender }: ResetSeen): [string, string] {
  const what =
    flow.has(FlowBit.CLIENT_KNOWN) || sender.has(SideBit.SPOKE)
      ? 'no longer has the connection'
      : 'knows no connection of these addresses and ports, nor does this capture show its beginning';
  return [what, `likely ${what}`];
}
