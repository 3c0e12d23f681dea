/**
 * What every segment without SYN and RST does: it moves its sender's side on. This is the inner loop, so it works on
 * the words of the record (layout.ts) and calls out only where something happened.
 */
import { after, s32 } from '../base/serial.ts';
import { Flag } from '../wire/tcp.ts';
import { Timestamps } from '../wire/tcp-options.ts';
import { afterFin } from './closing.ts';
import * as L from './layout.ts';
import { packetAt } from './packet.ts';
import * as P from './pairs.ts';
import { S_STALE } from './pairs.ts';
import type { Tracker } from './tracker.ts';

export function advance(t: Tracker, base: number, fromB: boolean, row: number): void {
  const { segments } = t;
  const { words, doubles } = t.table;
  const own = base + (fromB ? L.SIDE_B : L.SIDE_A);
  const peer = base + (fromB ? L.SIDE_A : L.SIDE_B);
  const flags = segments.flags[row]!;
  const length = segments.length[row]!;
  let bits = words[own + L.BITS]!;

  const end = (segments.seq[row]! + length + (flags & Flag.FIN)) | 0;
  // A keep-alive probe repeats the byte before nxt and so moves nothing.
  if ((bits & L.SideBit.SPOKE) === 0) {
    words[own + L.NXT] = end;
    words[own + L.ACKED] = segments.ack[row]!;
    bits |= L.SideBit.SPOKE;
    t.pairs.hear(words[base + L.PAIR]!, fromB);
  } else {
    if (after(end, words[own + L.NXT]!)) words[own + L.NXT] = end;
    else if (length > 0) t.histories?.retransmission(base, fromB === clientIsB(t, base));
    if ((flags & Flag.ACK) !== 0 && after(segments.ack[row]!, words[own + L.ACKED]!)) {
      words[own + L.ACKED] = segments.ack[row]!;
    }
  }
  if (segments.timestamps[row] === Timestamps.PRESENT) {
    if (
      (bits & (L.SideBit.TS_ON_SYN | L.SideBit.TS_LATER)) === 0 ||
      s32(segments.tsval[row]!, words[own + L.TS_RECENT]!) >= 0
    ) {
      words[own + L.TS_RECENT] = segments.tsval[row]!;
      doubles[(own + L.TS_AT) >> 1] = t.now;
    }
    bits |= L.SideBit.TS_LATER;
    if (fromB === clientIsB(t, base)) noteClientTimestamp(t, base, fromB, row);
  }
  if (length > 0) bits |= L.SideBit.DATA;
  words[own + L.BITS] = bits;
  const window = segments.window[row]! << ((bits >>> L.SCALE_SHIFT) & 15);
  words[own + L.WINDOW] = window;
  if (window > words[own + L.MAX_WINDOW]!) words[own + L.MAX_WINDOW] = window;
  record(t, base, own, row);

  if (words[base + L.STORY] !== 0 && (length > 0 || (flags & Flag.FIN) !== 0)) {
    const aftermath = t.stories.aftermath(words[base + L.STORY]!);
    if (aftermath?.rst.fromB === fromB) aftermath.sent(packetAt(segments, row, fromB));
  }
  const closing = (bits | words[peer + L.BITS]!) & L.SideBit.FIN;
  if (closing !== 0 || (flags & Flag.FIN) !== 0) afterFin(t, t.flow.at(base), fromB, row);
}

const clientIsB = (t: Tracker, base: number): boolean => (t.table.words[base + L.STATE]! & L.FlowBit.CLIENT_IS_B) !== 0;

/** Remembers the segment as the last of its side, and that the flow is alive. */
export function record(t: Tracker, base: number, own: number, row: number): void {
  const { segments } = t;
  const { words, doubles } = t.table;
  const last = (base + L.LAST) >> 1;
  doubles[(base + L.GAP) >> 1] = t.now - doubles[last]!;
  doubles[last] = t.now;
  words[own + L.PACKETS]!++;
  doubles[(own + L.BYTES) >> 1]! += segments.length[row]!;
  words[own + L.TTL_ID] = (segments.ttl[row]! << 16) | segments.ipId[row]!;
  if (segments.ipId[row] !== 0) words[own + L.BITS]! |= L.SideBit.IP_ID;
  doubles[(own + L.SENT_AT) >> 1] = t.now;
  words[own + L.SENT_FRAME] = segments.frame[row]!;
  words[own + L.SENT_SEQ] = segments.seq[row]!;
  words[own + L.SENT_ACK] = segments.ack[row]!;
  words[own + L.SENT_TSVAL] = segments.tsval[row]!;
  words[own + L.SENT_TSECR] = segments.tsecr[row]!;
  words[own + L.SENT_LENGTH] = segments.length[row]!;
  words[own + L.SENT_FLAGS] = (segments.capture[row]! << 16) | (segments.timestamps[row]! << 8) | segments.flags[row]!;
  t.histories?.segment(base, fromBOf(base, own) === clientIsB(t, base), segments, row);
}

/** S of detectors.md D1.1: the newest TSval that this direction's initiators have sent. */
export function noteClientTimestamp(t: Tracker, base: number, fromB: boolean, row: number): void {
  const { segments, pairs } = t;
  const block = pairs.direction(t.table.words[base + L.PAIR]!, fromB);
  const { words, doubles } = pairs;
  const tsval = segments.tsval[row]!;
  const known = (words[block + P.S_FLAGS]! & P.S_VALID) !== 0;
  if (known && s32(tsval, words[block + P.S_TS]!) < 0 && t.now - doubles[block >> 1]! < S_STALE) return;
  doubles[(block + P.S_AT) >> 1] = t.now;
  words[block + P.S_TS] = tsval;
  words[block + P.S_FRAME] = segments.frame[row]!;
  words[block + P.S_PORTS] = segments.ports[row]!;
  words[block + P.S_SEQ] = segments.seq[row]!;
  words[block + P.S_ACK] = segments.ack[row]!;
  words[block + P.S_TSECR] = segments.tsecr[row]!;
  words[block + P.S_LENGTH] = segments.length[row]!;
  words[block + P.S_FLAGS] = (segments.capture[row]! << 16) | P.S_VALID | segments.flags[row]!;
}

const fromBOf = (base: number, own: number): boolean => own - base === L.SIDE_B;
