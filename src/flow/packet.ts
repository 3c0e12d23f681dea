/** One segment as evidence: made only for findings, from the segment at hand or from the last packet of a side. */
import { s32 } from '../base/serial.ts';
import type { Nanos } from '../base/time.ts';
import type { Segment } from '../wire/segment.ts';
import { Flag } from '../wire/tcp.ts';
import { Timestamps } from '../wire/tcp-options.ts';
import type { Flow } from './flow.ts';
import { layout } from './layout.ts';
import { PairLayout, type Pairs } from './tables/pairs.ts';

const P = PairLayout;

const { L } = layout;

/** Identifies a packet in its run. */
export interface Captured {
  at: Nanos;
  /** Index of the capture in the run, from 0. */
  capture: number;
  /** From 1, as tshark numbers it. */
  frame: number;
}

/** The order in which packets are handled within one epoch. */
export const compareCaptured = (a: Captured, b: Captured): number =>
  a.at - b.at || a.capture - b.capture || a.frame - b.frame;

export interface Packet extends Captured {
  /** Sent by side B of the tuple. */
  fromB: boolean;
  flags: number;
  seq: number;
  ack: number;
  tsval: number | null;
  tsecr: number | null;
  length: number;
}

/** The sequence number after its data and its FIN; of packets without SYN. */
export const endOf = ({ seq, length, flags }: Packet): number => (seq + length + (flags & Flag.FIN)) | 0;
export const isData = ({ length, flags }: Packet): boolean => length > 0 || (flags & Flag.FIN) !== 0;
/** A keep-alive or window probe, of an end whose next number is `head`. */
export const isProbe = ({ seq, length }: Packet, head: number): boolean => length <= 1 && s32(seq, head) === -1;

/**
 * The packet is `before` again, captured at another point of the path. A retransmission would have another TSval, as no
 * retransmission timer is shorter than a tick of the timestamp clock.
 */
export const isCopyOf = ({ seq, length, tsval }: Packet, before: Packet | undefined): boolean =>
  tsval !== null && before?.tsval === tsval && before.seq === seq && before.length === length;

export function packetAt(segment: Segment, fromB: boolean): Packet {
  const timestamps = segment.timestamps === Timestamps.PRESENT;
  return {
    capture: segment.capture,
    frame: segment.frame,
    at: segment.at,
    fromB,
    flags: segment.flags,
    seq: segment.seq >>> 0,
    ack: segment.ack >>> 0,
    tsval: timestamps ? segment.tsval >>> 0 : null,
    tsecr: timestamps ? segment.tsecr >>> 0 : null,
    length: segment.length,
  };
}

/** The last packet that a side sent, or undefined when it has not spoken. */
export function lastPacket(flow: Flow, isB: boolean): Packet | undefined {
  const side = flow.side(isB);
  if (side.sent(L.SENT_FRAME) === 0) return undefined;
  const packed = side.sent(L.SENT_FLAGS);
  const timestamps = ((packed >>> 8) & 0xff) === Timestamps.PRESENT;
  return {
    capture: packed >>> 16,
    frame: side.sent(L.SENT_FRAME) >>> 0,
    at: side.sentAt,
    fromB: isB,
    flags: packed & 0xff,
    seq: side.sent(L.SENT_SEQ) >>> 0,
    ack: side.sent(L.SENT_ACK) >>> 0,
    tsval: timestamps ? side.sent(L.SENT_TSVAL) >>> 0 : null,
    tsecr: timestamps ? side.sent(L.SENT_TSECR) >>> 0 : null,
    length: side.sent(L.SENT_LENGTH),
  };
}

/** The packet that carried the newest TSval of a direction of a host pair (pairs.ts, S), with its own ports. */
export function newestTimestamp(pairs: Pairs, direction: number, fromB: boolean): Packet & { ports: number } {
  const { words, doubles } = pairs;
  const packed = words[direction + P.S_FLAGS];
  return {
    capture: packed >>> 16,
    frame: words[direction + P.S_FRAME] >>> 0,
    at: doubles[(direction + P.S_AT) >> 1],
    fromB,
    flags: packed & 0xff,
    seq: words[direction + P.S_SEQ] >>> 0,
    ack: words[direction + P.S_ACK] >>> 0,
    tsval: words[direction + P.S_TS] >>> 0,
    tsecr: words[direction + P.S_TSECR] >>> 0,
    length: words[direction + P.S_LENGTH],
    ports: words[direction + P.S_PORTS],
  };
}
