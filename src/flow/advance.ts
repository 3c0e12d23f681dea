/**
 * What every segment without SYN and RST does: it advances the side of its sender. This is the inner loop, so it works
 * on the words of the record (layout.ts), and calls other functions only when something unusual has happened. The addon
 * does the same, function by function, for ordinary segments (native/follow.c).
 */
import { after, s32 } from '../base/serial.ts';
import { Flag } from '../wire/tcp.ts';
import { Timestamps } from '../wire/tcp-options.ts';
import { afterFin } from './closing.ts';
import type { Flow } from './flow.ts';
import { layout } from './layout.ts';
import { packetAt } from './packet.ts';
import { goOn, LEAST_RTO, sentAgain } from './retransmission.ts';
import { olderTimestamp } from './stories/paws.ts';
import { PairLayout, S_STALE } from './tables/pairs.ts';
import type { Tracker } from './tracker.ts';

const { ACK, FIN } = Flag;
const { PRESENT, UNKNOWN } = Timestamps;
const LEAST = LEAST_RTO;
const STALE = S_STALE;

const P = PairLayout;

const { L, Phase, FlowBit, SideBit } = layout;

export function advance(t: Tracker, base: number, fromB: boolean): void {
  const { segment } = t;
  const { words, doubles } = t.table;
  const own = base + (fromB ? L.SIDE_B : L.SIDE_A);
  const { flags, length, ack, at } = segment;
  const byClient = fromB === ((words[base + L.STATE] & FlowBit.CLIENT_IS_B) !== 0);
  let bits = words[own + L.BITS];
  const wasShut = (bits & SideBit.SPOKE) !== 0 && words[own + L.WINDOW] === 0;
  bits = wasShut ? bits | SideBit.WAS_SHUT : bits & ~SideBit.WAS_SHUT;

  const end = (segment.seq + length + (flags & FIN)) | 0;
  // A keep-alive probe repeats the byte before nxt, so it changes nothing here.
  if ((bits & SideBit.SPOKE) === 0) {
    words[own + L.ISN] = (segment.seq - 1) | 0;
    words[own + L.NXT] = end;
    words[own + L.ACKED] = ack;
    bits |= SideBit.SPOKE;
    t.pairs.hear(words[base + L.PAIR], fromB);
  } else {
    const other = base + (fromB ? L.SIDE_A : L.SIDE_B);
    const isAgain = s32(segment.seq, words[own + L.NXT]) < 0;
    // What was acknowledged is sent again by a timer, however lately the other end has sent something of its own.
    const isLate =
      isAgain &&
      (at - doubles[(other + L.SENT_AT) >> 1] >= LEAST ||
        (at - doubles[(own + L.SENT_AT) >> 1] >= LEAST && s32(end, words[other + L.ACKED]) <= 0));
    if (isLate) sentAgain(t, base, fromB);
    if (after(end, words[own + L.NXT])) {
      words[own + L.NXT] = end;
      const isEmpty = length === 0 && (flags & FIN) === 0;
      bits = isEmpty ? bits | SideBit.AFTER_GAP : bits & ~SideBit.AFTER_GAP;
    } else if (length > 0) t.histories?.retransmission(base, byClient);
    if ((flags & ACK) !== 0 && after(ack, words[own + L.ACKED])) {
      words[own + L.ACKED] = ack;
      const answered = at - doubles[(other + L.SENT_AT) >> 1];
      // If the answer in the handshake is unknown (0), this changes nothing.
      if (ack === words[other + L.NXT] && answered < t.table.floats[own + L.LEAST_ANSWER])
        t.table.floats[own + L.LEAST_ANSWER] = answered;
    }
  }
  if (segment.timestamps === PRESENT) {
    const { tsval } = segment;
    const known = (bits & (SideBit.TS_ON_SYN | SideBit.TS_LATER)) !== 0;
    const newer = s32(tsval, words[own + L.TS_RECENT]);
    if (!known || newer >= 0) {
      words[own + L.TS_RECENT] = tsval;
      doubles[(own + L.TS_AT) >> 1] = at;
    } else if (newer < -1) olderTimestamp(t, base, fromB);
    bits |= SideBit.TS_LATER;
    if (byClient) noteClientTimestamp(t, base, fromB);
  } else if (segment.timestamps === UNKNOWN && (bits & (SideBit.SYN | SideBit.SYN_ACK)) === 0) bits |= SideBit.TS_CUT;
  words[own + L.BITS] = bits;
  const window = segment.window << ((bits >>> L.SCALE_SHIFT) & 15);
  words[own + L.WINDOW] = window;
  if (window > words[own + L.MAX_WINDOW]) words[own + L.MAX_WINDOW] = window;
  record(t, base, own);

  if (words[base + L.STORY] !== 0) tellStories(t, base, fromB);
  if ((flags & FIN) !== 0) words[base + L.STATE] |= FlowBit.CLOSING;
  else if ((words[base + L.STATE] & FlowBit.CLOSING) === 0) return;
  afterFin(t, t.flow.at(base), fromB);
}

