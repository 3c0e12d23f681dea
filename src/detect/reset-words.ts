/** What `reset-close` says of an RST, in a sentence. */
import { duration, type Nanos, seconds } from '../base/time.ts';
import { type End, otherEnd } from '../flow/ends.ts';
import type { ResetClass } from '../flow/resets.ts';
import { FIN_WAIT2 } from '../flow/time-wait.ts';
import { Flag } from '../wire/tcp.ts';
import { SHORTEST_TIMER } from './known-timers.ts';
import type { Stated } from './reset-facts.ts';
import { ANSWER, ENDS_CONNECTION, type ResetHint } from './reset-hints.ts';

/** Whoever sent it, what its numbers would mean from the host whose address it carries comes second. */
export function inTheNameOf(told: Stated): string {
  // Why an end would have done it does not matter: it did not, likely.
  const [asIfItsOwn] = meaning(told).split(':') as [string];
  return `A middlebox sent this RST in the name of the ${told.from}, most likely; by its numbers alone: ${asIfItsOwn[0].toLowerCase()}${asIfItsOwn.slice(1)}`;
}

const STRANGE: readonly (readonly [ResetHint, (from: End) => string])[] = [
  ['ttl', from => `the TTL is not that of the ${from}'s other packets`],
  ['no-timestamp', () => 'it lacks the timestamps of the connection'],
  ['ip-id', from => `its IP identification is of another kind than that of the ${from}'s other packets`],
  ['faster-than-rtt', from => `it came sooner than the ${from} can answer`],
  ['stepped-seq', () => 'others with stepping numbers came with it'],
];

/** One sign proves no middlebox, and yet the sentence before it may blame the wrong machine (docs/rules.md F12). */
export function oneSign({ class: kind, from }: Stated, hints: readonly ResetHint[]): string {
  const sign = STRANGE.find(([hint]) => hints.includes(hint) && (hint === 'ttl' || ENDS_CONNECTION.has(kind)));
  return sign === undefined ? '' : `; but ${sign[1](from)}: a device on the way may have sent this`;
}

/** A bare RST is the answer of a host without that socket, whatever the class says of the moment (docs/rules.md B4). */
export function meaning({ class: kind, from, rst, outcome, ...told }: Stated, takesOthers = false): string {
  if (told.probed) return `The ${from} gives up: its keep-alive probes went unanswered`;
  if (told.unanswered) {
    return `The client gives up: in ${duration(told.idle!)} the server had not answered what it sent last, though it had acknowledged that; a read timeout of the client, most likely`;
  }
  if (kind === 'tw-assassination' && outcome !== undefined) {
    const hit = `An RST at its expected number meets the ${otherEnd(from)}'s TIME_WAIT and `;
    return hit + (outcome.effective ? 'ends it' : 'does not end it: tcp_rfc1337=1 there, or the RST was lost');
  }
  if (told.answersResetter) {
    return `The ${from} answers by RST what the ${otherEnd(from)} goes on sending after an RST in its name: that one was not its own, likely`;
  }
  if (told.unseen === from) {
    return `The ${from} resets, and the capture lacks what it had sent before, which the ${otherEnd(from)} acknowledges: perhaps its FIN, after which an RST is no fault`;
  }
  if (told.unseen !== undefined) {
    return `The client gives up its SYN, as far as can be seen: this capture has no packet of the ${told.unseen}, so whether an answer had come is not known`;
  }
  if (told.stray) {
    return (rst.flags & Flag.ACK) !== 0
      ? 'A host without such a connection answers a lone segment without ACK, which no connection in use sends: a port scan, perhaps'
      : 'A host without such a connection answers a lone ACK: there never was one, perhaps (a port scan), or it was lost before the capture begins';
  }
  if (told.unacked !== undefined) {
    return `The ${from} had given up the connection, most likely: what it sent again and again the ${otherEnd(from)} never acknowledged; what comes now it answers by RST`;
  }
  if (kind === 'abort-after-peer-fin' && (rst.flags & Flag.ACK) === 0) {
    const answers = `The ${from} answers the other end's FIN with a bare RST: it`;
    // The FIN may come from elsewhere than the connection did: a NAT that forgot it lets it pass as it is.
    return told.partial && !told.resetterSpoke
      ? `${answers} knows no connection of these addresses and ports, nor does this capture show its beginning`
      : `${answers} no longer has the connection`;
  }
  if (kind === 'abort-after-peer-fin' && !(told.sinceFin! <= ANSWER)) {
    const after = told.sinceFin === undefined ? 'after' : `${duration(told.sinceFin)} after`;
    return `The ${from} aborts ${after} the other end's FIN: ${why(told.sentNothing)}`;
  }
  if (told.sentNothing && (kind === 'abort' || kind === 'abort-after-peer-fin')) {
    const met = kind === 'abort' ? 'the connection' : "what the other end's FIN had half closed";
    return `The server aborts ${met}, having sent nothing: ${why(true)}`;
  }
  if (told.isOfJoin) {
    return kind === 'refused'
      ? 'An MPTCP join is refused: the server no longer has the connection of its token, most likely, or it takes no joins, or nothing listens'
      : 'The server resets an MPTCP join right after its handshake: its limit of subflows, most likely, or it no longer has the connection';
  }
  if (kind === 'refused' && takesOthers)
    return 'Connection refused, though the server takes others on this port: a listener that comes and goes, another machine behind the address, or a firewall that rejects, most likely';
  if (kind === 'no-state') return noState(from, told.idle, told.partial && !told.resetterSpoke);
  if (kind === 'after-own-fin' && (rst.flags & Flag.ACK) !== 0) {
    return `The ${from} aborts after its own FIN: data left unread, TCP_LINGER2, or too many sockets without a process`;
  }
  if (told.lost !== undefined) return lostAfterClose(from, told.lost);
  if (told.finWait2 !== undefined) return afterFinWait2(from, told.finWait2);
  return MEANING[kind](from);
}

