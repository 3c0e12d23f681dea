/**
 * One decoded TCP segment. There is one object per shard, loaded from each row of `Segments` in turn: what is to be kept
 * is copied (flow/packet.ts). Plain numbers in fields cost a third of what a cell in a typed column does.
 */
import { NO_WINDOW_SCALE, Timestamps } from './tcp-options.ts';

export class Segment {
  /** Nanoseconds from the run's origin. Begins as a fraction so that the engine holds a double here from the start. */
  at = Number.NaN;
  capture = 0;
  frame = 0;
  /** Host numbers (wire/hosts.ts) of sender and receiver. */
  src = 0;
  dst = 0;
  /** Source port << 16 | destination port. */
  ports = 0;
  /** VLAN and tunnel stack with SCOPE_IPV6. */
  scope = 0;
  seq = 0;
  /** 0 without the ACK flag. */
  ack = 0;
  flags = 0;
  /** Payload bytes on the wire. */
  length = 0;
  /** Window field, unscaled. */
  window = 0;
  /** Timestamps.ABSENT, PRESENT or UNKNOWN; the values mean something only when PRESENT. */
  timestamps: number = Timestamps.ABSENT;
  tsval = 0;
  tsecr = 0;
  windowScale: number = NO_WINDOW_SCALE;
  /** Of a SYN or SYN-ACK: its maximum segment size, 0 = none, and the order of its options (wire/tcp-options.ts). */
  mss = 0;
  synOptions = 0;
  ttl = 0;
  /** IPv4 identification; 0 for IPv6. */
  ipId = 0;
  /** Hashes (wire/fingerprint.ts): of the tuple in canonical order, and of all that copies of the segment share. */
  tuple = 0;
  fingerprint = 0;
  fingerprint2 = 0;
  /** Where its flow was when it was looked for ahead of time (flow/look-ahead.ts), plus one; -1: nowhere; 0: it was not. A hint. */
  found = 0;
}