/** Passes the segment on to the open stories of its flow. */
function tellStories(t: Tracker, base: number, fromB: boolean): void {
  const { segment, stories } = t;
  const open = stories.of(t.table.words[base + L.STORY]);
  if (open === undefined) {
    // All of them are over. Without a story the addon may follow the flow again.
    t.table.words[base + L.STORY] = 0;
    return;
  }
  const { aftermath } = open;
  if (aftermath?.rst.fromB === fromB) {
    const isSent = segment.length > 0 || (segment.flags & FIN) !== 0;
    if (isSent && aftermath.sent(packetAt(segment, fromB))) revive(t.flow.at(base));
  } else aftermath?.answered(packetAt(segment, fromB));
  const { paws } = open;
  if (paws?.heard(packetAt(segment, fromB))) stories.settle(paws, t.now);
  const window = t.table.words[base + (fromB ? L.SIDE_B : L.SIDE_A) + L.WINDOW];
  const sent = open.unacknowledged(fromB);
  if (sent !== undefined) goOn(t, sent, fromB, window);
  const awaited = open.unacknowledged(!fromB);
  if (awaited !== undefined) goOn(t, awaited, fromB, window);
  const { stall } = open;
  if (stall === undefined) return;
  const packet = packetAt(segment, fromB);
  if (fromB === stall.ends.clientIsB) {
    // The connection that the server took last may be this one: the stall compares the times.
    const { pair, serverPort } = stall.ends;
    stall.clientSent(packet, t.pairs.answeredAt(pair, fromB, serverPort));
  } else {
    stall.end(packet, true);
    stories.settle(stall, t.now);
  }
}

/** The sender of an RST goes on sending: the RST was not its own, and its connection is still open. */
function revive(flow: Flow): void {
  if (flow.phase !== Phase.RESET) return;
  flow.phase = Phase.OPEN;
  flow.clear(FlowBit.REPEATED_RST);
}

/** Remembers the segment as the last one of its side, and as a sign of life of the flow. */
export function record(t: Tracker, base: number, own: number): void {
  const { segment } = t;
  const { words, doubles } = t.table;
  const { at, ipId, length } = segment;
  const last = (base + L.LAST) >> 1;
  doubles[(base + L.GAP) >> 1] = at - doubles[last];
  doubles[last] = at;
  doubles[(own + L.SENT_AT) >> 1] = at;
  doubles[(own + L.BYTES) >> 1] += length;
  words[own + L.PACKETS]++;
  words[own + L.TTL_ID] = (segment.ttl << 16) | ipId;
  if (ipId !== 0) words[own + L.BITS] |= SideBit.IP_ID;
  words[own + L.SENT_FRAME] = segment.frame;
  words[own + L.SENT_FLAGS] = (segment.capture << 16) | (segment.timestamps << 8) | segment.flags;
  words[own + L.SENT_SEQ] = segment.seq;
  words[own + L.SENT_ACK] = segment.ack;
  words[own + L.SENT_TSVAL] = segment.tsval;
  words[own + L.SENT_TSECR] = segment.tsecr;
  words[own + L.SENT_LENGTH] = length;
  if (t.histories !== undefined) {
    const clientIsB = (words[base + L.STATE] & FlowBit.CLIENT_IS_B) !== 0;
    t.histories.segment(base, (own - base === L.SIDE_B) === clientIsB, segment);
  }
}

/** Updates S of docs/rules.md D1.1: the newest TSval sent by initiators of this direction. */
export function noteClientTimestamp(t: Tracker, base: number, fromB: boolean): void {
  const { segment, pairs } = t;
  const block = pairs.direction(t.table.words[base + L.PAIR], fromB);
  const { words, doubles } = pairs;
  const tsval = segment.tsval;
  const known = (words[block + P.S_FLAGS] & P.S_VALID) !== 0;
  if (known && s32(tsval, words[block + P.S_TS]) < 0 && t.now - doubles[(block + P.S_AT) >> 1] < STALE) return;
  doubles[(block + P.S_AT) >> 1] = t.now;
  words[block + P.S_TS] = tsval;
  words[block + P.S_FRAME] = segment.frame;
  words[block + P.S_PORTS] = segment.ports;
  words[block + P.S_SEQ] = segment.seq;
  words[block + P.S_ACK] = segment.ack;
  words[block + P.S_TSECR] = segment.tsecr;
  words[block + P.S_LENGTH] = segment.length;
  words[block + P.S_FLAGS] = (segment.capture << 16) | P.S_VALID | segment.flags;
}