const why = (sentNothing: boolean): string =>
  `${sentNothing ? 'a listener that was closed before anybody accepted it (a restart, a reload), ' : ''}SO_LINGER 0, unread data, a timeout or a killed process`;

function lostAfterClose(from: End, { bytes, known }: NonNullable<Stated['lost']>): string {
  const lost = `${bytes === 1 ? '1 byte' : `${bytes} bytes`} of the ${otherEnd(from)} ${bytes === 1 ? 'is' : 'are'} lost`;
  return known === undefined
    ? `${lost}: the ${from} had closed when they came, and answers by RST`
    : `${lost}: sent ${duration(known)} after the last word of a connection that the ${from} had closed, as the ${otherEnd(from)} had acknowledged; the answer is an RST`;
}

function afterFinWait2(from: End, waited: Nanos): string {
  const other = otherEnd(from);
  const late = `The ${from} had closed and answers by RST the ${other}'s FIN, which came ${duration(waited)} later`;
  return waited >= FIN_WAIT2
    ? `${late}: its FIN_WAIT2 had run out, likely (tcp_fin_timeout), while the ${other} left the connection in CLOSE_WAIT`
    : `${late}: its socket was gone by then; its FIN_WAIT2 had run out if its tcp_fin_timeout is that short (60 s by default)`;
}

function noState(from: End, idle: Nanos | undefined, isUnknown: boolean): string {
  const entry = idle === undefined ? 'a lost or expired' : seconds(idle) >= SHORTEST_TIMER ? 'an expired' : 'a lost';
  const others =
    from === 'server' ? `, ${entry} NAT or balancer entry, or the wrong backend` : `, or ${entry} NAT entry`;
  // A NAT that forgot a connection lets it go on from another port, where it never was.
  const has = isUnknown
    ? 'knows no connection of these addresses and ports, nor does this capture show its beginning'
    : 'no longer has the connection';
  return `The ${from} ${has}: a killed process, a reboot${others}`;
}

const MEANING: Readonly<Record<ResetClass, (from: End) => string>> = {
  refused: () => 'Connection refused: no listener, or a firewall that rejects, most likely',
  'answer-to-old-ack': () => 'The client resets because its SYN was answered with an ACK of an older connection',
  'client-abort-syn': () => 'The client gives up its SYN before any answer: an application timeout or a scan',
  'unsolicited-synack': () => 'A SYN-ACK that nobody asked for in this capture is reset by its target',
  'handshake-abort': from =>
    from === 'server'
      ? 'The server resets before the connection is in use: a full accept queue, a listener that was closed, or a device in between'
      : 'The client resets before the connection is in use: a half-open scan, or it has given up',
  'tw-assassination': from =>
    `An RST at its expected number meets the ${otherEnd(from)}'s TIME_WAIT and ends it, unless tcp_rfc1337=1 there`,
  'tw-ignored': from =>
    `An RST to the ${otherEnd(from)}'s TIME_WAIT has no effect: wrong sequence number or old timestamp`,
  'tw-missing': from => `The ${from} should be in TIME_WAIT but answers a repeated FIN with RST: it holds no bucket`,
  'after-close': () => 'An RST after the connection was closed: clean-up, without effect',
  repeat: () => 'Further RSTs of a connection already reset',
  challenged: from =>
    `An RST inside the ${otherEnd(from)}'s window but not at its expected number: a challenge ACK is due`,
  ineffective: from => `An RST outside the ${otherEnd(from)}'s window: ignored by its receiver`,
  'after-own-fin': from =>
    `The ${from} resets after its own FIN: its socket was gone before the other end had finished`,
  'abort-after-peer-fin': from => `The ${from} answers the other end's FIN with an abort: unread data or SO_LINGER 0`,
  abort: from => `The ${from} aborts the connection: SO_LINGER 0, unread data, a timeout or a killed process`,
  'no-state': from => `The ${from} no longer has the connection`,
  'no-flow': () => 'An RST of a connection of which this capture shows nothing else',
};
