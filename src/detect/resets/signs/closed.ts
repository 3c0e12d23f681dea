/** Signs of an RST whose sender had closed the connection (docs/rules.md B2, D3). */
import { s32 } from '../../../base/serial.ts';
import { duration, MILLISECOND, type Nanos, SECOND, seconds } from '../../../base/time.ts';
import { type End, otherEnd } from '../../../flow/ends.ts';
import type { ResetSeen } from '../../../flow/events.ts';
import { layout } from '../../../flow/layout.ts';
import { type Aftermath, dataEnd } from '../../../flow/stories/reset-aftermath.ts';
import { FIN_WAIT2, LEAST_FIN_WAIT2 } from '../../../flow/time-wait.ts';
import { Flag } from '../../../wire/tcp.ts';
import type { ResetCloseEvidence } from '../../reset-close.ts';
import type { Meaning } from '../reset-words.ts';
import { ANSWER } from '../silence.ts';
import type { Sign } from './sign.ts';

const { L, SideBit } = layout;

/** By then an application that checks its connections before it uses them has noticed a close. */
const NOTICED: Nanos = 100 * MILLISECOND;

/**
 * It had closed, has no socket any more, and never acknowledged what the other end sent. That data crossed the FIN, or
 * was even sent after the other end had acknowledged it (a keep-alive connection that is used while it is being
 * closed).
 */
export function dataLost({ from, flow, sender: closer, receiver: other, isBare }: ResetSeen): Sign | undefined {
  const bytes = s32(dataEnd(other), closer.acked);
  if (!isBare || !other.has(SideBit.SPOKE) || bytes <= 0) return undefined;
  const isAll = other.sent(L.SENT_LENGTH) === bytes && other.sentAt === flow.last;
  // An end that closes, too, asks for nothing with its last bytes, and may send them again. Mostly they are TLS's
  // close_notify.
  const closedToo = other.has(SideBit.FIN);
  // During one round trip, as seen from here, the data may have been under way when the FIN came.
  const hadSeen = other.rtt > 0 && flow.gap - other.rtt >= NOTICED;
  const knewOfClose = !closedToo && isAll && s32(other.sent(L.SENT_ACK), closer.finEnd) >= 0 && hadSeen;
  const evidence = {
    lost_bytes: bytes,
    ...(closedToo ? { closed_too: true } : {}),
    ...(knewOfClose ? { close_known: seconds(flow.gap) } : {}),
  };
  return { evidence, meaning: lostMeaning(from, evidence) };
}

function lostMeaning(
  from: End,
  { lost_bytes: bytes, closed_too: both, close_known: known }: Partial<ResetCloseEvidence>,
): Meaning {
  const [many, last, are, they] =
    bytes === 1 ? ['1 byte', 'last byte', 'is', 'it'] : [`${bytes} bytes`, `last ${bytes} bytes`, 'are', 'they'];
  const other = otherEnd(from);
  const more =
    known === undefined
      ? 'answers by RST'
      : `the ${other} had acknowledged that ${duration(known * SECOND)} before or earlier`;
  return {
    clause: both ? `The ${other}'s ${last} before its FIN ${are} lost` : `${many} of the ${other} ${are} lost`,
    why: `the ${from} had closed when ${they} came, and ${more}`,
  };
}

/** Adds what the other end sent before the RST reached it: that is lost as well. */
export function lostAfter(
  { evidence, meaning }: Required<Pick<Sign, 'evidence' | 'meaning'>>,
  from: End,
  aftermath: Aftermath | undefined,
) {
  const known = evidence.lost_bytes;
  if (known === undefined || !aftermath?.moreBytes) return { evidence, meaning };
  const all = { ...evidence, lost_bytes: known + aftermath.moreBytes };
  return { evidence: all, meaning: lostMeaning(from, all) };
}

/**
 * The other end had acknowledged its FIN, and sent its own FIN, without data, only when FIN_WAIT2 may have expired
 * (docs/rules.md B2).
 */
export function finWait2Over({ from, sender, receiver, isBare, segment }: ResetSeen): Sign | undefined {
  const answersFin = (receiver.sentFlags & Flag.FIN) !== 0 && receiver.sent(L.SENT_LENGTH) === 0;
  if (!isBare || !answersFin || !sender.has(SideBit.FIN_ACKED) || !(segment.at - receiver.sentAt <= ANSWER))
    return undefined;
  const waited = receiver.sentAt - sender.sentAt;
  if (!(waited >= LEAST_FIN_WAIT2)) return undefined;
  const other = otherEnd(from);
  const clause = `The ${from} had closed and answers by RST the ${other}'s FIN, which came ${duration(waited)} later`;
  return {
    evidence: { fin_wait2: seconds(waited) },
    meaning: {
      clause,
      why:
        waited >= FIN_WAIT2
          ? `its FIN_WAIT2 had run out, likely (tcp_fin_timeout), while the ${other} left the connection in CLOSE_WAIT`
          : `its socket was gone by then; its FIN_WAIT2 had run out if its tcp_fin_timeout (60 s by default) or TCP_LINGER2 is that short`,
    },
  };
}
