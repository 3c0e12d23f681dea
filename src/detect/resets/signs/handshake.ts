/** Signs of an RST that ends a handshake, or concerns one (docs/rules.md D2.3, D3). */
import { s32 } from '../../../base/serial.ts';
import { duration } from '../../../base/time.ts';
import type { ResetSeen } from '../../../flow/events.ts';
import { layout } from '../../../flow/layout.ts';
import { answersForOlder } from '../../../flow/older.ts';
import { Flag } from '../../../wire/tcp.ts';
import { sinceOnlySynAck } from '../no-data.ts';
import { isOfClosedPort } from '../origin-hints.ts';
import { mostLikely } from '../reset-words.ts';
import type { Sign } from './sign.ts';

const { L, Phase, SideBit } = layout;

/** The SYN asked to join an MPTCP connection. */
export function ofJoin({ class: kind, from, flow }: ResetSeen): Sign | undefined {
  if (from !== 'server' || !flow.client.has(SideBit.JOINS)) return undefined;
  return {
    evidence: { mptcp_join: true },
    meaning:
      kind === 'refused'
        ? {
            clause: 'An MPTCP join is refused',
            why: 'the server no longer has the connection of its token, most likely, or it takes no joins, or nothing listens',
          }
        : {
            clause: 'The server resets an MPTCP join right after its handshake',
            why: 'its limit of subflows, most likely, or it no longer has the connection',
          },
  };
}

/** The server had not repeated its SYN-ACK. So the handshake was completed, and the capture lacks at least its last ACK. */
export function longAfterSynAck(event: ResetSeen): Sign | undefined {
  const waited = sinceOnlySynAck(event);
  if (waited === undefined) return undefined;
  const whose = event.from === 'server' ? 'its' : "the server's";
  return {
    unseen: 'client',
    meaning: {
      clause: `The ${event.from} resets ${duration(waited)} after ${whose} SYN-ACK, and the capture lacks what came in between`,
      why: `the server did not repeat it, so the client had acknowledged it${usedSince(event)}`,
    },
  };
}

function usedSince({ from, isBare }: ResetSeen): string {
  if (isBare) return ', and may have used the connection since';
  return from === 'server'
    ? '; the server has received no data since, as its RST acknowledges none'
    : '; by its numbers the RST comes before any data';
}

/**
 * A closed port refuses a SYN of its own with the number 0 (docs/rules.md B4), and the number that it acknowledges is none
 * of this connection: the capture lacks the SYN.
 */
export function refusesUnseen({ from, flow, receiver, segment }: ResetSeen): Sign | undefined {
  const isOfConnection = s32(segment.ack, receiver.isn) > 0 && s32(segment.ack, receiver.nxt) <= 0;
  if (flow.phase === Phase.SYN_SENT || !receiver.has(SideBit.SPOKE) || isOfConnection || !isOfClosedPort(segment))
    return undefined;
  return {
    evidence: { refuses_unseen: true },
    meaning: mostLikely(
      `The ${from} refuses another connection on these ports`,
      'the RST has the form of a closed port and acknowledges nothing of this connection, so the SYN is not in this capture',
    ),
  };
}

/**
 * A bare RST has the number that its cause acknowledges. In SYN_SENT that is none of the SYN: a client that gives up its SYN
 * says nothing on Linux, and one that has been answered resets at the number after the SYN (docs/rules.md D2.3).
 */
export function answersUnseen({ sender: client, segment, isBare }: ResetSeen): Sign | undefined {
  const distance = s32(segment.seq, client.isn);
  const isOfSyn = distance === 0 || distance === 1 || segment.seq === client.nxt;
  if (!isBare || !client.has(SideBit.SYN) || segment.seq === 0 || isOfSyn) return undefined;
  return {
    evidence: { unfitting: 'ack', ack_unseen: true },
    meaning: {
      clause: 'The client resets after its SYN, at a number that does not belong to the SYN',
      why: 'it answers what is not in this capture, or recorded later, most likely an ACK of an older connection on these ports',
    },
  };
}

/** The capture has no packet of the server at all, so an answer to the SYN may have come. */
export function serverUnseen({ flow, fromB, tracker }: ResetSeen): Sign | undefined {
  if (tracker.pairs.heard(flow.pair, !fromB)) return undefined;
  return {
    unseen: 'server',
    meaning: {
      clause: 'The client gives up its SYN, as far as can be seen',
      why: 'this capture has no packet of the server, so whether an answer had come is not known',
    },
  };
}

/**
 * The client rejects what answers its SYN, as that echoes a TSval from before the SYN. In SYN_SENT Linux answers that by a
 * bare RST, and ignores it if it is an RST itself (foreignEcho).
 */
export function echoRefused({ sender: client, receiver: server }: ResetSeen): Sign | undefined {
  if (!server.has(SideBit.OLD_ACK)) return undefined;
  const ofSyn = s32(server.sent(L.SENT_ACK), client.isn) === 1;
  if (!ofSyn || s32(server.sent(L.SENT_TSECR), client.synTsval) >= 0) return undefined;
  return {
    evidence: { foreign_echo: true },
    meaning: {
      clause: 'The client resets what answers its SYN',
      why: 'that echoes a TSval older than the SYN',
    },
  };
}

/**
 * What answered the SYN does not have the numbers of the old connection, or the capture shows no old connection; or it was not
 * captured, and only the number of the RST shows it.
 */
export function answerUnknown(event: ResetSeen): Sign | undefined {
  const { tracker, flow, fromB, receiver } = event;
  if (!receiver.has(SideBit.OLD_ACK)) {
    return {
      evidence: { ack_unseen: true },
      meaning: {
        clause: 'The client resets because its SYN was answered with an ACK of an older connection',
        why: 'the RST has the number that one expected next; the ACK is not in this capture, or recorded later',
      },
    };
  }
  if (echoRefused(event) !== undefined || answersForOlder(tracker, flow, !fromB)) return undefined;
  const isSynAck = (receiver.sentFlags & Flag.SYN) !== 0;
  return {
    evidence: { unfitting: isSynAck ? 'syn-ack' : 'ack' },
    meaning: {
      clause: `The client resets because its SYN was answered with ${isSynAck ? 'a SYN-ACK that acknowledges another number' : 'an ACK that does not acknowledge it'}`,
    },
  };
}

/** Two machines have answered the SYN, and the server resets: likely one of them, to which the connection is unknown. */
export function twoAnswers({ from, flow }: ResetSeen): Sign | undefined {
  if (from !== 'server' || !flow.server.has(SideBit.TWO_ANSWERS)) return undefined;
  return {
    evidence: { two_answers: true },
    meaning: {
      clause: 'The server resets a connection whose SYN had two answers, of two machines by their numbers',
      why: 'one resets what the other had accepted, most likely (two backends of a balancer, one address on two hosts, or a device that answers as well)',
    },
  };
}
