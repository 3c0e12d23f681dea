/** Why a SYN was answered by something that does not acknowledge it (docs/rules.md D2.3). */
import { s32 } from '../../base/serial.ts';
import type { Attempt } from '../../flow/stories/attempt.ts';
import type { Confidence } from '../finding.ts';
import { withAnswer } from '../reuse/reuse-answer.ts';
import type { Reuse } from '../reuse/tuple-reuse.ts';
import type { OldAckSender, Reaction, Why } from './cause.ts';
import { isSynAlone } from './syn-burdens.ts';
import type { Circumstances } from './syn-cause.ts';

/** An answer came back that does not acknowledge the SYN: mostly an ACK of the old connection (B3). */
export function oldAck(attempt: Attempt, found: Circumstances): Why | undefined {
  const { steps, oldAcks, fromMiniSocket, lacksOldAck } = attempt;
  if (oldAcks === 0) return undefined;
  if (steps[0] === 'syn-ack:foreign') return foreignSynAck(attempt);
  const reuse = found.reuse && withAnswer(found.reuse, attempt);
  // It has the numbers of the old connection.
  const isOld = steps[0] === 'challenge-ack' || lacksOldAck;
  if (steps[0] === 'syn-ack:old' || (isOld && reuse?.class === 'syn-sent')) return { is: 'older-attempt' };
  if (steps.at(-1) === 'refused') return { is: 'refused-at-last', first: isOld ? 'old-ack' : 'foreign-ack' };
  const reaction = reactionOf(attempt);
  if (!isOld) return { is: 'foreign-ack', isTupleUsed: reuse !== undefined, reaction };
  if (reuse?.class === 'after-rst' && reuse.receiverOpen === true) return { is: 'reset-not-received' };
  const isOpen = reuse?.class === 'open' || reuse?.class === 'half-closed';
  if (isOpen && !fromMiniSocket) return { is: 'open-connection' };
  const by = senderOf(reuse, fromMiniSocket);
  const confidence = confidenceOf(reuse, lacksOldAck);
  return { is: 'old-ack', by, isMissing: lacksOldAck, reaction, confidence };
}

/**
 * A SYN-ACK that acknowledges another number than the SYN's is of no older connection, as neither TIME_WAIT nor an open one
 * sends a SYN-ACK (docs/rules.md D2.3). Its TSecr may tell which SYN it answers. A client that does not reset it may have
 * sent a SYN with another number that the capture lacks.
 */
function foreignSynAck({ syn, oldAnswer, followed, rst }: Attempt): Why {
  const echo = oldAnswer?.packet.tsecr;
  if (syn.tsval === null || !echo) return { is: 'foreign-syn-ack', echoes: undefined };
  if (s32(echo, syn.tsval) < 0) return { is: 'foreign-syn-ack', echoes: 'older-syn' };
  const again = followed.map(({ packet }) => packet).filter(({ flags }) => isSynAlone(flags));
  const isLater = [syn, ...again].every(({ tsval }) => tsval === null || s32(echo, tsval) > 0);
  return isLater && rst === undefined ? { is: 'syn-not-captured' } : { is: 'foreign-syn-ack', echoes: 'this-syn' };
}

function reactionOf({ outlived, oldAcks, steps }: Attempt): Reaction {
  if (outlived !== undefined) return 'rst-in-vain';
  return oldAcks > 1 && steps[1] !== 'rst' ? 'none' : undefined;
}

function senderOf(reuse: Reuse | undefined, fromMiniSocket: boolean): OldAckSender {
  if (reuse?.passed !== undefined) return 'overdue-time-wait';
  if (reuse?.lacksFin === true && isHeldByServer(reuse)) return 'time-wait-without-fin';
  if (reuse?.class === 'half-closed') return 'time-wait-or-fin-wait2';
  if (reuse?.class === 'after-rst') return 'time-wait-or-open-after-rst';
  return reuse?.class === 'unknown-close' && !fromMiniSocket ? 'time-wait-or-open' : 'time-wait';
}

/**
 * As in port-reuse: the answer does not prove what stood in the place of the FIN, nor which clock is right. One that was
 * not captured proves nothing.
 */
function confidenceOf(reuse: Reuse | undefined, isMissing: boolean): Confidence {
  if (!isHeldByServer(reuse)) return 'weak';
  return reuse?.lacksFin === true || reuse?.passed !== undefined || isMissing ? 'strong' : 'proof';
}

const isHeldByServer = (reuse: Reuse | undefined): boolean => reuse?.owner === 'server' || reuse?.owner === 'both';
