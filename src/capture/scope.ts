/**
 * Numbers for stacks of VLAN ids and tunnel ids, so that equal addresses in different VLANs or overlay networks are
 * different tuples. 0 is the empty stack. A number is a hash of its stack, or the next free number if that is taken:
 * unless two of a run's few stacks share 31 bits, it is the same in every run, however a capture is cut into files.
 * Only ids that are equal in both directions belong here: MPLS labels, GTP TEIDs and L2TP session ids are not.
 */
export const ScopeKind = { VLAN: 1, VXLAN: 2, GENEVE: 3, GRE: 4, ERSPAN: 5 } as const;

/** Most stacks distinguished in one run: random ids in a damaged or hostile capture must not exhaust memory. */
const MAX_SCOPES = 65_536;
/** The number of every stack beyond MAX_SCOPES. */
const OVERFLOW = 0x7fff_ffff;

export class Scopes {
  /** Numbers of stacks by their parent's number, then by the kind and id on top. */
  private readonly children = new Map<number, Map<number, number>>();
  private readonly taken = new Set<number>([0, OVERFLOW]);
  private lastParent = -1;
  private lastKey = -1;
  private lastChild = 0;

  /** Number of the stack that is `parent` with one more id on top. */
  enter(parent: number, kind: number, id: number): number {
    const key = kind * 0x1_0000_0000 + id;
    if (parent !== this.lastParent || key !== this.lastKey) {
      this.lastChild = this.lookUp(parent, kind, id, key);
      this.lastParent = parent;
      this.lastKey = key;
    }
    return this.lastChild;
  }

  private lookUp(parent: number, kind: number, id: number, key: number): number {
    let children = this.children.get(parent);
    const known = children?.get(key);
    if (known !== undefined) return known;
    if (this.taken.size >= MAX_SCOPES) return OVERFLOW;
    if (children === undefined) this.children.set(parent, (children = new Map()));
    let child = mix(parent, kind, id);
    while (this.taken.has(child)) child = (child + 1) & 0x7fff_ffff;
    this.taken.add(child);
    children.set(key, child);
    return child;
  }
}

/** Hash of the three, by MurmurHash3's finalizer; the top bit stays clear for SCOPE_IPV6. */
function mix(parent: number, kind: number, id: number): number {
  let h = Math.imul(parent ^ 0x9e37_79b1, 0x85eb_ca6b) ^ Math.imul(kind, 0x27d4_eb2f) ^ id;
  h = Math.imul(h ^ (h >>> 16), 0x85eb_ca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2_ae35);
  return (h ^ (h >>> 16)) & 0x7fff_ffff;
}
