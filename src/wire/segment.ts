/**
 * One decoded TCP segment. There is one object per shard, loaded from each row of `Segments` in turn, so whatever must
 * be kept is copied (flow/packet.ts). Access to a plain field costs a third of access to a cell of a typed column.
 */
import { NO_WINDOW_SCALE, Timestamps } from './tcp-options.ts';

export class Segment {
  /** Nanoseconds from the run's origin. The initial NaN makes V8 represent the field as a double from the start. */
  at = Number.NaN;
  capture = 0;
  frame = 0;
  /** Host numbers (wire/hosts.ts) of sender and receiver. */
  src = 0;
  dst = 0;
  /** Source port << 16 | destination port. */
  ports = 0;
  /** Number of the VLAN and tunnel stack (capture/scope.ts), with SCOPE_IPV6. */
  scope = 0;
  seq = 0;
  /** 0 without the ACK flag. */
  ack = 0;
  flags = 0;
  /** Payload bytes on the wire. */
  length = 0;
  /** Window field, unscaled. */
  window = 0;
  /** Timestamps.ABSENT, PRESENT or UNKNOWN; `tsval` and `tsecr` are valid only when PRESENT. */
  timestamps: number = Timestamps.ABSENT;
  tsval = 0;
  tsecr = 0;
  windowScale: number = NO_WINDOW_SCALE;
  /** SYNs and SYN-ACKs only: the MSS, 0 when absent, and the order of the options (wire/tcp-options.ts). */
  mss = 0;
  synOptions = 0;
  ttl = 0;
  /** IPv4 identification; 0 for IPv6. */
  ipId = 0;
  /** Hashes (wire/fingerprint.ts) of the tuple in canonical order, and of all that copies of the segment share. */
  tuple = 0;
  fingerprint = 0;
  fingerprint2 = 0;
  /** Hint from native/look-ahead.c: the flow's row when it was looked up, plus one; -1: not found; 0: not looked up. */
  found = 0;
}
