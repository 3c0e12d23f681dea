/**
 * The position of the walk through a frame's headers. One cursor serves every frame, so no header costs an object. A
 * step (`ethernet(cursor)`, `enterIPv4(cursor)`, …) checks once that its header was captured, moves `at` past it, and
 * returns what comes next, or a Skip code as a negative number.
 */
import { Scopes } from '../scope.ts';
import { Skip } from '../slab.ts';

/** What a link layer or tunnel carries, as returned by its step; any other result is a negative Skip code. */
export const Network = { IPV4: 4, IPV6: 6 } as const;

/** Most nested Ethernet, LLC and IP headers. Real overlays use four; the bound ends the nesting in hostile frames. */
const MAX_NESTING = 8;
const UNBOUNDED = 0x3fff_ffff;

export class Cursor {
  bytes: Uint8Array = new Uint8Array(0);
  view: DataView = new DataView(new ArrayBuffer(0));
  /** Offset of the next header. */
  at = 0;
  /** End of the captured bytes that belong to the innermost datagram so far (exclusive). */
  end = 0;
  /** End of that datagram on the wire: beyond `end` when the frame was cut by the snapshot length. */
  wireEnd = 0;
  /** End of the innermost link layer whose header has a length: no datagram extends beyond it. */
  containerEnd = 0;
  /** Offset of the innermost IP header so far. */
  ipAt = 0;
  /** In an ICMP error, which quotes another datagram: offsets of the error's own IP header and ICMP header. */
  errorIp = 0;
  errorAt = 0;
  /** The innermost IP datagram is the first of several fragments. */
  moreFragments = false;
  scope = 0;
  readonly scopes = new Scopes();
  private nesting = 0;

  /** `length` is the frame's length on the wire; if it is less than what was captured, the captured length is used. */
  begin(start: number, end: number, length: number): void {
    this.at = start;
    this.end = end;
    this.wireEnd = Math.max(end, start + length);
    this.containerEnd = UNBOUNDED;
    this.moreFragments = false;
    this.scope = 0;
    this.nesting = 0;
  }

  /** Limits the innermost datagram to `end`, as its header says, and to its container. */
  endAt(end: number): void {
    this.wireEnd = Math.min(end, this.containerEnd);
    this.end = Math.min(this.end, this.wireEnd);
  }

  has(size: number): boolean {
    return this.at + size <= this.end;
  }

  /** Negative Skip code for a header of `size` bytes that is not whole: cut by the snapshot length, or malformed. */
  missing(size: number): number {
    return this.at + size <= this.wireEnd ? -Skip.CUT_SHORT : -Skip.BAD_HEADER;
  }

  /** Counts one more header that can contain another frame or datagram; false when there are too many. */
  nest(): boolean {
    return ++this.nesting <= MAX_NESTING;
  }

  enterScope(kind: number, id: number): void {
    this.scope = this.scopes.enter(this.scope, kind, id);
  }
}
