/** What became of a TIME_WAIT that an RST hit, as later packets of the attempt show it (docs/rules.md B3, B4). */
import type { Nanos } from '../../base/time.ts';
import type { ResetSeen } from '../../flow/events.ts';
import type { Attempt } from '../../flow/stories/attempt.ts';
import type { Note } from '../detector.ts';

export interface Fate {
  /** Whether the RST ended it; undefined if it may have run out by itself. */
  effective: boolean | undefined;
  /** The packet that shows it. */
  shown: Note | undefined;
}

/** When the TIME_WAIT runs out by itself. Infinite if it lasts longer than `length` there, as the RST hits it after that. */
export function runsOutAt({ tracker, flow, fromB, segment }: ResetSeen, length: Nanos): Nanos {
  const end = tracker.olderFlow.at(flow.older).side(!fromB).timerStart + length;
  return segment.at < end ? end : Number.POSITIVE_INFINITY;
}

/** If the old connection answers again, or the new one continues its numbers, the TIME_WAIT still existed. */
export function fateOf({ steps, outlived, accepting }: Attempt, runsOut: Nanos): Fate | undefined {
  const outcome = steps.find(step => step.startsWith('accepted'));
  if (outlived !== undefined) {
    return { effective: false, shown: { packet: outlived.packet, note: 'the TIME_WAIT answers again' } };
  }
  if (outcome === undefined) return undefined;
  const isGone = outcome === 'accepted';
  const note = isGone ? 'accepted with an ISN of its own: the TIME_WAIT is gone' : 'continues the TIME_WAIT';
  const mayHaveRunOut = isGone && accepting !== undefined && accepting.packet.at >= runsOut;
  return {
    effective: mayHaveRunOut ? undefined : isGone,
    shown: accepting && { packet: accepting.packet, note },
  };
}
