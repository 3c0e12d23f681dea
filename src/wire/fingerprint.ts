/**
 * Hashes of a segment, computed while it is decoded because its fields are at hand then: the hash of its tuple, by
 * which its flow is found, and the fingerprint of everything that copies of one packet have in common (docs/rules.md
 * D0.3), by which duplicates are found.
 */
import { SALT } from '../base/salt.ts';
import type { Segment } from './segment.ts';
import { Timestamps } from './tcp-options.ts';

const { PRESENT } = Timestamps;

/** Hash of a tuple in canonical order. Full avalanche, because the low bits choose the slot. */
export function tupleHash(hostA: number, hostB: number, ports: number, scope: number): number {
  let h = Math.imul(hostA ^ SALT, 0x9e3779b1) ^ hostB;
  h = Math.imul(h ^ (h >>> 15), 0x85ebca6b) ^ ports;
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35) ^ scope;
  h = Math.imul(h ^ (h >>> 16), 0x7feb352d);
  return h ^ (h >>> 15);
}

/** Whether the sender is second in the canonical order of the tuple: lower host number first, then lower port. */
export function isFromB({ src, dst, ports }: Segment): boolean {
  return src > dst || (src === dst && ports >>> 16 > (ports & 0xffff));
}

/** Two ports in the canonical order of their tuple, from the order sender, receiver; the same call reverses it. */
export function orderedPorts(ports: number, fromB: boolean): number {
  return fromB ? (ports << 16) | (ports >>> 16) : ports;
}

/** The hash that the segment's tuple has in `scope`. */
export function tupleHashIn({ src, dst, ports }: Segment, fromB: boolean, scope: number): number {
  return fromB ? tupleHash(dst, src, orderedPorts(ports, true), scope) : tupleHash(src, dst, ports, scope);
}

/** Sets the hash of the segment's tuple. */
export function hashTuple(s: Segment): void {
  s.tuple = tupleHashIn(s, isFromB(s), s.scope);
}

/** Sets the two fingerprint words, without TTL, VLAN and interface, which may differ between copies of a packet. */
export function fingerprint(s: Segment): void {
  const { src, dst, ports, seq, ack, flags } = s;
  const stamped = s.timestamps === PRESENT;
  const tsval = stamped ? s.tsval : 0;
  const tsecr = stamped ? s.tsecr : 0;
  const meta = (flags << 16) | s.ipId;
  // Independent products can be computed in parallel by the processor; their bits are mixed once, at the end.
  s.fingerprint = finish(
    Math.imul(src, 0x9e3779b1) ^
      Math.imul(dst, 0x85ebca6b) ^
      Math.imul(ports, 0xc2b2ae35) ^
      Math.imul(seq, 0x27d4eb2f) ^
      Math.imul(ack, 0x165667b1) ^
      Math.imul(meta, 0x7feb352d) ^
      Math.imul(tsval, 0x846ca68b),
  );
  s.fingerprint2 = finish(
    Math.imul(seq ^ rotate(src, 7), 0x2c1b3c6d) ^
      Math.imul(ack ^ rotate(ports, 13), 0x297a2d39) ^
      Math.imul(tsval ^ rotate(dst, 19) ^ rotate(tsecr, 11), 0x1b873593) ^
      Math.imul(s.length ^ rotate(meta, 5), 0x38b34ae5),
  );
}

const rotate = (a: number, bits: number): number => (a << bits) | (a >>> (32 - bits));

function finish(mixed: number): number {
  const h = Math.imul(mixed ^ (mixed >>> 16), 0x45d9f3b);
  return h ^ (h >>> 15);
}
