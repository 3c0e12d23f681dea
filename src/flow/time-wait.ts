/**
 * TIME_WAIT as Linux keeps it (docs/rules.md B2, B3, unchanged from 2.6.32 to 6.18): who holds it, what moves its
 * timer, and what it makes of a SYN. A bucket is modelled from the packets alone, so its age never proves that it is
 * still there: only the old incarnation's ACK and the +65537 ISN do.
 */
import { after, s32 } from '../base/serial.ts';
import { type Nanos, SECOND } from '../base/time.ts';
import { Flag } from '../wire/tcp.ts';
import { Timestamps } from '../wire/tcp-options.ts';
import type { Flow, Side } from './flow.ts';
import { layout } from './layout.ts';

const { L, SideBit } = layout;

/** TCP_TIMEWAIT_LEN: 60 s in every Linux; the length can be set with --time-wait. */
export const TIME_WAIT: Nanos = 60 * SECOND;
/** The timer wheel lets go up to 5.12 s late (HZ=100, B2): within this the bucket may or may not be there. */
export const GRACE: Nanos = 5.12 * SECOND;
/** FIN_WAIT2 without an owner lives for tcp_fin_timeout (60 s by default), but never less than 3.5 RTO of 200 ms (B2). */
export const FIN_WAIT2: Nanos = 60 * SECOND;
export const LEAST_FIN_WAIT2: Nanos = 0.7 * SECOND;
/** What Linux adds to the old snd_nxt for the ISN of a connection that follows a TIME_WAIT (B3, B5): 65535 + 2. */
const ISN_STEP = 65_537;
/** From so many bytes on sequence numbers do not tell how many there were. */
const WRAPS = 2 ** 31;

export type Verdict = 'ACCEPT_SEQ' | 'ACCEPT_TS' | 'ACK_PAWS' | 'ACK_SEQ';

/**
 * It acknowledged the peer's FIN without a socket, so the bucket is there: a full socket numbers its packets (B3), and
 * sends this ACK also where it will find no room for a bucket. Of IPv6, and of hosts that number no packets, never known.
 */
export const showsBucket = (side: Side, peer: Side): boolean =>
  side.has(SideBit.IP_ID) && side.ipId === 0 && side.sentFlags === Flag.ACK && side.sent(L.SENT_ACK) === peer.finEnd;

/** Entered TIME_WAIT, and no packet has ended it. */
export const holdsTimeWait = (side: Side): boolean => side.has(SideBit.TIME_WAIT) && !side.has(SideBit.TIME_WAIT_OVER);

/** An RST should have ended its TIME_WAIT, and no packet has shown that it did not: from the RST on it would go on. */
export const endedByReset = (side: Side): boolean =>
  side.has(SideBit.TIME_WAIT_OVER) && !side.has(SideBit.TIME_WAIT_OUTLIVES_RST) && side.entered > side.timerStart;

/** A SYN has ended its TIME_WAIT. One that sent an RST in place of an ACK never had one (F11). */
export const endedBySyn = (side: Side): boolean =>
  side.has(SideBit.TIME_WAIT) && side.has(SideBit.TIME_WAIT_OVER) && !side.has(SideBit.RST) && !endedByReset(side);

/** Holds a bucket whose timer has not run out at `at`. */
export const inTimeWait = (side: Side, at: Nanos, length: Nanos): boolean =>
  holdsTimeWait(side) && at < side.timerStart + length;

/** rcv_nxt of the bucket that `owner` holds: what the peer's FIN ended at. */
export const bucketRcvNxt = (peer: Side): number => peer.finEnd;

/** True when `seq` is the old snd_nxt + 65537 (0 becomes 1): proof of a live bucket, or of tw_reuse at the client. */
export const followsTimeWait = (seq: number, oldNxt: number): boolean =>
  s32(seq, oldNxt) === ISN_STEP || (s32(seq, oldNxt) === ISN_STEP + 1 && seq === 1);

/** Its snd_nxt as far as the capture shows it: what the peer has acknowledged was sent, captured or not. */
const sndNxt = (side: Side, peer: Side): number => (ackedUnseen(side, peer) ? peer.acked : side.nxt);

/**
 * `seq` goes on from `side` of the old connection as after a TIME_WAIT, and so proves one, whatever is captured of its
 * close: where this side's FIN is missing, it is one number further.
 */
export function continuesTimeWait(seq: number, side: Side, peer: Side): boolean {
  if (!side.has(SideBit.SPOKE)) return false;
  const nxt = sndNxt(side, peer);
  return followsTimeWait(seq, nxt) || (!side.has(SideBit.FIN) && followsTimeWait(seq, (nxt + 1) | 0));
}

/** The peer has acknowledged more than was seen of `side`. */
export const ackedUnseen = (side: Side, peer: Side): boolean => s32(peer.acked, side.nxt) > 0;

