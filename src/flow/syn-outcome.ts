/**
 * What becomes of SYNs, told once for each attempt: plainly when an answer came at once (`answered`) or a lone SYN got
 * none (`unanswered`), and as a story (attempt.ts) when a detector asked for it or there was more to tell.
 */
import type { Nanos } from '../base/time.ts';
import { ATTEMPT_SILENCE, Attempt } from './attempt.ts';
import { endsOf } from './ends.ts';
import type { Flow } from './flow.ts';
import { layout } from './layout.ts';
import { lastPacket, type Packet } from './packet.ts';
import { isOver } from './story.ts';
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
  flow.story = t.stories.begin(flow.story, attempt);
  t.expect(attempt.due);
  return attempt;
}

/** The story of a SYN that turned out to have one; undefined when it has been told already, or was not captured. */
export function storyOfSyn(t: Tracker, flow: Flow): Attempt | undefined {
  const begun = t.stories.attempt(flow.story);
  if (begun !== undefined || flow.has(FlowBit.TOLD)) return begun;
  const syn = flow.client.has(SideBit.SYN) ? lastPacket(flow, flow.has(FlowBit.CLIENT_IS_B)) : undefined;
  return syn === undefined ? undefined : beginAttempt(t, flow, syn);
}

/** The SYN got its answer, or the client went on as if it had. */
export function tellAnswered(t: Tracker, flow: Flow): void {
  if (flow.has(FlowBit.TOLD) || !flow.client.has(SideBit.SYN)) return;
  flow.set(FlowBit.TOLD);
  t.hooks.answered(flow, t);
}

/** A lone SYN without an answer, as far as the capture was watched: until `until`. */
function tellUnanswered(t: Tracker, flow: Flow, until: Nanos): void {
  if (flow.has(FlowBit.TOLD) || flow.phase !== Phase.SYN_SENT || !flow.client.has(SideBit.SYN)) return;
  flow.set(FlowBit.TOLD);
  t.hooks.unanswered(flow, Math.max(until, flow.opened), t);
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

/** The capture ends at `until`, or its clock steps (−∞: how long it was watched nobody knows): what waits is told. */
export function giveUpAllSyns(t: Tracker, until: Nanos): void {
  while (giveUpNext(t, until));
}

/** The oldest that waits. False when none does. */
export function giveUpNext(t: Tracker, until: Nanos): boolean {
  const base = t.pending.takeUpTo(Number.POSITIVE_INFINITY);
  if (base < 0) return false;
  tellUnanswered(t, t.olderFlow.at(base), until);
  return true;
}

/** The record of a flow is about to go. */
export function giveUpSyn(t: Tracker, flow: Flow): void {
  tellUnanswered(t, flow, t.now);
}
