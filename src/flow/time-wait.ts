/**
 * TIME_WAIT as Linux implements it (docs/rules.md B2, B3, unchanged from 2.6.32 to 6.18): who holds it, what restarts its
 * timer, and how it treats a SYN. A "bucket" is the kernel's record of a TIME_WAIT. It is inferred from packets alone, so
 * its age never proves that it still exists: only an ACK of the old incarnation and an ISN of +65537 do.
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
/** The kernel's timer wheel may be up to 5.12 s late (HZ=100, B2): within this time the bucket may still exist or not. */
export const GRACE: Nanos = 5.12 * SECOND;
/** An orphaned FIN_WAIT2 lasts for tcp_fin_timeout (60 s by default), but at least 3.5 RTO of 200 ms (B2). */
export const FIN_WAIT2: Nanos = 60 * SECOND;
export const LEAST_FIN_WAIT2: Nanos = 0.7 * SECOND;
/** After a TIME_WAIT, Linux chooses the old snd_nxt plus this as ISN of the new connection (B3, B5): 65535 + 2. */
const ISN_STEP = 65_537;
/** From so many bytes on, sequence numbers no longer show how many there were. */
const WRAPS = 2 ** 31;

export type Verdict = 'ACCEPT_SEQ' | 'ACCEPT_TS' | 'ACK_PAWS' | 'ACK_SEQ';

/**
 * Whether the bucket itself acknowledged the peer's FIN, and so exists. Its packets have no IPv4 identification, while a
 * full socket sets one (B3); a full socket sends this ACK even if there is no room for a bucket. Never known of IPv6, and
 * of hosts that set no identification.
 */
export const showsBucket = (side: Side, peer: Side): boolean =>
  side.has(SideBit.IP_ID) && side.ipId === 0 && side.sentFlags === Flag.ACK && side.sent(L.SENT_ACK) === peer.finEnd;

/** The side has entered TIME_WAIT, and no packet has ended that. */
export const holdsTimeWait = (side: Side): boolean => side.has(SideBit.TIME_WAIT) && !side.has(SideBit.TIME_WAIT_OVER);

/**
 * An RST should have ended its TIME_WAIT, and no packet has shown that it did not. If it did not, the TIME_WAIT goes on
 * from the RST: that is its `entered` then.
 */
export const endedByReset = (side: Side): boolean =>
  side.has(SideBit.TIME_WAIT_OVER) && !side.has(SideBit.TIME_WAIT_OUTLIVES_RST) && side.entered > side.timerStart;

/** A SYN has ended its TIME_WAIT. A side that sent an RST in place of an ACK never had one (F11). */
export const endedBySyn = (side: Side): boolean =>
  side.has(SideBit.TIME_WAIT) && side.has(SideBit.TIME_WAIT_OVER) && !side.has(SideBit.RST) && !endedByReset(side);

/** The side holds a bucket whose timer has not expired at `at`. */
export const inTimeWait = (side: Side, at: Nanos, length: Nanos): boolean =>
  holdsTimeWait(side) && at < side.timerStart + length;

/** rcv_nxt of the bucket that the other side holds: the number after the FIN of `peer`. */
export const bucketRcvNxt = (peer: Side): number => peer.finEnd;

/** Whether `seq` is the old snd_nxt + 65537 (0 becomes 1). That proves a bucket, or tw_reuse at the client. */
export const followsTimeWait = (seq: number, oldNxt: number): boolean =>
  s32(seq, oldNxt) === ISN_STEP || (s32(seq, oldNxt) === ISN_STEP + 1 && seq === 1);

/** snd_nxt of `side`, as far as is known. What the peer has acknowledged was sent, even if it was not captured. */
const sndNxt = (side: Side, peer: Side): number => (ackedUnseen(side, peer) ? peer.acked : side.nxt);

/**
 * Whether `seq` continues `side` of the old connection as an ISN after a TIME_WAIT does. That proves a TIME_WAIT even if
 * the close was not captured; if the FIN of this side is missing, the number is one higher.
 */
