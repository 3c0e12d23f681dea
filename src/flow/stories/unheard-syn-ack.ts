/**
 * The story of a SYN-ACK that passed the capture point but did not reach the client, or not before the client's timer
 * expired (docs/rules.md D2.3): the client retransmits its SYN, or answers only a later SYN-ACK.
 */
import { type Nanos, SECOND } from '../../base/time.ts';
import { Timestamps } from '../../wire/tcp-options.ts';
import { type Ends, endsOf } from '../ends.ts';
import type { Flow } from '../flow.ts';
import { layout } from '../layout.ts';
import { lastPacket, type Packet, packetAt } from '../packet.ts';
import { LEAST_SYN_RTO } from '../syn-timer.ts';
import type { Tracker } from '../tracker.ts';
import { ATTEMPT_SILENCE } from './attempt.ts';
import { wentOn } from './interim-tellings.ts';
import type { Story, StoryPlace } from './story.ts';

const { FlowBit, SideBit } = layout;

/** Linux gives up SYNs after 127 s (tcp_syn_retries = 6), and SYN-ACKs after 63 s (tcp_synack_retries = 5). */
const LONGEST: Nanos = 4 * ATTEMPT_SILENCE;
/** So many SYN-ACKs are neither lost by chance nor under way for so long. */
const SYN_ACKS_NOT_LOST = 3;
/**
 * A client that has had a SYN-ACK answers each repeated one, too. If only the last of them is answered, and at once, its
 * earlier ACKs were lost; a path that is slower than the timer would hardly deliver the first ACK just then. And on a path
 * of 3 s, where it does, the client would have sent its SYN again (RFC 1122 §4.2.3.1: after 3 s at most).
 */
const AT_ONCE: Nanos = 0.25 * SECOND;
/** Number of SYNs whose times are kept, and of those kept as evidence. */
const KEPT_TIMES = 16;
const SHOWN = 3;

export class UnheardSynAck implements Story {
  readonly kind = 'unheard';
  number = 0;
  place: StoryPlace | undefined;
  due: Nanos;
  readonly since: Nanos;
  readonly ends: Ends;
  /** When the client sent the first SYN of the connection. */
  readonly synAt: Nanos;
  /** The last SYN-ACK before the retransmission that began the story; and the TSval of the first SYN-ACK. */
  synAck: Packet;
  readonly firstTsval: number | undefined;
  /** Number of SYNs from the answered one on, and the times of the first KEPT_TIMES of them. */
  syns = 1;
  readonly sentAt: Nanos[];
  /** The first retransmitted SYNs. */
  readonly repeated: Packet[] = [];
  /** The first retransmitted SYN-ACKs, if they began the story. */
  readonly repeatedSynAcks: Packet[] = [];
  /** Number of SYN-ACKs that were captured, in all and up to `synAck`. */
  synAcks: number;
  synAcksBefore: number;
  /** The verdict of detect/what-if/what-if.ts on the first SYN, or 0. */
  readonly supposed: number;
  /** The packet that ended it: the client's ACK, or an RST of either side. */
  ending: Packet | undefined;
  completed = false;
  /** Time of its last packet, whether that is kept as evidence or not. */
  touchedAt: Nanos;
  private newestSynAck: Packet;
  private readonly tracker: Tracker;

  constructor(t: Tracker, flow: Flow, synAck: Packet) {
    const { client, server } = flow;
    this.tracker = t;
    this.since = t.now;
    this.touchedAt = t.now;
    this.due = t.now + ATTEMPT_SILENCE;
    this.ends = endsOf(flow);
    this.synAt = flow.opened;
    this.supposed = flow.supposed;
    this.synAck = synAck;
    this.newestSynAck = synAck;
    this.firstTsval = server.has(SideBit.TS_ON_SYN) ? server.synTsval >>> 0 : undefined;
    this.sentAt = [client.sentAt];
    this.synAcks = server.packets;
    this.synAcksBefore = server.packets;
  }

  tell(): void {
    this.tracker.hooks.unheard(this, this.tracker);
  }

  synAgain(packet: Packet): void {
    if (this.repeated.length === 0) {
      this.synAck = this.newestSynAck;
      this.synAcksBefore = this.synAcks;
    }
    this.syns++;
    if (this.sentAt.length < KEPT_TIMES) this.sentAt.push(packet.at);
    if (this.repeated.length < SHOWN) this.repeated.push(packet);
    this.touch(packet.at);
  }

