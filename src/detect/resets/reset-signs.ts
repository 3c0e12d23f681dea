/**
 * What the packets before an RST say about it beyond its class (docs/rules.md D3). Each sign is one function. It
 * decides whether the sign applies, what it adds to the evidence, and what the finding then says.
 */
import { duration, type Nanos } from '../../base/time.ts';
import { type End, otherEnd } from '../../flow/ends.ts';
import type { ResetSeen } from '../../flow/events.ts';
import type { Side } from '../../flow/flow.ts';
import { layout } from '../../flow/layout.ts';
import { acknowledgedBefore, isFurther, type ResetClass, takesOver } from '../../flow/resets.ts';
import { OVERTAKEN } from '../../flow/stories/reset-aftermath.ts';
import { ackedUnseen } from '../../flow/time-wait.ts';
import { Flag } from '../../wire/tcp.ts';
import type { ResetCloseEvidence } from '../reset-close.ts';
import { hearsNoAnswer, PROBE_INTERVAL, sentAgainThoughAcknowledged } from './answers-lost.ts';
import { awaitsAnswer } from './awaited-answer.ts';
import { dataLost, finWait2Over } from './closed-reset-signs.ts';
import { sentInVain, windowShut } from './given-up-signs.ts';
import { noData, receivedNothing, sentNothing, unusedByClient } from './no-data-reset-signs.ts';
import { ANSWER, idleBefore, passedBefore, probesInVain } from './reset-hints.ts';
import { type Meaning, meaningOf, mostLikely } from './reset-words.ts';
import type { Sign } from './sign.ts';
import {
  answerUnknown,
  echoRefused,
  foreignEcho,
  ofJoin,
  refusesUnseen,
  serverUnseen,
  twoAnswers,
} from './syn-reset-signs.ts';

const { FlowBit, L, Phase, SideBit } = layout;

/** The signs that may apply to each class. The first one with a meaning gives the sentence; all of them add evidence. */
const SIGNS: Partial<Record<ResetClass, readonly ((event: ResetSeen) => Sign | undefined)[]>> = {
  refused: [ofJoin],
  'handshake-abort': [ofJoin, twoAnswers],
  'client-abort-syn': [serverUnseen],
  abort: [
    unusedByClient,
    probesUnanswered,
    answersLost,
    readTimeout,
    noData,
    packetsUnseen,
    strayAnswered,
    sentNothing,
    receivedNothing,
  ],
  'abort-after-peer-fin': [
    challengeAnswered,
    probesUnanswered,
    packetsUnseen,
    strayAnswered,
    sentNothing,
    receivedNothing,
  ],
  'answer-to-old-ack': [echoRefused, answerUnknown],
  ineffective: [foreignEcho, connectionKnown],
  'no-state': [
    unusedByClient,
    twoAnswers,
    challengeAnswered,
    resetterAnswered,
    answersLost,
    packetsUnseen,
    strayAnswered,
    sentInVain,
    windowShut,
  ],
  repeat: [takenAtLast, resetterAnswered],
  'after-own-fin': [dataLost, finWait2Over],
};

/** All signs of an RST together. */
export interface Reading {
  evidence: Partial<ResetCloseEvidence>;
  meaning: Meaning;
  unseen: End | undefined;
}

/** Must be called when the RST is seen: its flow changes afterwards. */
export function readingOf(event: ResetSeen): Reading {
  const signs = [refusesUnseen, ...(SIGNS[event.class] ?? [])].flatMap(sign => sign(event) ?? []);
  return {
    evidence: Object.assign({}, ...signs.map(({ evidence }) => evidence)),
    meaning: signs.find(({ meaning }) => meaning !== undefined)?.meaning ?? meaningOf(event),
    unseen: signs.find(({ unseen }) => unseen !== undefined)?.unseen,
  };
}

function probesUnanswered(event: ResetSeen): Sign | undefined {
  const { from, sender, receiver, isBare, segment } = event;
  if (isBare || !probesInVain(sender, receiver) || !(segment.at - sender.sentAt >= PROBE_INTERVAL)) return undefined;
  const evidence = { probed: true };
  const probes = storyOfProbes(event);
  const clause = `The ${from} gives up`;
  if (probes !== undefined) {
    const waited = duration(segment.at - probes.from);
    return {
      evidence: { ...evidence, probes: probes.count },
      meaning: { clause, why: `none of its last ${probes.count} keep-alive probes was answered in ${waited}` },
    };
  }
  const waited = duration(segment.at - sender.sentAt);
  if (hasProbedBefore(event)) {
    const why = `its keep-alive probes were not answered, the last one in ${waited}`;
    return { evidence: { ...evidence, probes: 2 }, meaning: { clause, why } };
  }
  const why = `its last keep-alive probe was not answered in ${waited}`;
  return { evidence, meaning: { clause, hedged: `${clause}, likely`, why } };
}

