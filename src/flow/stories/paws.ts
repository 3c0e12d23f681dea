/**
 * Segments of an open connection that PAWS drops (RFC 7323 §5.3, tcp_paws_discard; docs/rules.md B6). The receiver's
 * ts_recent need not be modelled, as it is echoed in TSecr. When the segment arrives, ts_recent is the echoed value or a
 * newer one. So a TSval older than the echo is refused, wherever the capture was taken.
 */
import { s32 } from '../../base/serial.ts';
import { MILLISECOND, type Nanos, SECOND } from '../../base/time.ts';
import type { Segment } from '../../wire/segment.ts';
import { Flag } from '../../wire/tcp.ts';
import { Timestamps } from '../../wire/tcp-options.ts';
import { type Ends, endsOf } from '../ends.ts';
import type { Flow, Side } from '../flow.ts';
import { layout } from '../layout.ts';
import { lastPacket, type Packet, packetAt } from '../packet.ts';
import { isTooOld, PAWS_WINDOW } from '../paws-window.ts';
import { NEAR } from '../split-path.ts';
import type { Tracker } from '../tracker.ts';
import { ATTEMPT_SILENCE } from './attempt.ts';
import { wentOn } from './interim-tellings.ts';
import { isOver, type Story, type StoryPlace } from './story.ts';

const { L, Phase, FlowBit, SideBit } = layout;

/** From this age on, ts_recent does not count on every kernel (B6: 2147 s on 6.14 and later, 24 days before). */
const PAWS_LIMIT: Nanos = 2147 * SECOND;
const LONGEST_EPISODE: Nanos = 300 * SECOND;

/** A copy that is later than this has nothing to do with a recent retransmission. */
const OLD: Nanos = 1 * SECOND;
/**
 * Late packets and a clock that was set back differ in their TSvals: those of a clock lie on a straight line over the
 * times of arrival. It takes at least so many points over at least so long, and none may be further off the line than
 * the delay of a path varies.
 */
const LINE_POINTS = 4;
const LINE_SPAN: Nanos = 1 * SECOND;
const LINE_SLACK: Nanos = 50 * MILLISECOND;
/** Tolerance between the slope of that line and the clock rate that the connection showed before. */
const RATE_TOLERANCE = 0.1;
/** Number of segments that are kept for this test. */
const KEPT_POINTS = 16;
/** Ticks per second: the slowest clock of Linux, with a margin; and the rate assumed if the connection is too short. */
const SLOWEST_HZ = 90;
const USUAL_HZ = 1000;

type Carries = 'data' | 'keep-alive' | 'ack';
type PawsClass = 'duplicate' | 'old-duplicate' | 'reordered' | 'clock-back';

/** A series of segments of one side that its peer refuses because of their TSvals. */
export class PawsEpisode implements Story {
  readonly kind = 'paws';
  number = 0;
  place: StoryPlace | undefined;
  due: Nanos;
  readonly since: Nanos;
  readonly first: Packet;
  last: Packet;
  readonly ends: Ends;
  /** The last packets of the sender and of the receiver before it. */
  readonly before: Packet | undefined;
  readonly echo: Packet;
  readonly carries: Carries;
  /** Time since the sender's newest TSval. */
  readonly age: Nanos;
  /** The receiver's acknowledgement number before it. */
  readonly acked: number;
  /** Ticks per second of the sender's clock, if the connection is long enough to show it. */
  readonly hz: number | undefined;
  /** The first TSval is older than that of the sender's own SYN. */
  readonly beforeSyn: boolean;
  segments = 0;
  /** None of them has a number near those of the connection. */
  private isFar = true;
  private readonly points: Packet[] = [];
  /** The first segment with something that its receiver lacked: data, or a newer acknowledgement. */
  fresh: Packet | undefined;
  /** Packets by which the receiver repeats its ACK, retransmits what was acknowledged, or accepts the segment. */
  dupAck: Packet | undefined;
  sentAgain: Packet | undefined;
  accepted: Packet | undefined;
  /** The sender's first segment that PAWS lets pass again. */
  passes: Packet | undefined;
  private readonly listener: (episode: PawsEpisode) => void;

