/** The SYNs of one attempt before the rule of tcp_tw_recycle (recycle-trial.ts). */
import { s32 } from '../../base/serial.ts';
import type { Nanos } from '../../base/time.ts';
import type { Attempt } from '../../flow/stories/attempt.ts';
import type { SynMarks } from '../attempts/syn-marks.ts';
import type { Ground, RecycleVerdict } from './recycle.ts';
import type { Remembered } from './remembered-tsval.ts';

/** Most SYNs of an attempt that are checked: Linux sends 128 at most (tcp_syn_retries = 127), a flood may send more. */
export const MOST_SYNS = 256;

/** The first SYNs of an attempt: what the rule says of each, and its TSval. */
export interface Tried {
  fates: RecycleVerdict[];
  /** Why the rule lets a SYN pass, for those that it does. */
  grounds: (Ground | undefined)[];
  tsvals: number[];
  /** Of the newest of them. */
  marks: SynMarks;
  /** When the rule would let the sender of the newest dropped SYN in. */
  unblockAt: Nanos;
  /** What the rule compares the first of them with. */
  remembered: Remembered | undefined;
}

/**
 * Index of the SYN that was answered, or -1. A SYN-ACK echoes its TSval; otherwise it is the newest. Undefined if the
 * SYN-ACK echoes none of them: it answers a SYN that was recorded later, or not at all.
 */
export function answeredSyn(attempt: Attempt, tried: Tried | undefined): number | undefined {
  if (!attempt.answered) return -1;
  const newest = attempt.sentAt.length - 1;
  const echoed = attempt.accepting?.packet.tsecr ?? null;
  if (tried === undefined || echoed === null) return newest;
  const index = tried.tsvals.findIndex(tsval => s32(tsval, echoed) === 0);
  return index < 0 ? undefined : index;
}
