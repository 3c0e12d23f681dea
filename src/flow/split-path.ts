/**
 * Connections whose two directions have different VLAN or tunnel ids: a mirror of incoming traffic only, a router on a
 * stick, a gateway with one tunnel per direction. By tuple and scope each direction would be a flow of its own, and a
 * refusal would look like silence. The numbers of a segment show to which flow of another scope it belongs (docs/rules.md
 * D0.4).
 */
import { s32 } from '../base/serial.ts';
import { Flag } from '../wire/tcp.ts';
import { findFlowIn } from './find-flow.ts';
import type { Flow } from './flow.ts';
import { acknowledgesSyn } from './handshake.ts';
import { layout } from './layout.ts';
import type { Tracker } from './tracker.ts';

const { L, SideBit } = layout;
const { ACK, RST, SYN } = Flag;

/** Number of scopes that are tried, the newest ones. With more, results may depend on the number of shards. */
const MAX_SCOPES = 64;
/** Numbers of one connection are this close to each other. Those of two connections are so by chance once in 250,000. */
export const NEAR = 1 << 22;

export class SplitPaths {
  private readonly scopes: number[] = [];

  /** To be called when a flow is opened in `scope`. */
  note(scope: number): void {
    const { scopes } = this;
    if (scopes.includes(scope)) return;
    if (scopes.length === MAX_SCOPES) scopes.shift();
    scopes.push(scope);
  }

  /**
   * Finds the flow of another scope to which the segment at hand belongs, and moves the segment there. Later segments of
   * the host pair without a flow in their own scope follow it. Returns the base of the flow, or -1. To be called if there
   * is no flow in the segment's own scope, and the segment is not a SYN, which opens one.
   */
  join(t: Tracker, fromB: boolean): number {
    const { segment } = t;
    let best = -1;
    for (const scope of this.scopes) {
      // The highest bit distinguishes IPv6 from IPv4 (SCOPE_IPV6).
      if (scope === segment.scope || (scope ^ segment.scope) < 0) continue;
      const base = findFlowIn(t, fromB, scope);
      if (base < 0 || !isFirstAnswer(t, t.newFlow.at(base), fromB)) continue;
      if (best < 0 || isNewer(t, base, best)) best = base;
    }
    if (best < 0) return -1;
    t.aliases.learn(segment.src, segment.dst, segment.scope, t.table.words[best + L.SCOPE]);
    t.aliases.apply(segment);
    return best;
  }
}

/** Of two flows that fit, the one with the newer packet is chosen, whichever scope became known first. */
function isNewer({ table: { words, doubles } }: Tracker, base: number, other: number): boolean {
  const later = doubles[(base + L.LAST) >> 1] - doubles[(other + L.LAST) >> 1];
  return later > 0 || (later === 0 && words[base + L.SCOPE] < words[other + L.SCOPE]);
}

/** Whether the segment at hand fits the flow, and would be the first of its side. */
function isFirstAnswer({ segment, epoch }: Tracker, flow: Flow, fromB: boolean): boolean {
  const { flags, seq, ack } = segment;
  const own = flow.side(fromB);
  const peer = flow.side(!fromB);
  if (flow.epoch !== epoch || own.has(SideBit.SPOKE)) return false;
  const hasAnswered = (peer.sentFlags & ACK) !== 0;
  if ((flags & SYN) !== 0 || !hasAnswered)
    return (flags & ACK) !== 0 && peer.has(SideBit.SYN) && acknowledgesSyn(peer, ack);
  if ((flags & ACK) === 0) return (flags & RST) !== 0 && seq === peer.acked;
  return isNear(ack, peer.nxt) && isNear(seq, peer.acked);
}

const isNear = (a: number, b: number): boolean => Math.abs(s32(a, b)) < NEAR;
