/**
 * FINs and the TIME_WAIT that follows (docs/rules.md D4). The active closer is the side whose FIN did not acknowledge the
 * peer's FIN. It enters TIME_WAIT when its FIN is acknowledged and the peer's FIN has arrived: with the packet sent to it
 * that completed this.
 */
import { before, s32 } from '../base/serial.ts';
import type { Nanos } from '../base/time.ts';
import { Flag } from '../wire/tcp.ts';
import type { Flow, Side } from './flow.ts';
import { layout } from './layout.ts';
import { PAWS_MSL, PairLayout } from './tables/pairs.ts';
import { inTimeWait } from './time-wait.ts';
import type { Tracker } from './tracker.ts';

const P = PairLayout;

const { Phase, SideBit } = layout;

/** To be called after a segment without SYN or RST from side `fromB`, in a flow with a FIN. */
export function afterFin(t: Tracker, flow: Flow, fromB: boolean): void {
  const { segment } = t;
  const at = segment.at;
  const flags = segment.flags;
  const own = flow.side(fromB);
  const peer = flow.side(!fromB);
  const acksPeerFin = (flags & Flag.ACK) !== 0 && peer.has(SideBit.FIN) && !before(segment.ack, peer.finEnd);
  if (flags & Flag.FIN) {
    const end = (segment.seq + segment.length + 1) | 0;
    if (!own.has(SideBit.FIN)) {
      own.set(acksPeerFin ? SideBit.FIN | SideBit.PASSIVE : SideBit.FIN);
      own.finEnd = end;
      // The ACK of this FIN was recorded before it, or this is a retransmission and the first was not captured.
      if (peer.has(SideBit.SPOKE) && !before(peer.acked, end)) own.set(SideBit.FIN_ACKED);
    } else if (s32(end, own.finEnd) === 0) own.set(SideBit.FIN_REPEATED);
  }
  if (acksPeerFin) peer.set(SideBit.FIN_ACKED);

  const restarts = inTimeWait(peer, at, t.timeWait) && (flags & Flag.ACK) !== 0;
  if (enters(peer, own)) enterTimeWait(t, flow, !fromB, at);
  else if (restarts) peer.timerStart = at; // B2: a repeated FIN, data, or a bare ACK
  // The capture may also have the two packets in the other order: the peer's last packet before this one.
  if (enters(own, peer)) enterTimeWait(t, flow, fromB, at);

  if (own.has(SideBit.FIN) && peer.has(SideBit.FIN)) {
    if (own.has(SideBit.FIN_ACKED) && peer.has(SideBit.FIN_ACKED) && flow.phase === Phase.OPEN) {
      flow.phase = Phase.CLOSED;
      own.leastAnswer = peer.leastAnswer = 0;
    }
    t.wheel.addSoon(flow.base);
  }
}

const enters = (side: Side, peer: Side): boolean =>
  side.has(SideBit.FIN_ACKED) && peer.has(SideBit.FIN) && !side.has(SideBit.PASSIVE) && !side.has(SideBit.TIME_WAIT);

function enterTimeWait(t: Tracker, flow: Flow, ownerIsB: boolean, at: Nanos): void {
  const owner = flow.side(ownerIsB);
  owner.set(SideBit.TIME_WAIT);
  owner.entered = at;
  owner.timerStart = at;
  const peer = flow.side(!ownerIsB);
  if (flow.timestampsOn === true && peer.has(SideBit.TS_ON_SYN | SideBit.TS_LATER)) remember(t, flow, ownerIsB);
}

/** What tcp_remember_stamp would store at the owner about its peer, as docs/rules.md B1 says. */
function remember(t: Tracker, flow: Flow, ownerIsB: boolean): void {
  const { pairs } = t;
  const peer = flow.side(!ownerIsB);
  const block = pairs.direction(flow.pair, !ownerIsB);
  const stampAt = (block + P.R_AT) >> 1;
  const stamp = pairs.doubles[stampAt];
  const stale = t.now - stamp > PAWS_MSL && stamp <= peer.tsAt;
  if (pairs.words[block + P.R_FLOW] !== 0 && s32(pairs.words[block + P.R_TS], peer.tsRecent) > 0 && !stale) return;
  pairs.words[block + P.R_FLOW] = flow.base + 1;
  pairs.words[block + P.R_TS] = peer.tsRecent;
  pairs.doubles[stampAt] = peer.tsAt;
}