export function continuesTimeWait(seq: number, side: Side, peer: Side): boolean {
  if (!side.has(SideBit.SPOKE)) return false;
  const nxt = sndNxt(side, peer);
  return followsTimeWait(seq, nxt) || (!side.has(SideBit.FIN) && followsTimeWait(seq, (nxt + 1) | 0));
}

/** The peer has acknowledged more than was captured of `side`. */
export const ackedUnseen = (side: Side, peer: Side): boolean => s32(peer.acked, side.nxt) > 0;

/**
 * The capture lacks something that `side` sent: its peer acknowledged more than was captured, or its numbers advanced by
 * more than its segments have bytes. So packets of its close may be missing, too.
 */
export const lacksPackets = (side: Side, peer: Side): boolean => ackedUnseen(side, peer) || notCaptured(side) > 0;

/** By how many numbers a side has advanced beyond what its captured segments contained. Retransmitted data hides some. */
export function notCaptured(side: Side): number {
  const fin = side.has(SideBit.FIN) ? 1 : 0;
  const moved = (side.nxt - side.isn - 1 - fin) >>> 0;
  return side.bytes < WRAPS && moved > side.bytes ? moved - side.bytes : 0;
}

/** ISNs of one tuple at one Linux host follow a clock of 64 ns ticks (docs/rules.md F3). */
export const ISN_HZ = 1e9 / 64;
/** Tolerance for the delay of packets, in ticks, plus a ten-thousandth for clocks that drift apart. */
export const ISN_TICKS = 1_000_000;
const ISN_DRIFT = 1e-4;
/** Largest tolerance, in ticks: one of 128 random numbers is within it. Reached three hours after the SYN. */
const ISN_MOST_DRIFT = 1 << 24;
/** Its TSval clock has 100 to 1000 Hz (B7). Tolerance: a tenth, and so many ticks for the delay of the path. */
const SLOWEST_HZ = 100;
const FASTEST_HZ = 1000;
const TSVAL_TICKS = 100;

/**
 * Whether the SYN proves that it comes from the host that held the TIME_WAIT of its tuple, so that the TIME_WAIT is over.
 * Its ISN continues the old numbers (tcp_twsk_unique), or ISN and TSval follow the clocks of the tuple (F3: the bucket
 * was gone). A SYN of another host behind the same NAT does neither. Nor does one that the same host sent from another
 * port, to which the NAT has assigned the same outer port.
 */
export function provesOwner(old: Flow, owner: Side, syn: SynFields & { at: Nanos }): boolean {
  if (followsTimeWait(syn.seq, owner.nxt)) return true;
  if (!owner.has(SideBit.SYN)) return false;
  const elapsed = (syn.at - old.opened) / SECOND;
  const ticks = elapsed * ISN_HZ;
  // After hours the clocks may have drifted so far apart that any number would fit.
  if (ISN_DRIFT * ticks > ISN_MOST_DRIFT) return false;
  if (Math.abs((syn.seq - owner.isn - Math.round(ticks)) | 0) > ISN_TICKS + ISN_DRIFT * ticks) return false;
  if (syn.timestamps !== Timestamps.PRESENT || !owner.has(SideBit.TS_ON_SYN)) return true;
  const ran = s32(syn.tsval, owner.synTsval);
  return ran >= 0.9 * SLOWEST_HZ * elapsed - TSVAL_TICKS && ran <= 1.1 * FASTEST_HZ * elapsed + TSVAL_TICKS;
}

/**
 * PAWS at a mini-socket (RFC 7323 §5.3, tcp_paws_reject): the segment is rejected if its sender has sent a newer TSval. A
 * ts_recent of 0 switches PAWS off (not in 2.6.32). Its age limit of 24 days cannot be reached here.
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
 * What the kernel does with a SYN of `peer` for which the other side holds a bucket (tcp_timewait_state_process, B3).
 * Undefined if that depends on options that were cut off in the capture.
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

/**
 * What RFC 6191 §2 says about the same SYN. Unlike the kernel, the RFC requires a strictly newer TSval, and accepts any
 * SYN with timestamps if the old connection had none.
 */
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