  synAckAgain(packet: Packet): void {
    this.synAcks++;
    this.newestSynAck = packet;
    if (this.repeated.length === 0 && this.repeatedSynAcks.length < SHOWN) this.repeatedSynAcks.push(packet);
    this.touch(packet.at);
  }

  end(packet: Packet, completed: boolean): void {
    this.ending = packet;
    this.completed = completed;
  }

  /** There is something to report: the answer was not just slow, nor has the client reset its own attempt. */
  get isNews(): boolean {
    const { completed, ending, repeated, synAcks, firstTsval } = this;
    if (!completed) return repeated.length > 0 || (ending === undefined && synAcks >= SYN_ACKS_NOT_LOST);
    const echoesFirst = firstTsval !== undefined && ending!.tsecr === firstTsval;
    if (repeated.length > 0) return !echoesFirst;
    // Data comes first only if the ACK before it was lost, or was delayed to be sent with it (Linux: for 0.2 s).
    if (ending!.length > 0 && synAcks >= SYN_ACKS_NOT_LOST) return true;
    if (echoesFirst && synAcks >= SYN_ACKS_NOT_LOST && ending!.at - this.newestSynAck.at <= AT_ONCE) return true;
    return firstTsval !== undefined && !echoesFirst;
  }

  private touch(at: Nanos): void {
    this.touchedAt = at;
    this.due = Math.min(at + ATTEMPT_SILENCE, this.since + LONGEST);
    wentOn(this.place, at);
  }
}

/** The segment at hand is the retransmitted SYN of a client to which a SYN-ACK was captured. */
export function synNotHeard(t: Tracker, flow: Flow): void {
  const clientIsB = flow.has(FlowBit.CLIENT_IS_B);
  const known = t.stories.of(flow.story)?.unheard;
  if (known !== undefined) {
    known.synAgain(packetAt(t.segment, clientIsB));
    return;
  }
  const { client, server } = flow;
  const synAck = lastPacket(flow, !clientIsB);
  if (synAck === undefined || !server.has(SideBit.SYN_ACK) || t.now - client.sentAt < LEAST_SYN_RTO) return;
  const begun = new UnheardSynAck(t, flow, synAck);
  begun.synAgain(packetAt(t.segment, clientIsB));
  t.begin(flow, begun);
}

/** The segment at hand is the retransmitted SYN-ACK of a server that has had no answer. */
export function synAckNotHeard(t: Tracker, flow: Flow, serverIsB: boolean): void {
  const known = t.stories.of(flow.story)?.unheard;
  if (known !== undefined) {
    known.synAckAgain(packetAt(t.segment, serverIsB));
    return;
  }
  // Floods and half-open scans cause the same. So only a client counts that completes other handshakes.
  if (!flow.client.has(SideBit.SYN) || !t.pairs.completes(flow.pair, !serverIsB)) return;
  const synAck = lastPacket(flow, serverIsB);
  if (synAck === undefined || t.now - synAck.at < LEAST_SYN_RTO) return;
  const begun = new UnheardSynAck(t, flow, synAck);
  begun.synAckAgain(packetAt(t.segment, serverIsB));
  t.begin(flow, begun);
}

/** The segment at hand completes the handshake for the server. */
export function handshakeHeard(t: Tracker, flow: Flow, fromB: boolean): void {
  const known = flow.story === 0 ? undefined : t.stories.of(flow.story)?.unheard;
  if (known !== undefined) {
    known.end(packetAt(t.segment, fromB), fromB === flow.has(FlowBit.CLIENT_IS_B));
    t.stories.settle(known, t.now);
    return;
  }
  const { client, server } = flow;
  if (server.packets < 2 || fromB !== flow.has(FlowBit.CLIENT_IS_B) || !client.has(SideBit.SYN)) return;
  // Without timestamps it cannot be told from a slow path.
  if (t.segment.timestamps !== Timestamps.PRESENT || t.now - client.sentAt < LEAST_SYN_RTO) return;
  const synAck = lastPacket(flow, !fromB);
  if (synAck === undefined || !server.has(SideBit.SYN_ACK)) return;
  const late = new UnheardSynAck(t, flow, synAck);
  late.end(packetAt(t.segment, fromB), true);
  if (late.firstTsval !== undefined && synAck.tsval !== late.firstTsval) late.tell();
}