/**
 * The packet before the last probe came from the same end, and too late for an acknowledgement of what the other end had
 * sent last: it was a probe, too. Their story may be over by now: it lasts for five minutes, nine probes of Linux for eleven.
 */
function hasProbedBefore({ flow, sender, receiver }: ResetSeen): boolean {
  return flow.last === sender.sentAt && flow.last - flow.gap - receiver.sentAt >= PROBE_INTERVAL;
}

/** The probes of the resetting end that are known to be unanswered, if they are several. */
function storyOfProbes({ tracker, flow, fromB, sender }: ResetSeen): { count: number; from: Nanos } | undefined {
  const story = tracker.stories.unacknowledged(flow.story, fromB);
  if (story?.carries !== 'keep-alive' || story.class !== 'silent' || story.last.at !== sender.sentAt) return undefined;
  // The story begins with the second probe, and has the first if that was captured.
  const count = story.sentAgain + (story.sent === undefined ? 0 : 1);
  return count < 2 ? undefined : { count, from: story.from };
}

function answersLost(event: ResetSeen): Sign | undefined {
  const { from } = event;
  const evidence = { answers_lost: true };
  if (hearsNoAnswer(event)) {
    const meaning = {
      clause: `The ${from} gives up`,
      why: 'its keep-alive probes were answered, but it echoes none of the answers: they are likely lost on the way back to it',
    };
    return { evidence, meaning };
  }
  if (!sentAgainThoughAcknowledged(event)) return undefined;
  const meaning = mostLikely(
    `The ${from} had given up the connection`,
    `it sent the same again and again though the ${otherEnd(from)} had acknowledged it, so the answers are likely lost on the way back to it`,
  );
  return { evidence, meaning };
}

function readTimeout(event: ResetSeen): Sign | undefined {
  if (!awaitsAnswer(event)) return undefined;
  const passed = passedBefore(event);
  const waited = passed === undefined ? duration(idleBefore(event)!) : `at most ${duration(passed)} by its own clock`;
  return {
    evidence: { unanswered: true },
    meaning: {
      clause: 'The client gives up',
      why: `in ${waited} the server had not answered the ${event.sender.sent(L.SENT_LENGTH)} bytes that it sent last, though it had acknowledged them; a read timeout of the client, if they ask for an answer`,
    },
  };
}

/** The other end acknowledged more than was seen of the sender, which may have sent a FIN. */
function packetsUnseen({ from, sender, receiver, segment }: ResetSeen): Sign | undefined {
  if (!receiver.has(SideBit.SPOKE)) return sender.has(SideBit.SPOKE) ? otherUnseen(from) : undefined;
  if (isFurther(sender, segment.seq) && !ackedUnseen(sender, receiver)) {
    return {
      unseen: from,
      meaning: {
        clause: `The ${from} resets, and the capture lacks what it had sent before, by the number of its RST`,
        why: 'perhaps its FIN, after which an RST is no fault',
      },
    };
  }
  if (!hasAckedUnseen(sender, receiver)) return undefined;
  return {
    unseen: from,
    meaning: {
      clause: `The ${from} resets, and the capture lacks what it had sent before, which the ${otherEnd(from)} acknowledges`,
      why: 'perhaps its FIN, after which an RST is no fault',
    },
  };
}

/**
 * If nothing else was captured of the sender, and not the other end's SYN either, that may have acknowledged only what
 * came before the capture began.
 */
function hasAckedUnseen(sender: Side, receiver: Side): boolean {
  if (sender.has(SideBit.SPOKE)) return ackedUnseen(sender, receiver);
  return receiver.has(SideBit.SYN) && (receiver.sentFlags & Flag.ACK) !== 0;
}

/** What it answers, or what came before it, was not captured: perhaps a FIN. */
function otherUnseen(from: End): Sign {
  const other = otherEnd(from);
  return {
    unseen: other,
    meaning: {
      clause: `The ${from} resets, and the capture has nothing of the ${other}`,
      why: 'perhaps it had closed, after which an RST is no fault, or sent what the RST answers',
    },
  };
}

