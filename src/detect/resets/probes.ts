/** Recognises keep-alive probes before an RST, by their numbers (docs/rules.md D3, D8). */
import type { Side } from '../../flow/flow.ts';
import { layout } from '../../flow/layout.ts';
import { Flag } from '../../wire/tcp.ts';

const { L } = layout;

/**
 * The last packet of all was a keep-alive probe of the sender: no or one byte at the number before its next one (RFC
 * 1122 §4.2.3.6), when all of its data was acknowledged. New data of one byte ends at the same number, but that is not
 * acknowledged before it was sent.
 */
export const probesInVain = (sender: Side, receiver: Side): boolean =>
  isProbe(sender) && receiver.acked === sender.nxt && receiver.sentAt < sender.sentAt;

/** By its numbers the last packet of the side was a keep-alive probe. */
export function isProbe(side: Side): boolean {
  const isControl = (side.sentFlags & (Flag.SYN | Flag.FIN)) !== 0;
  return !isControl && side.sent(L.SENT_SEQ) === ((side.nxt - 1) | 0) && side.sent(L.SENT_LENGTH) <= 1;
}
