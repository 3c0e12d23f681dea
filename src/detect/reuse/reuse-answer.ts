/** What the answer to a SYN shows of the old connection on its tuple (docs/rules.md D2.1). */
import { s32 } from '../../base/serial.ts';
import type { Nanos } from '../../base/time.ts';
import type { Packet } from '../../flow/packet.ts';
import type { Attempt } from '../../flow/stories/attempt.ts';
import { GRACE, TIME_WAIT } from '../../flow/time-wait.ts';
import { Flag } from '../../wire/tcp.ts';
import { lessPassed } from '../resets/sender-clock.ts';
import type { Reuse } from './tuple-reuse.ts';

/** The answer may show more than the capture has of the close. */
export function withAnswer(bySyn: Reuse, attempt: Attempt): Reuse {
  const { early } = bySyn;
  const isEarly = early !== undefined && attempt.lacksOldAck && attempt.rst?.packet.seq === early.ack;
  const reuse = isEarly ? { ...bySyn, age: early.age, answeredBefore: early.lead } : bySyn;
  const { steps, fromMiniSocket } = attempt;
  const answer = attempt.ofOldConnection?.packet;
  const passed = answer && lessPassed(reuse.clock, answer.tsval, reuse.age);
  if (passed !== undefined) return { ...reuse, passed };
  const { age, clientIsn, twReuse, afterReset, receiverOpen } = reuse;
  if (wasInUse(reuse, attempt)) return { class: 'unknown-close', age, owner: 'none' };
  const atServer = reuse.owner === 'server' || reuse.owner === 'both';
  if (steps.includes('accepted:tw-isn') && !atServer && afterReset !== true) {
    if (clientIsn !== 'tw-reuse') return { class: 'in-time-wait', age, owner: 'server' };
    return { class: 'in-time-wait', age, owner: 'both', clientIsn, twReuse };
  }
  // Both ends had closed: a mini-socket that has both FINs is a TIME_WAIT (D2.1).
  if (coversMissingFin(reuse, attempt)) {
    if (fromMiniSocket) return { class: 'in-time-wait', age, owner: 'server', lacksFin: true };
    return { class: 'unknown-close', age, owner: 'none', lacksFin: true };
  }
  // No full socket answered, so the receiver had closed (B3). If both FINs are known, it was its TIME_WAIT.
  if (fromMiniSocket && receiverOpen === true) return { class: 'unknown-close', age, owner: 'none' };
  if (fromMiniSocket && reuse.owner === 'client') return { class: 'in-time-wait', age, owner: 'server' };
  return reuse;
}

/** By the number that the server expected, its handshake had been completed: the capture lacks what came then. */
const wasInUse = ({ class: kind, sentUpTo }: Reuse, { lacksOldAck, rst }: Attempt): boolean =>
  kind === 'syn-sent' &&
  sentUpTo !== undefined &&
  lacksOldAck &&
  rst !== undefined &&
  s32(rst.packet.seq, sentUpTo) > 0;

/**
 * Whether the old connection's ACK has the number after the FIN that the capture lacks. The FIN that was captured must
 * have arrived: else the ACK is of a FIN_WAIT2.
 */
function coversMissingFin({ missingFin }: Reuse, { steps, oldAnswer }: Attempt): boolean {
  if (missingFin === undefined || steps[0] !== 'challenge-ack') return false;
  const ack = oldAnswer?.packet;
  if (ack?.flags !== Flag.ACK || s32(ack.ack, missingFin.sentUpTo) < 0) return false;
  return s32(missingFin.ofSender ? ack.ack : ack.seq, missingFin.seq) === 1;
}

/** Linux keeps TIME_WAIT no longer than this (B2); there is no setting for it. */
export const LONGEST_TIME_WAIT: Nanos = TIME_WAIT + GRACE;

/** Whether the server's TIME_WAIT has lasted longer than on Linux, as `answer` shows that it is still there. */
export const isOverdue = ({ age, clock }: Reuse, answer: Packet): boolean =>
  age > LONGEST_TIME_WAIT && lessPassed(clock, answer.tsval, age) === undefined;
