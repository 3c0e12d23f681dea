/**
 * Scopes (VLANs and tunnels) that are one path. If a packet is recorded with a tag on one interface and without it on
 * another (`-i any` over a VLAN device, a mirror of two switch ports), both scopes name the same path of its host pair.
 * The first copy may be in one scope for one direction and in the other for the opposite one. Without this the
 * connection would become two flows.
 */
import { hashTuple } from '../wire/fingerprint.ts';
import type { Segment } from '../wire/segment.ts';

/** Number of aliases that are remembered: the ones learned last. */
const MAX_NAMES = 1 << 16;

export class ScopeAliases {
  private readonly names = new Map<string, number>();

  /** No alias is known: the usual case, which callers check first. */
  get isEmpty(): boolean {
    return this.names.size === 0;
  }

  /** A packet of this host pair was captured in the scope `first`, and a copy of it in `scope`. */
  learn(src: number, dst: number, scope: number, first: number): void {
    const name = this.resolve(src, dst, first);
    if (name === scope) return;
    if (this.names.size >= MAX_NAMES) this.names.delete(this.names.keys().next().value!);
    this.names.set(keyOf(src, dst, scope), name);
  }

  /** The scope to which flows of this host pair belong that are captured in `scope`. */
  resolve(src: number, dst: number, scope: number): number {
    return this.names.get(keyOf(src, dst, scope)) ?? scope;
  }

  /** Moves the segment to that scope; false if it is there already. */
  apply(segment: Segment): boolean {
    const scope = this.resolve(segment.src, segment.dst, segment.scope);
    if (scope === segment.scope) return false;
    segment.scope = scope;
    hashTuple(segment);
    segment.found = 0; // that look-up was in the other scope
    return true;
  }

  clear(): void {
    this.names.clear();
  }
}

const keyOf = (src: number, dst: number, scope: number): string =>
  src < dst ? `${src} ${dst} ${scope}` : `${dst} ${src} ${scope}`;
