/** Signs that an end had given up the connection without a word before it answers by RST (docs/rules.md B4, D3). */
import { s32 } from '../../../base/serial.ts';
import { type Nanos, SECOND } from '../../../base/time.ts';
import { otherEnd } from '../../../flow/ends.ts';
import type { ResetSeen } from '../../../flow/events.ts';
import type { Side } from '../../../flow/flow.ts';
import { layout } from '../../../flow/layout.ts';
import { Flag } from '../../../wire/tcp.ts';
import { isProbe } from '../probes.ts';
import { mostLikely } from '../reset-words.ts';
import { answersData } from './fin-held.ts';
import type { Sign } from './sign.ts';

const { FlowBit, L, SideBit } = layout;

/** This many repetitions are no ordinary loss. */
const TRIES = 3;
/** By then the timer has doubled several times, from 200 ms on (Linux TCP_RTO_MIN). */
const LAST_TIMER: Nanos = 1 * SECOND;

/**
 * It answers like a host without the connection. Its last packets were the same data repeatedly, which the other end
 * does not acknowledge even now. So it gave up silently (Linux tcp_write_err). Other data may have been repeated long
 * before; but a sender that gives up has waited for another timer after its last try.
 */
export function sentInVain({ from, flow, sender, receiver }: ResetSeen): Sign | undefined {
  if (!flow.has(FlowBit.CLIENT_KNOWN)) return undefined;
  const [length, unacked] = [sender.sent(L.SENT_LENGTH), s32(sender.nxt, receiver.acked)];
  // Sequence numbers wrap at 4 GiB; the count of bytes does not.
  const again = s32(sender.bytes % 2 ** 32, sender.nxt - sender.isn - 1);
  const isHead = sender.sent(L.SENT_SEQ) === receiver.acked && receiver.sentAt - sender.sentAt >= LAST_TIMER;
  if (length === 0 || unacked <= 0 || !isHead || again < TRIES * length) return undefined;
  return {
    evidence: { unacked_bytes: unacked },
    meaning: mostLikely(
      `The ${from} had given up the connection`,
      `what it sent again and again the ${otherEnd(from)} never acknowledged; what comes now it answers by RST`,
    ),
  };
}

/**
 * Its last packet was a probe of the other end's window, which was closed, and still is or opens now. Linux gives up after
 * TCP_USER_TIMEOUT, or when too many probes went unanswered, and sends nothing (tcp_probe_timer, tcp_write_err). Or its
 * application has, and the FIN waits behind data for which there is no window (fin-held.ts).
 */
export function windowShut({ from, sender, receiver }: ResetSeen): Sign | undefined {
  if (!receiver.has(SideBit.SPOKE) || receiver.acked !== sender.nxt || !isProbe(sender)) return undefined;
  const isShut = receiver.window === 0;
  if (!(receiver.sentAt - sender.sentAt >= LAST_TIMER) || !(isShut || isUpdate(receiver))) return undefined;
  const window = `the window of the ${otherEnd(from)}`;
  return {
    evidence: { window_shut: true },
    meaning: mostLikely(
      `The ${from} had given up the connection`,
      isShut
        ? answersData(sender, receiver)
          ? `${window} stayed closed; a timer ended the connection, or its application did and the FIN waits; data that comes now it answers by RST`
          : `${window} stayed closed; what comes now it answers by RST`
        : `${window} stayed closed and opens only now, and it answers that by RST`,
    ),
  };
}

/** Its last packet was a bare ACK that opens a window which was closed. */
const isUpdate = (side: Side): boolean =>
  side.has(SideBit.WAS_SHUT) &&
  side.sentFlags === Flag.ACK &&
  side.sent(L.SENT_LENGTH) === 0 &&
  side.sent(L.SENT_SEQ) === side.nxt;
