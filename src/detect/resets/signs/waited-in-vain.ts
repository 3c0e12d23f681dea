/**
 * Signs of an end that gives up because the answer that it waits for does not come, or does not reach it (docs/rules.md
 * D3, D7, D8).
 */
import { duration, type Nanos } from '../../../base/time.ts';
import { otherEnd } from '../../../flow/ends.ts';
import type { ResetSeen } from '../../../flow/events.ts';
import { layout } from '../../../flow/layout.ts';
import { awaitsAnswer } from '../awaited-answer.ts';
import { hearsNoAnswer, PROBE_INTERVAL, probesInVain } from '../probes.ts';
import { mostLikely } from '../reset-words.ts';
import { idleBefore, passedBefore } from '../silence.ts';
import type { Sign } from './sign.ts';

const { L } = layout;

/** Its last packet of all was a keep-alive probe, which was not answered. */
export function probesUnanswered(event: ResetSeen): Sign | undefined {
  const { from, sender, receiver, isBare, segment } = event;
  if (isBare || !probesInVain(sender, receiver) || !(segment.at - sender.sentAt >= PROBE_INTERVAL)) return undefined;
  const clause = `The ${from} gives up`;
  const sinceLast = duration(segment.at - sender.sentAt);
  const several = storyOfProbes(event);
  if (several !== undefined) {
    const { count, from: first } = several;
    const why = `none of its last ${count} keep-alive probes was answered in ${duration(segment.at - first)}`;
    return { evidence: { probed: true, probes: count }, meaning: { clause, why } };
  }
  if (hasProbedBefore(event)) {
    const why = `its keep-alive probes were not answered, the last one in ${sinceLast}`;
    return { evidence: { probed: true, probes: 2 }, meaning: { clause, why } };
  }
  // After a single probe the application may have aborted for another reason.
  const why = `its last keep-alive probe was not answered in ${sinceLast}`;
  return { evidence: { probed: true }, meaning: { clause, hedged: `${clause}, likely`, why } };
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
  const story = tracker.stories.of(flow.story)?.unacknowledged(fromB);
  if (story?.carries !== 'keep-alive' || story.class !== 'silent') return undefined;
  const { original, last, beforeAck, from } = story.transmissions;
  if (last.at !== sender.sentAt) return undefined;
  // The story begins with the second probe, and has the first if that was captured.
  const count = beforeAck + (original === undefined ? 0 : 1);
  return count < 2 ? undefined : { count, from };
}

/** The other end had answered, and the answers did not reach it: to its probes, or to data that it sent again and again. */
export function answersLost(event: ResetSeen): Sign | undefined {
  const { from } = event;
  const evidence = { answers_lost: true };
  if (hearsNoAnswer(event)) {
    const why =
      'its keep-alive probes were answered, but it echoes none of the answers: they are likely lost on the way back to it';
    return { evidence, meaning: { clause: `The ${from} gives up`, why } };
  }
  if (!sentAgainThoughAcknowledged(event)) return undefined;
  const meaning = mostLikely(
    `The ${from} had given up the connection`,
    `it sent the same again and again though the ${otherEnd(from)} had acknowledged it, so the answers are likely lost on the way back to it`,
  );
  return { evidence, meaning };
}

/** What its sender has sent again and again was acknowledged, as the story of it shows at this moment. */
function sentAgainThoughAcknowledged({ tracker, flow, fromB }: ResetSeen): boolean {
  return tracker.stories.of(flow.story)?.unacknowledged(fromB)?.class === 'answers-lost';
}

/** The server had acknowledged what the client sent last, and not answered it. */
export function readTimeout(event: ResetSeen): Sign | undefined {
  if (!awaitsAnswer(event)) return undefined;
  const passed = passedBefore(event);
  const waited = passed === undefined ? duration(idleBefore(event)!) : `at most ${duration(passed)} by its own clock`;
  return {
    evidence: { unanswered: true },
    meaning: {
      clause: 'The client gives up',
      why: `the server acknowledged its last ${event.sender.sent(L.SENT_LENGTH)} bytes but had not answered them after ${waited}; a read timeout of the client, if they ask for an answer`,
    },
  };
}
