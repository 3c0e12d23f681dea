/**
 * Tells which of several SYNs a SYN-ACK answers, if its TSecr shows that. Linux echoes the SYN that it accepted, even
 * if others came since (docs/rules.md D2.3).
 */
import { s32 } from '../../base/serial.ts';
import type { Attempt } from '../../flow/stories/attempt.ts';
import { remarksOf } from './remarks.ts';
import { heldBack } from './syn-schedule.ts';

/**
 * Index of the SYN that the server already had when the client sent another one: so that SYN was neither lost, nor was
 * there no place for it in the queue. Undefined if the newest SYN is echoed, or none, or one that shares its TSval with
 * others.
 */
export function echoedEarlier(attempt: Attempt): number | undefined {
  const { delay, oldAcks, accepting } = attempt;
  const tsvals = remarksOf(attempt).tried?.tsvals;
  const echo = accepting?.packet.tsecr ?? null;
  if (delay === undefined || oldAcks > 0 || echo === null || tsvals === undefined || heldBack(attempt))
    return undefined;
  const isEchoed = (tsval: number): boolean => s32(tsval, echo) === 0;
  const first = tsvals.findIndex(isEchoed);
  if (first < 0 || first !== tsvals.findLastIndex(isEchoed)) return undefined;
  return first < attempt.syns - 1 ? first : undefined;
}