/**
 * The capture has nothing of the connection but one segment without data, and the answer of a host without a socket
 * (RFC 9293 §3.10.7.1): an RST,ACK with number 0 to a segment without ACK, a bare RST to a lone ACK. Scans send both. A
 * keep-alive probe of a lost connection looks like the latter, but has the connection's timestamps, if it uses them.
 */
function strayAnswered({ flow, sender, receiver, isBare, segment }: ResetSeen): Sign | undefined {
  const isLone = receiver.packets === 1 && receiver.bytes === 0 && !sender.has(SideBit.SPOKE);
  if (!isLone || flow.has(FlowBit.CLIENT_KNOWN)) return undefined;
  const evidence = { stray: true };
  if (isBare) {
    const isAck = (receiver.sentFlags & (Flag.ACK | Flag.FIN)) === Flag.ACK;
    if (!isAck || receiver.has(SideBit.TS_LATER | SideBit.TS_CUT)) return undefined;
    const meaning = {
      clause: 'A host without such a connection answers a lone ACK',
      why: 'there never was one, perhaps (a port scan), or it was lost before the capture begins',
    };
    return { evidence, meaning };
  }
  if ((receiver.sentFlags & Flag.ACK) !== 0 || segment.seq !== 0) return undefined;
  const meaning = {
    clause: 'A host without such a connection answers a lone segment without ACK, which no connection in use sends',
    why: 'a port scan, perhaps',
  };
  return { evidence, meaning };
}

/** It answers a packet of the end whose RST had ended the connection. So another machine may have sent that RST. */
function resetterAnswered({ from, flow, sender, receiver }: ResetSeen): Sign | undefined {
  if (sender.has(SideBit.RST) || !receiver.has(SideBit.RST)) return undefined;
  // If that packet was certainly new, the flow counts as open again.
  if (flow.phase !== Phase.OPEN && !(receiver.sentAt > flow.resetAt + OVERTAKEN)) return undefined;
  return {
    evidence: { answers_resetter: true },
    meaning: {
      clause: `The ${from} resets in answer to what the ${otherEnd(from)} sent after an RST in the ${otherEnd(from)}'s name`,
      why: "that RST was another's, likely",
    },
  };
}

/**
 * The numbers are not guessed. A bare RST is at a number that the other end had acknowledged, so it answers that
 * segment; an RST,ACK acknowledges exactly what the other end had sent.
 */
function connectionKnown({ from, sender, receiver, segment, isBare }: ResetSeen): Sign | undefined {
  if (!sender.has(SideBit.SPOKE) || !receiver.has(SideBit.SPOKE)) return undefined;
  const other = otherEnd(from);
  if (isBare) {
    if (!acknowledgedBefore(sender, receiver, segment.seq)) return undefined;
    const meaning = {
      clause: `An RST outside the ${other}'s window, to be ignored by its receiver`,
      why: `it answers an earlier segment of the ${other}, likely`,
    };
    return { evidence: { knows_connection: true }, meaning };
  }
  if (segment.ack !== receiver.nxt) return undefined;
  const meaning = {
    clause: `An RST outside the ${other}'s window, to be ignored by its receiver, acknowledges exactly what the ${other} had sent`,
    why: 'its sender knows the connection',
  };
  return { evidence: { knows_connection: true }, meaning };
}

/**
 * A challenge ACK asks whether an RST was meant (RFC 5961 §3.2). A host without the connection answers it with an RST
 * at its number.
 */
function challengeAnswered({ from, sender, receiver, isBare, segment }: ResetSeen): Sign | undefined {
  const isAck = receiver.sentFlags === Flag.ACK && receiver.sent(L.SENT_LENGTH) === 0;
  const isAnswer = isAck && receiver.sent(L.SENT_ACK) === segment.seq && segment.at - receiver.sentAt <= ANSWER;
  if (!isBare || !sender.has(SideBit.RST) || receiver.has(SideBit.RST) || !isAnswer) return undefined;
  return {
    evidence: { answers_challenge: true },
    meaning: {
      clause: `The ${from} resets again, now at the number of the ${otherEnd(from)}'s challenge ACK`,
      why: 'its RST before counted for nothing',
    },
  };
}

function takenAtLast({ from, sender, receiver, segment }: ResetSeen): Sign | undefined {
  if (!takesOver(sender, receiver, segment.seq)) return undefined;
  return {
    meaning: {
      clause: `The ${from} resets again, now at the number that the ${otherEnd(from)} expects`,
      why: 'its RST before stood below that',
    },
  };
}
