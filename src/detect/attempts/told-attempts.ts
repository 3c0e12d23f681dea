/** Which attempts unanswered-syn reports or counts, and when all is known that may explain them. */
import { type Nanos, SECOND } from '../../base/time.ts';
import type { Flow } from '../../flow/flow.ts';
import { layout } from '../../flow/layout.ts';
import type { Attempt } from '../../flow/stories/attempt.ts';
import type { Tracker } from '../../flow/tracker.ts';
import type { Cause } from './cause.ts';
import { NEAR } from './other-attempts.ts';
import type { QuotedSegments } from './quoted-segments.ts';
import { type Chain, wasDecided } from './syn-chain.ts';

const { Phase, FlowBit, SideBit } = layout;

/** A lone SYN is reported if the capture continued for this long without an answer. */
export const WATCHED: Nanos = 3 * SECOND;

/**
 * A single SYN is reported if watched for long enough while others were accepted, or if an unexpected ACK came, or an ICMP
 * error that quotes it: then Linux sends no other.
 */
export function isTold(attempt: Attempt, tracker: Tracker, quoted: QuotedSegments): boolean {
  const { ends, syn, answered, syns, oldAcks, since, settledAt } = attempt;
  if (syns > 1 || oldAcks > 0 || (!answered && quoted.hasSyn(ends, syn.seq))) return true;
  const { pair, clientIsB, serverPort } = ends;
  return !answered && settledAt - since >= WATCHED && takesOthers(tracker, pair, clientIsB, serverPort);
}

/**
 * When all that may explain the attempt is known. If it was accepted late, and it is unknown why, a full accept queue
 * may show in the following seconds. If it was not accepted, it may continue from another port.
 */
export function complete(attempt: Attempt, { name, seen }: Cause, chain: Chain | undefined): Nanos {
  const { delay, settledAt } = attempt;
  if (delay === undefined) return chain === undefined || wasDecided(attempt) ? settledAt : chain.over;
  return name === 'path-loss' || (name === 'unknown' && seen === undefined) ? settledAt + NEAR : settledAt;
}

/** Whether the server recently accepted a connection of this client on that port. */
export function takesOthers({ pairs }: Tracker, pair: number, clientIsB: boolean, serverPort: number): boolean {
  return !Number.isNaN(pairs.answeredAt(pair, clientIsB, serverPort));
}

/** A handshake is counted if the server sent this many SYN-ACKs and nothing came back. */
const SYN_ACKS_COUNTED = 3;

/** Asked when the flow leaves. A client that completes other handshakes has a story for it (unheard-syn-ack.ts). */
export function hasUnansweredSynAcks(flow: Flow, { pairs }: Tracker): boolean {
  const { client, server } = flow;
  if (flow.phase !== Phase.SYN_RCVD || server.packets < SYN_ACKS_COUNTED || client.packets !== 1) return false;
  return client.has(SideBit.SYN) && !pairs.completes(flow.pair, flow.has(FlowBit.CLIENT_IS_B));
}