  constructor(t: Tracker, base: number, fromB: boolean, beforeSyn: boolean, listener: (episode: PawsEpisode) => void) {
    const flow = t.flow.at(base);
    const sender = flow.side(fromB);
    this.first = packetAt(t.segment, fromB);
    this.last = this.first;
    this.since = this.first.at;
    this.due = this.since + ATTEMPT_SILENCE;
    this.ends = endsOf(flow);
    this.before = lastPacket(flow, fromB);
    this.echo = lastPacket(flow, !fromB)!;
    this.age = this.since - sender.tsAt;
    this.acked = flow.side(!fromB).acked;
    this.carries = carriedBy(this.first, this.acked);
    const onSyn = sender.has(SideBit.TS_ON_SYN);
    const ran = sender.tsAt - flow.opened;
    this.hz =
      onSyn && ran >= 0.1 * SECOND && Number.isFinite(ran)
        ? (s32(sender.tsRecent, sender.synTsval) / ran) * SECOND
        : undefined;
    this.beforeSyn = beforeSyn;
    this.listener = listener;
  }

  tell(): void {
    this.listener(this);
  }

  /** How many ticks the first TSval is behind what the receiver holds. */
  get delta(): number {
    return s32(this.echo.tsecr!, this.first.tsval!);
  }

  /** How long before the sender's newest segment it was sent, by the sender's own clock. */
  get late(): Nanos {
    return (this.delta / (this.hz ?? USUAL_HZ)) * SECOND;
  }

  get class(): PawsClass {
    // Segments from before the SYN that fit nowhere are left over from an older connection of the tuple.
    if (this.beforeSyn && this.fresh === undefined && (this.segments === 1 || this.isFar)) return 'old-duplicate';
    if (this.beforeSyn || this.persists) return 'clock-back';
    if (this.fresh !== undefined || this.carries === 'ack') return 'reordered';
    return this.late < OLD ? 'duplicate' : 'old-duplicate';
  }

  /** The sender continues to send what its receiver lacks, with TSvals of a clock that runs behind the newest TSval. */
  private get persists(): boolean {
    if (this.fresh === undefined && this.carries !== 'keep-alive') return false;
    const lasted = this.last.at - this.since;
    if (this.points.length < LINE_POINTS || lasted < LINE_SPAN) return false;
    const rate = (s32(this.last.tsval!, this.first.tsval!) / lasted) * SECOND;
    const usual = this.hz ?? rate;
    if (rate < SLOWEST_HZ || Math.abs(rate - usual) > usual * RATE_TOLERANCE) return false;
    return this.points.every(({ at, tsval }) => {
      const expected = ((at - this.since) / SECOND) * rate;
      return Math.abs(s32(tsval!, this.first.tsval!) - expected) <= (LINE_SLACK / SECOND) * rate + 1;
    });
  }

  get isHarmless(): boolean {
    return this.class !== 'clock-back' || this.accepted !== undefined;
  }

  refused(packet: Packet, isFresh: boolean, isFar: boolean): void {
    this.segments++;
    this.isFar &&= isFar;
    this.last = packet;
    if (this.points.length < KEPT_POINTS) this.points.push(packet);
    if (isFresh) this.fresh ??= packet;
    this.due = Math.min(packet.at + ATTEMPT_SILENCE, this.since + LONGEST_EPISODE);
    wentOn(this.place, packet.at);
  }

  /** Takes any later segment of the flow. True when there is nothing left to learn. */
  heard(packet: Packet): boolean {
    if (packet.fromB === this.first.fromB) {
      if (packet.tsval === null || s32(packet.tsval, this.echo.tsecr!) < -PAWS_WINDOW) return false;
      this.learn('passes', packet);
      return !this.beforeSyn;
    }
    const { fresh } = this;
    if (fresh === undefined || this.passes !== undefined) return false;
    if (fresh.length === 0 && (fresh.flags & Flag.FIN) === 0) {
      if (packet.length > 0 && s32(packet.seq, fresh.ack) < 0) this.learn('sentAgain', packet);
    } else if (s32(packet.ack, fresh.seq + fresh.length) >= 0) this.learn('accepted', packet);
    else if (packet.length === 0 && s32(packet.ack, this.acked) === 0) this.learn('dupAck', packet);
    return false;
  }

