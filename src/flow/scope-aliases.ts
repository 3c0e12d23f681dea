/**
 * VLANs and tunnels that are one: a packet recorded with a tag on one interface and without it on another (`-i any`
 * over a VLAN device, a mirror of two switch ports) makes the two names of one path for its host pair. Which copy comes
 * first may differ by direction, and the connection must not fall apart over it.
 */
import { hashTuple } from '../wire/fingerprint.ts';
import type { Segment } from '../wire/segment.ts';

/** Names remembered, of those learned last. */
const MAX_NAMES = 1 << 16;

export class ScopeAliases {
  private readonly names = new Map<string, number>();

  /** Nothing has been learned: the usual case, to be asked first. */
  get isEmpty(): boolean {
    return this.names.size === 0;
  }

  /** A copy in `scope` was seen of a packet of this host pair whose first copy lay in `first`. */
  learn(src: number, dst: number, scope: number, first: number): void {
    const name = this.resolve(src, dst, first);
    if (name === scope) return;
    if (this.names.size >= MAX_NAMES) this.names.delete(this.names.keys().next().value!);
    this.names.set(keyOf(src, dst, scope), name);
  }

  /** The scope under which connections of this host pair in `scope` are kept. */
  resolve(src: number, dst: number, scope: number): number {
    return this.names.get(keyOf(src, dst, scope)) ?? scope;
  }

  /** Takes the segment to that scope; false when it is there already. */
  apply(segment: Segment): boolean {
    const scope = this.resolve(segment.src, segment.dst, segment.scope);
    if (scope === segment.scope) return false;
    segment.scope = scope;
    hashTuple(segment);
    segment.found = 0; // was looked up in the other scope
    return true;
  }

  clear(): void {
    this.names.clear();
  }
}

const keyOf = (src: number, dst: number, scope: number): string =>
  src < dst ? `${src} ${dst} ${scope}` : `${dst} ${src} ${scope}`;
