/**
 * Connections whose two directions carry different VLAN ids or tunnel ids: a mirror of incoming traffic only, a router on
 * a stick, a gateway with a tunnel for each direction. By tuple and scope each direction is a flow of its own, and a
 * refusal looks like silence. The numbers of a segment tell which flow of another scope it belongs to (docs/rules.md D0.4).
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

/** Scopes that are tried, the newest ones. In captures with more, which these are may depend on the number of shards. */
const MAX_SCOPES = 64;
/** The numbers of one connection are this close to each other; two pairs of others are by chance, once in 250,000 times. */
const NEAR = 1 << 22;

export class SplitPaths {
  private readonly scopes: number[] = [];

  /** A flow is opened in `scope`. */
  note(scope: number): void {
    const { scopes } = this;
    if (scopes.includes(scope)) return;
    if (scopes.length === MAX_SCOPES) scopes.shift();
    scopes.push(scope);
  }

  /**
   * Finds the flow of another scope that the segment at hand belongs to, and takes the segment there; later ones of its
   * host pair that have no flow in their own scope follow. Returns the base of the flow, or -1. To be asked when there is no
   * flow in the segment's own scope, and it is no SYN, which opens one.
   */
  join(t: Tracker, fromB: boolean): number {
    const { segment } = t;
    let best = -1;
    for (const scope of this.scopes) {
      // The highest bit tells IPv4 from IPv6 (SCOPE_IPV6).
      if (scope === segment.scope || (scope ^ segment.scope) < 0) continue;
      const base = findFlowIn(t, fromB, scope);
      if (base < 0 || !isFirstAnswer(t, t.newFlow.at(base), fromB)) continue;
      if (best < 0 || isNewer(t, base, best)) best = base;
    }
    if (best < 0) return -1;
    t.aliases.learn(segment.src, segment.dst, segment.scope, t.table.words[best + L.SCOPE]!);
    t.aliases.apply(segment);
    return best;
  }
}

/** Of two flows that fit, the one with the newest packet, whatever the order in which their scopes became known. */
function isNewer({ table: { words, doubles } }: Tracker, base: number, other: number): boolean {
  const later = doubles[(base + L.LAST) >> 1]! - doubles[(other + L.LAST) >> 1]!;
  return later > 0 || (later === 0 && words[base + L.SCOPE]! < words[other + L.SCOPE]!);
}

/** The segment at hand fits the flow, of whose two sides only the other one has been heard. */
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