/**
 * The capture lacks something that `side` sent: its peer acknowledged more than was seen, or its numbers have moved on
 * by more than its segments hold. What else is not to be seen of its close may have been there all the same.
 */
export function lacksPackets(side: Side, peer: Side): boolean {
  const fin = side.has(SideBit.FIN) ? 1 : 0;
  const moved = (side.nxt - side.isn - 1 - fin) >>> 0;
  return ackedUnseen(side, peer) || (side.bytes < WRAPS && moved > side.bytes);
}

/** ISNs of one tuple at one Linux host follow a clock of 64 ns ticks (docs/rules.md F3). */
export const ISN_HZ = 1e9 / 64;
/** As exactly as packets are delivered; a ten-thousandth more for quartzes that drift apart. */
export const ISN_TICKS = 1_000_000;
const ISN_DRIFT = 1e-4;
/** Ticks: of 2^32 numbers one in 128 lies so near to any. Reached three hours after the SYN. */
const ISN_MOST_DRIFT = 1 << 24;
/** Its TSval clock runs with 100 to 1000 Hz (B7); so many ticks, and a tenth, for the path. */
const SLOWEST_HZ = 100;
const FASTEST_HZ = 1000;
const TSVAL_TICKS = 100;

/**
 * The SYN comes from the host that holds the TIME_WAIT of its tuple, so that is over: its ISN continues the old numbers
 * (tcp_twsk_unique), or else it goes on with the tuple's clocks (F3: the bucket was gone). Another host behind the same
 * NAT shows neither; nor does the same one from another port of its own, which the NAT has given the same port outside.
 */
export function provesOwner(old: Flow, owner: Side, syn: SynFields & { at: Nanos }): boolean {
  if (followsTimeWait(syn.seq, owner.nxt)) return true;
  if (!owner.has(SideBit.SYN)) return false;
  const elapsed = (syn.at - old.opened) / SECOND;
  const ticks = elapsed * ISN_HZ;
  // After hours the clocks may have drifted so far apart that any number would do.
  if (ISN_DRIFT * ticks > ISN_MOST_DRIFT) return false;
  if (Math.abs((syn.seq - owner.isn - Math.round(ticks)) | 0) > ISN_TICKS + ISN_DRIFT * ticks) return false;
  if (syn.timestamps !== Timestamps.PRESENT || !owner.has(SideBit.TS_ON_SYN)) return true;
  const ran = s32(syn.tsval, owner.synTsval);
  return ran >= 0.9 * SLOWEST_HZ * elapsed - TSVAL_TICKS && ran <= 1.1 * FASTEST_HZ * elapsed + TSVAL_TICKS;
}

/**
 * PAWS at a mini-socket (RFC 7323 §5.3, tcp_paws_reject): the sender's own newer TSval speaks against the segment. A
 * ts_recent of 0 switches it off (not in 2.6.32); its age limit of 24 days cannot be reached here.
 */
export const pawsRejects = (flow: Flow, sender: Side, segment: SynFields): boolean =>
  flow.timestampsOn === true &&
  segment.timestamps === Timestamps.PRESENT &&
  sender.tsRecent !== 0 &&
  s32(sender.tsRecent, segment.tsval) > 0;

export interface SynFields {
  seq: number;
  /** Timestamps.ABSENT, PRESENT or UNKNOWN. */
  timestamps: number;
  tsval: number;
}

/**
 * What the kernel does with a SYN of `peer` that meets the bucket of the other side (tcp_timewait_state_process, B3);
 * undefined when options were cut off and the answer depends on them.
 */
export function synVerdict(old: Flow, peer: Side, syn: SynFields): Verdict | undefined {
  const on = old.timestampsOn;
  if (on === undefined || (on && syn.timestamps === Timestamps.UNKNOWN)) return undefined;
  const saw = on && syn.timestamps === Timestamps.PRESENT;
  const recent = peer.tsRecent;
  if (pawsRejects(old, peer, syn)) return 'ACK_PAWS';
  if (after(syn.seq, bucketRcvNxt(peer))) return 'ACCEPT_SEQ';
  if (saw && s32(recent, syn.tsval) < 0) return 'ACCEPT_TS';
  return 'ACK_SEQ';
}

/** RFC 6191 §2 for the same SYN. Unlike the kernel it takes "newer" strictly, and a SYN with new timestamps at once. */
export function rfc6191(old: Flow, peer: Side, syn: SynFields): 'honor' | 'drop' | undefined {
  if (old.timestampsOn === undefined || syn.timestamps === Timestamps.UNKNOWN) return undefined;
  const larger = after(syn.seq, bucketRcvNxt(peer));
  if (syn.timestamps === Timestamps.PRESENT) {
    if (!old.timestampsOn) return 'honor';
    const newer = s32(syn.tsval, peer.tsRecent);
    return newer > 0 || (newer === 0 && larger) ? 'honor' : 'drop';
  }
  return larger ? 'honor' : 'drop';
}