  private learn(what: 'passes' | 'sentAgain' | 'accepted' | 'dupAck', packet: Packet): void {
    if (this[what] !== undefined) return;
    this[what] = packet;
    wentOn(this.place, packet.at);
  }
}

function carriedBy({ seq, length, flags }: Packet, acked: number): Carries {
  if (length <= 1 && s32(seq + 1, acked) === 0) return 'keep-alive';
  return length > 0 || (flags & Flag.FIN) !== 0 ? 'data' : 'ack';
}

/** Reports an episode. Harmless ones are reported once for each connection. */
function tell(t: Tracker, base: number, episode: PawsEpisode): void {
  const { words } = t.table;
  const soFar = !isOver(episode);
  // Later segments show whether it was overtaken or the sender's clock was set back.
  if (soFar && episode.class === 'reordered') return;
  if (episode.isHarmless) {
    if ((words[base + L.STATE] & FlowBit.PAWS_TOLD) !== 0) return;
    if (!soFar) words[base + L.STATE] |= FlowBit.PAWS_TOLD;
  }
  t.hooks.refused(episode, t);
}

/** The TSval of the segment at hand is older than its sender's newest. It has not been recorded in its side yet. */
export function olderTimestamp(t: Tracker, base: number, fromB: boolean): void {
  const { segment, stories } = t;
  const flow = t.flow.at(base);
  const sender = flow.side(fromB);
  const receiver = flow.side(!fromB);
  if (!refuses(flow, sender, receiver, segment)) return;
  // Further away than that is another connection (D6).
  const isFar = Math.abs(s32(segment.seq, receiver.acked)) > Math.max(NEAR, receiver.maxWindow);
  // A newer connection on these ports, whose SYN the capture lacks, echoes what the receiver has sent since.
  const beforeSyn = sender.has(SideBit.TS_ON_SYN) && s32(sender.synTsval, segment.tsval) > 0;
  if (isFar && (!beforeSyn || s32(segment.tsecr, receiver.tsRecent) > 0)) return;
  const isFresh = !isFar && saysNews(sender, receiver, segment);
  // tcp_disordered_ack: an ACK in sequence that says nothing new is not answered.
  const isInSequence = segment.seq === receiver.acked && segment.ack === sender.acked;
  if (!isFresh && isInSequence && !hasBytes(segment)) return;

  let episode = stories.of(flow.story)?.paws;
  if (episode !== undefined && episode.first.fromB !== fromB) {
    stories.settle(episode, t.now);
    episode = undefined;
  }
  if (episode === undefined) {
    episode = new PawsEpisode(t, base, fromB, beforeSyn, told => tell(t, base, told));
    t.begin(flow, episode);
  }
  episode.refused(packetAt(segment, fromB), isFresh, isFar);
}

/** Whether the receiver drops the segment for its TSval, by the newest one that it has echoed. */
function refuses(flow: Flow, sender: Side, receiver: Side, segment: Segment): boolean {
  if (flow.phase !== Phase.OPEN || flow.timestampsOn !== true) return false;
  // The two sides of a SYN proxy have different server clocks.
  if (flow.server.has(SideBit.TWO_NUMBERINGS)) return false;
  const packed = receiver.sent(L.SENT_FLAGS);
  const echoes = (packed & Flag.ACK) !== 0 && ((packed >>> 8) & 0xff) === Timestamps.PRESENT;
  if (receiver.sent(L.SENT_FRAME) === 0 || !echoes) return false;
  const echo = receiver.sent(L.SENT_TSECR);
  // A ts_recent of 0 switches PAWS off. And a TSecr that the sender never sent as TSval is no echo.
  if (echo === 0 || !isTooOld(segment.tsval, echo) || s32(echo, sender.tsRecent) > 0) return false;
  return segment.at - sender.tsAt < PAWS_LIMIT;
}

const hasBytes = ({ length, flags }: Segment): boolean => length > 0 || (flags & Flag.FIN) !== 0;

/** It has bytes that its receiver lacks, or acknowledges more than the sender did before. */
function saysNews(sender: Side, receiver: Side, segment: Segment): boolean {
  const { seq, length, flags, ack } = segment;
  if (hasBytes(segment)) return s32(seq + length + (flags & Flag.FIN), receiver.acked) > 0;
  return ack === sender.acked && s32(ack, sender.sent(L.SENT_ACK)) > 0;
}
