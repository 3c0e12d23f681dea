/**
 * A SYN-ACK that passed the capture point and did not reach the client, or not before its timer (docs/rules.md D2.3):
 * the client sends its SYN again all the same, or answers only a later SYN-ACK.
 */
import { MILLISECOND, type Nanos } from '../base/time.ts';
import { Timestamps } from '../wire/tcp-options.ts';
import { ATTEMPT_SILENCE } from './attempt.ts';
import { type Ends, endsOf } from './ends.ts';
import type { Flow } from './flow.ts';
import { layout } from './layout.ts';
import { wentOn } from './looks.ts';
import { lastPacket, type Packet, packetAt } from './packet.ts';
import type { Place, Story } from './story.ts';
import type { Tracker } from './tracker.ts';

const { FlowBit, SideBit } = layout;

/** No stack sends a SYN or a SYN-ACK again sooner than this; what comes sooner is a copy. */
const HANDSHAKE_TIMER: Nanos = 200 * MILLISECOND;
/** Linux gives its SYNs up after 127 s (tcp_syn_retries = 6) and its SYN-ACKs after 63 (tcp_synack_retries = 5). */
const LONGEST: Nanos = 4 * ATTEMPT_SILENCE;
/** SYNs whose times are kept, and that are shown. */
const KEPT_TIMES = 16;
const SHOWN = 3;

export class Unheard implements Story {
  number = 0;
  place: Place | undefined;
  due: Nanos;
  readonly since: Nanos;
  readonly ends: Ends;
  /** When the client sent the first SYN of the connection. */
  readonly synAt: Nanos;
  /** The last SYN-ACK so far, when the story began, and the TSval of the first. */
  readonly synAck: Packet;
  readonly firstTsval: number | undefined;
  /** SYNs from the answered one on, and when the first of them were sent. */
  syns = 1;
  readonly sentAt: Nanos[];
  /** The first SYNs that were sent again. */
  readonly repeated: Packet[] = [];
  /** SYN-ACKs that were seen, and those up to `synAck`. */
  synAcks: number;
  readonly synAcksBefore: number;
  /** What ended it: the client's ACK, or an RST of either side. */
  ending: Packet | undefined;
  completed = false;
  /** Its last packet, shown or not. */
  touchedAt: Nanos;
  private readonly listener: (unheard: Unheard) => void;

  constructor(flow: Flow, synAck: Packet, since: Nanos, listener: (unheard: Unheard) => void) {
    const { client, server } = flow;
    this.since = since;
    this.touchedAt = since;
    this.due = since + ATTEMPT_SILENCE;
    this.ends = endsOf(flow);
    this.synAt = flow.opened;
    this.synAck = synAck;
    this.firstTsval = server.has(SideBit.TS_ON_SYN) ? server.synTsval >>> 0 : undefined;
    this.sentAt = [client.sentAt];
    this.synAcks = server.packets;
    this.synAcksBefore = server.packets;
    this.listener = listener;
  }

  tell(): void {
    this.listener(this);
  }

  synAgain(packet: Packet): void {
    this.syns++;
    if (this.sentAt.length < KEPT_TIMES) this.sentAt.push(packet.at);
    if (this.repeated.length < SHOWN) this.repeated.push(packet);
    this.touch(packet.at);
  }

  synAckAgain(at: Nanos): void {
    this.synAcks++;
    this.touch(at);
  }

  end(packet: Packet, completed: boolean): void {
    this.ending = packet;
    this.completed = completed;
  }

  /** The client's ACK echoes the first SYN-ACK: that was slow, not lost. */
  get wasSlow(): boolean {
    return this.completed && this.firstTsval !== undefined && this.ending!.tsecr === this.firstTsval;
  }

  private touch(at: Nanos): void {
    this.touchedAt = at;
    this.due = Math.min(at + ATTEMPT_SILENCE, this.since + LONGEST);
    wentOn(this.place, at);
  }
}

/** The segment at hand is the SYN again of a client that has had its SYN-ACK, as far as was captured. */
export function synNotHeard(t: Tracker, flow: Flow): void {
  const clientIsB = flow.has(FlowBit.CLIENT_IS_B);
  const known = t.stories.unheard(flow.story);
  if (known !== undefined) {
    known.synAgain(packetAt(t.segment, clientIsB));
    return;
  }
  const { client, server } = flow;
  const synAck = lastPacket(flow, !clientIsB);
  if (synAck === undefined || !server.has(SideBit.SYN_ACK) || t.now - client.sentAt < HANDSHAKE_TIMER) return;
  const begun = new Unheard(flow, synAck, t.now, over => tell(t, over));
  begun.synAgain(packetAt(t.segment, clientIsB));
  flow.story = t.stories.begin(flow.story, begun);
  t.expect(begun.due);
}

/** The segment at hand completes the handshake for the server. */
export function handshakeHeard(t: Tracker, flow: Flow, fromB: boolean): void {
  const known = flow.story === 0 ? undefined : t.stories.unheard(flow.story);
  if (known !== undefined) {
    known.end(packetAt(t.segment, fromB), fromB === flow.has(FlowBit.CLIENT_IS_B));
    t.stories.settle(known, t.now);
    return;
  }
  const { client, server } = flow;
  if (server.packets < 2 || fromB !== flow.has(FlowBit.CLIENT_IS_B) || !client.has(SideBit.SYN)) return;
  // Without timestamps the path may just be as slow as that.
  if (t.segment.timestamps !== Timestamps.PRESENT || t.now - client.sentAt < HANDSHAKE_TIMER) return;
  const synAck = lastPacket(flow, !fromB);
  if (synAck === undefined || !server.has(SideBit.SYN_ACK)) return;
  const late = new Unheard(flow, synAck, t.now, () => {});
  late.end(packetAt(t.segment, fromB), true);
  if (late.firstTsval !== undefined && synAck.tsval !== late.firstTsval) tell(t, late);
}

function tell(t: Tracker, unheard: Unheard): void {
  t.hooks.unheard(unheard, t);
}
