/** Access to all flows of a shard at any time, for verdicts on what has not ended. */

import { orderedPorts, tupleHash } from '../wire/fingerprint.ts';
import type { Ends } from './ends.ts';
import type { Flow } from './flow.ts';
import { layout } from './layout.ts';
import type { Tracker } from './tracker.ts';

const { L, FlowBit } = layout;
const LIVE = FlowBit.INDEXED | FlowBit.KEPT;

/** The newest incarnation of a tuple, or undefined. Not to be called within an event: it uses the tracker's cursor. */
export function newestFlow({ table, closed, leaving }: Tracker, ends: Ends): Flow | undefined {
  const { client, server, clientPort, serverPort, clientIsB, scope } = ends;
  const [hostA, hostB] = clientIsB ? [server, client] : [client, server];
  const ports = orderedPorts((clientPort << 16) | serverPort, clientIsB);
  const hash = tupleHash(hostA, hostB, ports, scope);
  const base = table.find(hash, hostA, hostB, ports, scope);
  if (base >= 0) return leaving.at(base);
  const row = closed.find(hash, hostA, hostB, ports, scope);
  return row < 0 ? undefined : leaving.at(closed.show(row));
}

/**
 * Calls back with every flow, including older incarnations; the flow is valid during the call. Not to be called within
 * an event: it uses the tracker's cursor.
 */
export function forEachFlow(tracker: Tracker, visit: (flow: Flow) => void): void {
  forEachRecord(tracker, visit);
  tracker.pending.forEachLone(base => visit(tracker.leaving.at(base)));
}

/** The same without lone SYNs, which cannot hold a TIME_WAIT. */
export function forEachRecord({ table, closed, leaving }: Tracker, visit: (flow: Flow) => void): void {
  const { words } = table;
  for (let slot = 0; slot < table.slots; slot++) {
    const base = slot * L.FLOW_WORDS;
    if ((words[base + L.STATE] & LIVE) !== 0) visit(leaving.at(base));
  }
  for (let row = 0; row < closed.used; row++) if (closed.isLive(row)) visit(leaving.at(closed.show(row)));
}
