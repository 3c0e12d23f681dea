/** The current TIME_WAITs by client, server and port, the largest numbers first. */
import { compareText } from '../base/order.ts';
import type { Nanos } from '../base/time.ts';
import { forEachRecord } from '../flow/each-flow.ts';
import { layout } from '../flow/layout.ts';
import { inTimeWait } from '../flow/time-wait.ts';
import type { Tracker } from '../flow/tracker.ts';
import type { Hosts } from '../wire/hosts.ts';

const { FlowBit } = layout;

export interface HeldTimeWaits {
  client: string;
  server: string;
  serverPort: number;
  /** Which of the two holds them. */
  owner: 'client' | 'server';
  count: number;
}

export interface Occupancy {
  /** Number of all TIME_WAITs, also of those not in `top`. */
  total: number;
  top: HeldTimeWaits[];
}

interface Held {
  client: number;
  server: number;
  scope: number;
  serverPort: number;
  ownerIsClient: boolean;
  count: number;
}

export function occupancyOf(tracker: Tracker, hosts: Hosts, at: Nanos, most: number): Occupancy {
  const held = new Map<number, Held>();
  let total = 0;
  forEachRecord(tracker, flow => {
    if (flow.epoch !== tracker.epoch) return;
    for (const ownerIsB of [false, true]) {
      if (!inTimeWait(flow.side(ownerIsB), at, tracker.timeWait)) continue;
      total++;
      const clientIsB = flow.has(FlowBit.CLIENT_IS_B);
      const serverPort = flow.port(!clientIsB);
      const key = (flow.pair * 4 + (ownerIsB ? 2 : 0) + (clientIsB ? 1 : 0)) * 65_536 + serverPort;
      const known = held.get(key);
      if (known !== undefined) known.count++;
      else {
        const [client, server] = [flow.host(clientIsB), flow.host(!clientIsB)];
        held.set(key, {
          client,
          server,
          scope: flow.scope,
          serverPort,
          ownerIsClient: ownerIsB === clientIsB,
          count: 1,
        });
      }
    }
  });
  const top = [...held.values()].sort((a, b) => b.count - a.count).slice(0, most);
  return {
    total,
    top: top.map(({ client, server, scope, serverPort, ownerIsClient, count }) => ({
      client: hosts.text(client, scope),
      server: hosts.text(server, scope),
      serverPort,
      owner: ownerIsClient ? 'client' : 'server',
      count,
    })),
  };
}

/** Merges those of several shards. A client and a server are in one shard only, unless they are on several VLANs. */
export function mergeOccupancies(all: readonly Occupancy[], most: number): Occupancy {
  const byName = new Map<string, HeldTimeWaits>();
  for (const held of all.flatMap(({ top }) => top)) {
    const known = byName.get(nameOf(held));
    byName.set(nameOf(held), known === undefined ? held : { ...held, count: known.count + held.count });
  }
  const top = [...byName.values()].sort((a, b) => b.count - a.count || compareText(nameOf(a), nameOf(b)));
  return { total: all.reduce((sum, { total }) => sum + total, 0), top: top.slice(0, most) };
}

const nameOf = ({ client, server, serverPort, owner }: HeldTimeWaits): string =>
  `${client} ${server} ${serverPort} ${owner}`;
