/** Signs of an RST that follows another one of the connection (docs/rules.md D3). */
import { otherEnd } from '../../../flow/ends.ts';
import type { ResetSeen } from '../../../flow/events.ts';
import { layout } from '../../../flow/layout.ts';
import { takesOver } from '../../../flow/resets.ts';
import { OVERTAKEN } from '../../../flow/stories/reset-aftermath.ts';
import { Flag, withoutEcn } from '../../../wire/tcp.ts';
import { ANSWER } from '../silence.ts';
import { answersOldCopy, isLongAfter } from './answers-old.ts';
import type { Sign } from './sign.ts';

const { L, Phase, SideBit } = layout;

/**
 * A challenge ACK asks whether an RST was meant (RFC 5961 §3.2). A host without the connection answers it with an RST
 * at its number.
 */
export function challengeAnswered(event: ResetSeen): Sign | undefined {
  const { from, sender, receiver, isBare, segment } = event;
  const isAck = withoutEcn(receiver.sentFlags) === Flag.ACK && receiver.sent(L.SENT_LENGTH) === 0;
  const isAnswer = isAck && receiver.sent(L.SENT_ACK) === segment.seq && segment.at - receiver.sentAt <= ANSWER;
  if (!isBare || !sender.has(SideBit.RST) || receiver.has(SideBit.RST) || !isAnswer) return undefined;
  if (answersOldCopy(event) || isLongAfter(event)) return undefined;
  return {
    evidence: { answers_challenge: true },
    meaning: {
      clause: `The ${from} resets again, now at the number of the ${otherEnd(from)}'s challenge ACK`,
      why: 'its RST before counted for nothing',
    },
  };
}

/** The RST before counted for nothing, being too low; this one has the number that the other end expects. */
export function takenAtLast({ from, sender, receiver, segment }: ResetSeen): Sign | undefined {
  if (!takesOver(sender, receiver, segment.seq)) return undefined;
  return {
    meaning: {
      clause: `The ${from} resets again, now at the number that the ${otherEnd(from)} expects`,
      why: 'its RST before stood below that',
    },
  };
}

/** It answers a packet of the end whose RST had ended the connection. So another machine may have sent that RST. */
export function resetterAnswered({ from, flow, sender, receiver }: ResetSeen): Sign | undefined {
  if (sender.has(SideBit.RST) || !receiver.has(SideBit.RST)) return undefined;
  // If that packet was certainly new, the flow counts as open again. If it was open all the time, that RST changed nothing,
  // and nothing shows that its sender went on.
  const hasGoneOn = flow.phase === Phase.OPEN ? flow.resetAt !== 0 : receiver.sentAt > flow.resetAt + OVERTAKEN;
  if (!hasGoneOn) return undefined;
  return {
    evidence: { answers_resetter: true },
    meaning: {
      clause: `The ${from} resets in answer to what the ${otherEnd(from)} sent after an RST in the ${otherEnd(from)}'s name`,
      why: 'likely something else sent that RST',
    },
  };
}
