/** Flows whose beginning was not captured. */
import { USUAL_WINDOW_SCALE } from '../wire/tcp-options.ts';
import { layout } from './layout.ts';
import type { Tracker } from './tracker.ts';

const { Phase, FlowBit } = layout;

/**
 * Makes a record for such a flow. The lower port is taken for the server's, unless the capture shows that exactly one of
 * the two hosts has accepted a connection of the other on its port: then that one is the server.
 */
export function openMidway(t: Tracker, fromB: boolean): number {
  const ports = t.segment.ports;
  const base = t.open(fromB, ports >>> 16 >= (ports & 0xffff));
  const flow = t.newFlow.at(base);
  const isServer = (isB: boolean): boolean => !Number.isNaN(t.pairs.answeredAt(flow.pair, !isB, flow.port(isB)));
  if (isServer(true) !== isServer(false)) {
    if (isServer(false)) flow.set(FlowBit.CLIENT_IS_B);
    else flow.clear(FlowBit.CLIENT_IS_B);
  }
  return base;
}

export function joinMidway(t: Tracker, fromB: boolean): number {
  const base = openMidway(t, fromB);
  const flow = t.newFlow.at(base);
  flow.phase = Phase.OPEN;
  for (const side of [flow.a, flow.b]) side.windowScale = USUAL_WINDOW_SCALE;
  t.admit(base, -1);
  return base;
}
