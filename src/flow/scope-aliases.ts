/**
 * VLANs and tunnels that are one: a packet recorded with a tag on one interface and without it on another (`-i any`
 * over a VLAN device, a mirror of two switch ports) makes the two names of one path for its host pair. Which copy comes
 * first may differ by direction, and the connection must not fall apart over it.
 */
/** Hosts remembered; a capture with more paths than this starts anew. */
const MAX_HOSTS = 1 << 16;

export class ScopeAliases {
  private readonly byHosts = new Map<number, Map<number, Map<number, number>>>();

  /** Nothing has been learned: the usual case, to be asked first. */
  get isEmpty(): boolean {
    return this.byHosts.size === 0;
  }

  /** A copy in `scope` was seen of a packet of this host pair whose first copy lay in `first`. */
  learn(src: number, dst: number, scope: number, first: number): void {
    const low = Math.min(src, dst);
    const high = Math.max(src, dst);
    if (this.byHosts.size >= MAX_HOSTS) this.byHosts.clear();
    let peers = this.byHosts.get(low);
    if (peers === undefined) this.byHosts.set(low, (peers = new Map()));
    let scopes = peers.get(high);
    if (scopes === undefined) peers.set(high, (scopes = new Map()));
    const name = scopes.get(first) ?? first;
    if (name !== scope) scopes.set(scope, name);
  }

  /** The scope under which connections of this host pair in `scope` are kept. */
  resolve(src: number, dst: number, scope: number): number {
    return this.byHosts.get(Math.min(src, dst))?.get(Math.max(src, dst))?.get(scope) ?? scope;
  }
}
