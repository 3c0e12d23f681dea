/**
 * Reports what becomes of SYNs, once for each attempt: by a simple event if an answer came at once (`answered`) or a
 * single SYN got none (`unanswered`), and as a story (attempt.ts) if a detector asked for it or more happened.
 */
import type { Nanos } from '../base/time.ts';
import { endsOf } from './ends.ts';
import type { Flow } from './flow.ts';
import { layout } from './layout.ts';
import { lastPacket, type Packet } from './packet.ts';
import { ATTEMPT_SILENCE, Attempt } from './stories/attempt.ts';
import { isOver } from './stories/story.ts';
import type { Tracker } from './tracker.ts';

const { Phase, FlowBit, SideBit } = layout;

export function beginAttempt(t: Tracker, flow: Flow, syn: Packet): Attempt {
  const attempt = new Attempt(syn, endsOf(flow), t.hooks.guarded);
  attempt.supposed = flow.supposed;
  attempt.onTold(told => {
    if (isOver(told)) t.hooks.attempt(told, t);
    else t.hooks.attemptSoFar(told, t);
  });
  flow.set(FlowBit.TOLD);
  t.begin(flow, attempt);
  return attempt;
}

/** The story of the flow's SYN, begun now if need be; undefined if it was reported already, or not captured. */
export function storyOfSyn(t: Tracker, flow: Flow): Attempt | undefined {
  const begun = t.stories.of(flow.story)?.attempt;
  if (begun !== undefined || flow.has(FlowBit.TOLD)) return begun;
  const syn = flow.client.has(SideBit.SYN) ? lastPacket(flow, flow.has(FlowBit.CLIENT_IS_B)) : undefined;
  return syn === undefined ? undefined : beginAttempt(t, flow, syn);
}

/** The SYN has been answered, or the client goes on as if it had been. */
export function tellAnswered(t: Tracker, flow: Flow): void {
  if (flow.has(FlowBit.TOLD) || !flow.client.has(SideBit.SYN)) return;
  flow.set(FlowBit.TOLD);
  t.hooks.answered(flow, t);
}

/** A single SYN has had no answer until `until`. */
function tellUnanswered(t: Tracker, flow: Flow, until: Nanos, isReplaced = false): void {
  if (flow.has(FlowBit.TOLD) || flow.phase !== Phase.SYN_SENT || !flow.client.has(SideBit.SYN)) return;
  flow.set(FlowBit.TOLD);
  t.hooks.unanswered(flow, Math.max(until, flow.opened), t, isReplaced);
}

/** Gives up the SYNs that have waited long enough at `now`. */
export function giveUpSyns(t: Tracker, now: Nanos): void {
  const { pending } = t;
  for (let base = pending.takeUpTo(now - ATTEMPT_SILENCE); base >= 0; base = pending.takeUpTo(now - ATTEMPT_SILENCE)) {
    const flow = t.olderFlow.at(base);
    tellUnanswered(t, flow, flow.opened + ATTEMPT_SILENCE);
    pending.giveUp(base);
  }
}

/** Reports all SYNs that wait. The capture ends at `until`, or its clock steps (−∞: the time is not known). */
export function giveUpAllSyns(t: Tracker, until: Nanos): void {
  while (giveUpNext(t, until));
}

/** The same for the oldest of them. False if none waits. */
export function giveUpNext(t: Tracker, until: Nanos): boolean {
  const base = t.pending.takeUpTo(Number.POSITIVE_INFINITY);
  if (base < 0) return false;
  tellUnanswered(t, t.olderFlow.at(base), until);
  return true;
}

/** Reports the SYN of a flow whose record is about to be dropped: perhaps because a SYN with a new ISN takes its place. */
export function giveUpSyn(t: Tracker, flow: Flow, isReplaced = false): void {
  tellUnanswered(t, flow, t.now, isReplaced);
}
