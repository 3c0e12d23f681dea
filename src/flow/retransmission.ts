/** Retransmissions by a timer, not by ACKs: begins their story (unacknowledged.ts), continues and ends it. */
import { s32 } from '../base/serial.ts';
import { MILLISECOND, type Nanos } from '../base/time.ts';
import { Flag } from '../wire/tcp.ts';
import type { Side } from './flow.ts';
import { layout } from './layout.ts';
import { endOf, isCopyOf, isData, isProbe, lastPacket, type Packet, packetAt } from './packet.ts';
import { isOver } from './stories/story.ts';
import { LEAST_SENT_AGAIN } from './stories/transmissions.ts';
import { type Carries, Unacknowledged } from './stories/unacknowledged.ts';
import type { Tracker } from './tracker.ts';

const { L, Phase, SideBit } = layout;

/** No retransmission timer is shorter (Linux TCP_TIMEOUT_MIN: two jiffies): a sooner segment was reordered. */
export const LEAST_RTO: Nanos = 10 * MILLISECOND;

/**
 * To be called when the segment at hand begins with what its sender has sent before, and one of two has been silent for
 * longer than the shortest timer: the other end, or the sender if all of it was acknowledged.
 */
export function sentAgain(t: Tracker, base: number, fromB: boolean): void {
  const flow = t.flow.at(base);
  const other = flow.side(!fromB);
  if (flow.phase !== Phase.OPEN || !other.has(SideBit.SPOKE) || other.sent(L.SENT_FRAME) === 0) return;
  const sender = flow.side(fromB);
  if (sender.has(SideBit.UNACKED_TOLD)) return;
  const open = t.stories.of(flow.story);
  const ofOther = open?.unacknowledged(!fromB);
  if (open?.unacknowledged(fromB) !== undefined || (ofOther !== undefined && !isYoung(ofOther))) return;
  // The server does not consider the connection open, or did not: the rule unanswered-syn reports that.
  if (open?.stall !== undefined) return;
  if ((other.sentFlags & Flag.SYN) !== 0 && other.packets > 1) return;
  // The two sides of a SYN proxy have different numbers, so acknowledgements cannot be compared.
  if (sender.has(SideBit.TWO_NUMBERINGS) || other.has(SideBit.TWO_NUMBERINGS)) return;
  // The sender has acknowledged what the capture lacks of the other end.
  if (s32(sender.acked, other.nxt) > 0) return;
  const before = lastPacket(flow, fromB);
  const packet = packetAt(t.segment, fromB);
  if (before === undefined || isCopyOf(packet, before)) return;
  const carries = carriedBy(packet, before, sender, other);
  if (carries === undefined) return;
  t.begin(flow, new Unacknowledged(t, base, fromB, carries, story => tell(t, base, story)));
}

/**
 * Both ends retransmit, and it is open which of the two hears nothing: a story is kept for each of them. Once the other end
 * has sent again so often that its story may be told, that explains what this one does, and one finding is enough.
 */
const isYoung = (story: Unacknowledged): boolean => story.transmissions.again < LEAST_SENT_AGAIN;

/** Passes the segment at hand on to the story of its flow. */
export function goOn(t: Tracker, story: Unacknowledged, fromB: boolean, window: number): void {
  const { stories } = t;
  const packet = packetAt(t.segment, fromB);
  const { due } = story;
  if (fromB === story.fromB) story.senderSent(packet);
  else story.otherSent(packet, window);
  if (story.isDecided) {
    stories.settle(story, t.now);
    return;
  }
  if (fromB === story.fromB && story.seeksWitness) stories.witnesses.seekFor(t, story);
  if (story.due < due) {
    stories.hasten(story);
    t.expect(story.due);
  }
}

/** What a retransmission carries; undefined if it is nothing that waits for an answer. `before`: its sender's last packet. */
function carriedBy(packet: Packet, before: Packet, sender: Side, other: Side): Carries | undefined {
  const { acked } = other;
  const nxt = sender.has(SideBit.FIN) ? (sender.nxt - 1) | 0 : sender.nxt; // without its FIN
  const isWindowShut = other.window === 0;
  // The other end has sent nothing since.
  const isNew = sender.sentAt > other.sentAt;
  if (s32(nxt, acked) <= 0 && isProbe(packet, acked)) {
    if (!isNew || !isProbe(before, acked)) return undefined;
    return isWindowShut ? 'window-probe' : 'keep-alive';
  }
  if (!isData(packet)) return undefined;
  // The capture has its acknowledgement. A single retransmission then means only that the sender's timer is short.
  if (s32(endOf(packet), acked) <= 0) return packet.length > 1 && before.seq === packet.seq ? 'data' : undefined;
  if (!isNew) return undefined;
  // A window probe has at most one byte (Linux tcp_write_wakeup: none; BSD: one). More was sent before the window closed.
  if (isWindowShut && packet.length === 1) return 'window-probe';
  return s32(nxt, acked) <= 0 ? 'fin' : 'data';
}

function tell(t: Tracker, base: number, story: Unacknowledged): void {
  const isLast = isOver(story);
  if (isLast) {
    t.stories.witnesses.release(t, story);
    // A silence that lasts longer than a story is reported only once.
    if (story.isNews && story.class === 'silent')
      t.table.words[base + (story.fromB ? L.SIDE_B : L.SIDE_A)] |= SideBit.UNACKED_TOLD;
  }
  if (story.isNews) t.hooks.unacknowledged(story, t);
}
