/**
 * Where the walk through a frame's headers stands. One cursor serves every frame, so no header costs an object. A
 * step (`ethernet(cursor)`, `enterIPv4(cursor)`, …) checks once that its header was captured, moves `at` behind it,
 * and answers with what comes next, or with a Skip code as a negative number.
 */
import { Scopes } from './scope.ts';
import { Skip } from './slab.ts';

/** What a link layer or tunnel holds; any other answer is a negative Skip code. */
export const Network = { IPV4: 4, IPV6: 6 } as const;

/** Ethernet, LLC and IP headers inside one another. Real overlays use four; a loop of tunnels in a hostile frame ends here. */
const MAX_NESTING = 8;
const UNBOUNDED = 0x3fff_ffff;

export class Cursor {
  bytes: Uint8Array = new Uint8Array(0);
  view: DataView = new DataView(new ArrayBuffer(0));
  /** The next header. */
  at = 0;
  /** End of the captured bytes that belong to the innermost datagram so far (exclusive). */
  end = 0;
  /** Where that datagram ends on the wire: beyond `end` when the frame was cut by the snap length. */
  wireEnd = 0;
  /** End of the innermost link layer that says its own length: no datagram goes beyond. */
  containerEnd = 0;
  /** The innermost IP header so far. */
  ipAt = 0;
  /** Of an ICMP error that quotes another datagram: its own IP header and ICMP header. */
  errorIp = 0;
  errorAt = 0;
  /** The innermost IP datagram is the first of several fragments. */
  moreFragments = false;
  scope = 0;
  readonly scopes = new Scopes();
  private nesting = 0;

  /** `length` is the frame's length on the wire; less than what was captured means as much as was captured. */
  begin(start: number, end: number, length: number): void {
    this.at = start;
    this.end = end;
    this.wireEnd = Math.max(end, start + length);
    this.containerEnd = UNBOUNDED;
    this.moreFragments = false;
    this.scope = 0;
    this.nesting = 0;
  }

  /** Ends the innermost datagram at `end`, as its header or container says. */
  endAt(end: number): void {
    this.wireEnd = Math.min(end, this.containerEnd);
    this.end = Math.min(this.end, this.wireEnd);
  }

  has(size: number): boolean {
    return this.at + size <= this.end;
  }

  /** Why a header of `size` bytes is not there: cut by the snap length, or never sent whole. */
  missing(size: number): number {
    return this.at + size <= this.wireEnd ? -Skip.CUT_SHORT : -Skip.BAD_HEADER;
  }

  /** Counts one more header that can hold another frame or datagram; false when there are too many. */
  nest(): boolean {
    return ++this.nesting <= MAX_NESTING;
  }

  enterScope(kind: number, id: number): void {
    this.scope = this.scopes.enter(this.scope, kind, id);
  }
}
