/**
 * Connections whose two directions carry different VLAN ids or tunnel ids: a mirror of incoming traffic only, a router on
 * a stick, a gateway with a tunnel for each direction. By tuple and scope each direction is a flow of its own, and a
 * refusal looks like silence. The numbers of a segment tell which flow of another scope it belongs to (docs/rules.md D0.4).
 */
import { s32 } from '../base/serial.ts';
import { tupleHash } from '../wire/fingerprint.ts';
import { Flag } from '../wire/tcp.ts';
import type { Flow } from './flow.ts';
import { acknowledgesSyn } from './handshake.ts';
import { layout } from './layout.ts';
import type { Tracker } from './tracker.ts';
import { wakePair } from './waiting-syns.ts';

const { SideBit } = layout;
const { ACK, RST, SYN } = Flag;

/** Scopes that are tried. In captures with more, which ones these are may depend on the number of shards. */
const MAX_SCOPES = 64;
/** The numbers of one connection are this close to each other; two pairs of others are by chance, once in 250,000 times. */
const NEAR = 1 << 22;

export class SplitPaths {
  /** Scopes of flows, in the order in which they came. */
  private readonly scopes: number[] = [];

  /** A flow is opened in `scope`. */
  note(scope: number): void {
    const { scopes } = this;
    if (scopes.length < MAX_SCOPES && !scopes.includes(scope)) scopes.push(scope);
  }

  /**
   * Finds the flow of another scope that the segment at hand belongs to, and takes the segment there; later ones of its
   * host pair follow. Returns the base of the flow, or -1. To be asked when there is no flow in the segment's own scope,
   * and it is no SYN, which opens one.
   */
  join(t: Tracker, hostA: number, hostB: number, ports: number, fromB: boolean): number {
    const { segment } = t;
    for (const scope of this.scopes) {
      // The highest bit tells IPv4 from IPv6 (SCOPE_IPV6).
      if (scope === segment.scope || (scope ^ segment.scope) < 0) continue;
      const hash = tupleHash(hostA, hostB, ports, scope);
      let base = t.table.find(hash, hostA, hostB, ports, scope);
      if (base < 0 && t.table.lone > 0 && wakePair(t, hostA, hostB, scope)) {
        base = t.table.find(hash, hostA, hostB, ports, scope);
      }
      if (base < 0 || !isFirstAnswer(t, t.newFlow.at(base), fromB)) continue;
      t.aliases.learn(segment.src, segment.dst, segment.scope, scope);
      t.aliases.apply(segment);
      return base;
    }
    return -1;
  }
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
