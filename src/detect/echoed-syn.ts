/** Which SYN of several a SYN-ACK answers, where its TSecr tells: Linux echoes the one that it took, whichever came since. */
import { s32 } from '../base/serial.ts';
import type { Attempt } from '../flow/attempt.ts';
import { heldBack } from './syn-schedule.ts';

/**
 * Index of the SYN that the server had when the client sent another one: neither was it dropped there, nor its queue full.
 * Undefined where the newest is echoed, none, or one that cannot be told from others.
 */
export function echoedEarlier(attempt: Attempt): number | undefined {
  const { delay, oldAcks, followed, remarks } = attempt;
  const tsvals = remarks.tried?.tsvals;
  const echo = followed.at(-1)?.packet.tsecr ?? null;
  if (delay === undefined || oldAcks > 0 || echo === null || tsvals === undefined || heldBack(attempt))
    return undefined;
  const echoed = [...tsvals.keys()].filter(i => s32(tsvals[i], echo) === 0);
  return echoed.length === 1 && echoed[0] < attempt.syns - 1 ? echoed[0] : undefined;
}
