/** With --flows: makes the row of table `flow` for a flow. */
import type { Nanos } from '../base/time.ts';
import { SCOPE_IPV6 } from '../capture/slab.ts';
import type { Hosts } from '../wire/hosts.ts';
import { communityId } from './community-id.ts';
import { connState } from './conn-state.ts';
import type { Flow } from './flow.ts';
import { layout } from './layout.ts';

const { Phase, FlowBit, SideBit } = layout;

/** One row of table `flow`, stored with --flows. */
export interface FlowRow {
  capture: number;
  client: string;
  clientPort: number;
  server: string;
  serverPort: number;
  /** VLAN and tunnel number as in the slab, without the IPv6 bit. */
  scope: number;
  firstAt: Nanos;
  lastAt: Nanos;
  clientPackets: number;
  serverPackets: number;
  clientBytes: number;
  serverBytes: number;
  /** Zeek's conn_state and history. */
  connState: string;
  history: string;
  /** How it ended: fin, rst, refused, unanswered, open, … */
  close: string;
  /** 1:… (Community ID v1, seed 0). */
  communityId: string;
}

export function flowRow(hosts: Hosts, flow: Flow, history: string): FlowRow {
  const clientIsB = flow.has(FlowBit.CLIENT_IS_B);
  const { client, server, scope } = flow;
  return {
    capture: flow.capture,
    client: hosts.text(flow.host(clientIsB), scope),
    clientPort: flow.port(clientIsB),
    server: hosts.text(flow.host(!clientIsB), scope),
    serverPort: flow.port(!clientIsB),
    scope: scope & ~SCOPE_IPV6,
    firstAt: flow.firstAt,
    lastAt: lastAt(flow),
    clientPackets: client.packets,
    serverPackets: server.packets,
    clientBytes: client.bytes,
    serverBytes: server.bytes,
    connState: connState(client, server, history),
    history,
    close: closeOf(flow),
    communityId: communityId(hosts, flow),
  };
}

/** If a flow has had no packet that counts since a clock step, this is the time of the step. */
function lastAt({ last, a, b }: Flow): Nanos {
  return Number.isNaN(last) ? Math.max(a.sentAt, b.sentAt) : last;
}

function closeOf(flow: Flow): string {
  switch (flow.phase) {
    case Phase.SYN_SENT:
      return 'unanswered';
    case Phase.SYN_RCVD:
      return 'half-open';
    case Phase.CLOSED:
      return 'fin';
    case Phase.RESET:
      return 'rst';
    case Phase.REFUSED:
      // A client that gives up its own SYN is not refused.
      return flow.client.has(SideBit.RST) && !flow.server.has(SideBit.RST) ? 'rst' : 'refused';
  }
  return flow.a.has(SideBit.FIN) || flow.b.has(SideBit.FIN) ? 'half-closed' : 'open';
}
