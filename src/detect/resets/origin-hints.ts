/**
 * Hints that a device on the path sent an RST, not the end whose address it carries (docs/rules.md B4, D3). Each may be
 * wrong by itself.
 */
import { MILLISECOND, type Nanos } from '../../base/time.ts';
import type { ResetSeen } from '../../flow/events.ts';
import type { Side } from '../../flow/flow.ts';
import { layout } from '../../flow/layout.ts';
import type { Segment } from '../../wire/segment.ts';
import { Flag } from '../../wire/tcp.ts';
import { Timestamps } from '../../wire/tcp-options.ts';
import type { ResetHint } from './reset-hints.ts';

const { L, Phase, SideBit } = layout;

/** Route changes alter a TTL by one or two (p0f's SMALL_TTL_CHG). */
const TTL_SLACK = 2;
/** Initial TTLs of stacks. An RST that arrives with one of them was sent on the link of the capture point. */
const INITIAL_TTLS: readonly number[] = [64, 128, 255];
/** After this many packets of a side it is known whether its IP identification is constant or a counter. */
const ID_SAMPLE = 3;
/** With a shorter round trip the speed of a response says nothing. */
const MEASURABLE_RTT: Nanos = 1 * MILLISECOND;

/** Hints that its sender is not the end whose address it carries. */
export function originHints(event: ResetSeen): ResetHint[] {
  const { segment, flow, sender, isBare, tracker } = event;
  const isSeenTwice = tracker.pairs.isSeenTwice(flow.pair) || flow.server.has(SideBit.TWO_NUMBERINGS);
  const hints: ResetHint[] = [];
  // A closed port answers a SYN that the capture lacks: its form is that of no packet of this connection.
  const refuses = isOfClosedPort(segment);
  if (sender.has(SideBit.SPOKE)) {
    // With two capture points each packet has two TTLs, and the time between packets says nothing about an end.
    if (!isSeenTwice && isForeignTtl(sender.ttl, segment.ttl)) hints.push('ttl');
    if (foreignId(sender, segment.ipId, isBare || refuses)) hints.push('ip-id');
    const mayLackThem = isBare || refuses || isProxied(sender); // a closed port has none to send
    const lacksThem = flow.timestampsOn === true && segment.timestamps === Timestamps.ABSENT;
    if (lacksThem && !mayLackThem) hints.push('no-timestamp');
  }
  if (!isSeenTwice && flow.phase === Phase.OPEN && !refuses && fasterThanRtt(event)) hints.push('faster-than-rtt');
  return hints;
}

/** A SYN proxy accepted the SYN with window 0, and the server behind it has not announced a window. */
export const isProxied = (server: Side): boolean => server.has(SideBit.SYN_ACK) && server.maxWindow === 0;

/**
 * The TTL differs by more than route changes explain. Or the RST has passed no hop while the sender's other packets
 * have: a gateway's REJECT shows in no other way (F12).
 */
export const isForeignTtl = (usual: number, ttl: number): boolean =>
  Math.abs(ttl - usual) > TTL_SLACK || (ttl > usual && INITIAL_TTLS.includes(ttl));

/** Whether the RST has a sign that a device on the path sent it in the sender's name. */
export const mayBeByDevice = (event: ResetSeen): boolean => originHints(event).length > 0;

/** Linux refuses a SYN in this form (docs/rules.md B4). */
export const isOfClosedPort = ({ flags, seq, window, ipId, timestamps }: Segment): boolean =>
  (flags & Flag.ACK) !== 0 && seq === 0 && window === 0 && ipId === 0 && timestamps === Timestamps.ABSENT;

/**
 * Without a socket Linux answers with identification 0 (B4). So beside a running counter only an RST,ACK with 0 is
 * foreign.
 */
function foreignId(sender: Side, id: number, isWithoutSocket: boolean): boolean {
  if (sender.packets < ID_SAMPLE) return false;
  return sender.has(SideBit.IP_ID) ? !isWithoutSocket && id === 0 : id !== 0;
}

/** A running counter advances by steps up to this from packet to packet; another machine hardly hits such a value. */
const ID_STEP = 256;

/** Whether its number and TTL are those of the sender's next packet. */
function continuesIds({ ttl, ipId }: Side, segment: Segment): boolean {
  const step = (segment.ipId - ipId) & 0xffff;
  return segment.ipId !== 0 && segment.ttl === ttl && step > 0 && step < ID_STEP;
}

/**
 * Whether the RST reacts to the peer's last packet sooner than its sender ever did. A server answers a SYN at once. The
 * client's ACK of the handshake may be delayed (TCP_QUICKACK), so it must have acknowledged something else as well.
 */
function fasterThanRtt({ tracker, segment, from, sender, receiver, isBare }: ResetSeen): boolean {
  if (sender.leastAnswer < MEASURABLE_RTT || receiver.sentAt < sender.sentAt || continuesIds(sender, segment))
    return false;
  if (from === 'client' && sender.acked === ((receiver.isn + 1) | 0)) return false;
  const reacts = isBare
    ? segment.seq === receiver.sent(L.SENT_ACK)
    : receiver.sent(L.SENT_LENGTH) > 0 && segment.ack === receiver.nxt;
  return reacts && tracker.now - receiver.sentAt < sender.leastAnswer / 2;
}
