/** The older incarnation of a tuple, and what happens to the TIME_WAITs that it left behind. */
import { s32 } from '../base/serial.ts';
import type { Nanos } from '../base/time.ts';
import { Flag } from '../wire/tcp.ts';
import type { Flow, Side } from './flow.ts';
import { layout } from './layout.ts';
import { endedByReset, holdsTimeWait, inTimeWait, provesOwner, synVerdict } from './time-wait.ts';
import type { Tracker } from './tracker.ts';

const { L, SideBit } = layout;

/** At most this many bytes of the end of an old connection may be missing from the capture. */
const MISSED = 1 << 16;

/** The older incarnation, if it is not too long ago: the tracker's cursor `olderFlow`. */
export function olderOf(t: Tracker, flow: Flow): Flow | undefined {
  const base = flow.older;
  if (base < 0) return undefined;
  const older = t.olderFlow.at(base);
  if (older.epoch !== t.epoch) return undefined;
  return !t.isLingering(base) || t.now - older.last <= t.lingering ? older : undefined;
}

/**
 * Whether `number` is that of the old connection, or a little further, as the capture may lack its end. The limit is
 * less than what a TIME_WAIT adds to an ISN, so that a connection in between is not taken for the old one.
 */
const goesOnFrom = (number: number, old: number): boolean => s32(number, old) >= 0 && s32(number, old) <= MISSED;

/** A segment with these numbers goes on from the old connection. */
export function goesOnFromOld(older: Flow, fromB: boolean, seq: number, ack: number): boolean {
  const past = older.side(fromB);
  return past.has(SideBit.SPOKE) && goesOnFrom(seq, past.nxt) && goesOnFrom(ack, past.acked);
}

/** The same, and it may be one of that connection: whatever the capture lacks, a FIN that it has was the last of its side. */
const isOfOld = (older: Flow, fromB: boolean, seq: number, ack: number): boolean =>
  goesOnFromOld(older, fromB, seq, ack) &&
  !isBeyondFin(older.side(fromB), seq) &&
  !isBeyondFin(older.side(!fromB), ack);

const isBeyondFin = (side: Side, number: number): boolean => side.has(SideBit.FIN) && s32(number, side.finEnd) > 0;

/**
 * Whether `seq`, sent by the client of `flow` instead of its own numbers, is what the server of the older incarnation expected
 * next. The client does not remember that number: an ACK of the old connection has named it, which was not captured.
 */
export function namesOlder(t: Tracker, flow: Flow, fromB: boolean, seq: number): boolean {
  const older = olderOf(t, flow);
  if (older === undefined || s32(seq, flow.side(fromB).isn) === 1) return false;
  const sender = older.side(fromB);
  const receiver = older.side(!fromB);
  if (receiver.has(SideBit.SPOKE) && seq === receiver.acked) return true;
  if (!sender.has(SideBit.SPOKE)) return false;
  if (seq === sender.nxt || (sender.has(SideBit.FIN) && seq === sender.finEnd)) return true;
  // A capture of SYNs, FINs and RSTs only lacks what it had sent.
  return sender.bytes === 0 && receiver.bytes === 0 && goesOnFrom(seq, sender.nxt);
}

/**
 * Whether the last packet of this side, which does not acknowledge the SYN of `flow`, has the numbers of the older
 * incarnation. A TIME_WAIT or an open connection sends no SYN-ACK (docs/rules.md B3), so a SYN-ACK can only be a repeated
 * one of a handshake that is not yet complete.
 */
export function answersForOlder(t: Tracker, flow: Flow, fromB: boolean): boolean {
  const older = olderOf(t, flow);
  if (older === undefined) return false;
  const sent = flow.side(fromB);
  const past = older.side(fromB);
  const seq = sent.sent(L.SENT_SEQ);
  const ack = sent.sent(L.SENT_ACK);
  if ((sent.sentFlags & Flag.SYN) === 0) return isOfOld(older, fromB, seq, ack);
  return past.has(SideBit.SYN_ACK) && seq === past.isn && s32(ack, older.side(!fromB).isn) === 1;
}

/** The SYN at hand shows that a TIME_WAIT of its sender is over, and may restart the timer of one of its receiver. */
export function meetTimeWaits(t: Tracker, older: Flow, fromB: boolean): void {
  const sender = older.side(fromB);
  if (inTimeWait(sender, t.now, t.timeWait)) {
    t.endTimeWait(older, fromB, t.now, 'reuse', !provesOwner(older, sender, t.segment));
  }
  restartTimer(t, older, fromB);
}

/**
 * A segment that PAWS rejects restarts the receiver's timer. A SYN without ACK that is rejected for its sequence number
 * does not (docs/rules.md B2).
 */
export function restartTimer(t: Tracker, older: Flow, fromB: boolean): void {
  const owner = older.side(!fromB);
  if (!inTimeWait(owner, t.now, t.timeWait)) return;
  if (synVerdict(older, older.side(fromB), t.segment) === 'ACK_PAWS') owner.timerStart = t.now;
}

/**
 * The server has accepted a SYN that was sent at `synAt`, which ends a TIME_WAIT that it held. `continues`: its ISN
 * proves that the TIME_WAIT existed, even if it should have been over by its age.
 */
export function endByAcceptance(t: Tracker, older: Flow, ownerIsB: boolean, synAt: Nanos, continues: boolean): void {
  const owner = older.side(ownerIsB);
  if (endedByReset(owner)) {
    t.pairs.noteAfterReset(older.pair, ownerIsB, continues);
    if (continues) {
      owner.set(SideBit.TIME_WAIT_OUTLIVES_RST);
      t.endTimeWait(older, ownerIsB, synAt, 'syn');
    }
  } else if (holdsTimeWait(owner) && (continues || synAt < owner.timerStart + t.timeWait)) {
    t.endTimeWait(older, ownerIsB, synAt, 'syn');
  }
}
