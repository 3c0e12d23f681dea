/**
 * With --flows: Zeek's history letters and conn_state for each flow, and its Community ID, so that a flow row can be
 * joined with Zeek's conn.log (detectors.md C2).
 */
import { createHash } from 'node:crypto';
import { SCOPE_IPV6 } from '../capture/slab.ts';
import type { Hosts } from '../wire/hosts.ts';
import type { Segment } from '../wire/segment.ts';
import { Flag } from '../wire/tcp.ts';
import type { Flow, Side } from './flow.ts';
import { layout } from './layout.ts';
import type { FlowRow } from './rows.ts';

const { Phase, FlowBit, SideBit } = layout;

/** Letters that Zeek writes once per side, whatever comes later. */
const MAX_LETTERS = 32;

export class Histories {
  private readonly letters = new Map<number, string>();

  segment(base: number, byClient: boolean, segment: Segment): void {
    const flags = segment.flags;
    if (flags & Flag.SYN) this.add(base, byClient, flags & Flag.ACK ? 'h' : 's');
    if (flags & Flag.RST) this.add(base, byClient, 'r');
    if (segment.length > 0) this.add(base, byClient, 'd');
    else if ((flags & (Flag.SYN | Flag.FIN | Flag.RST | Flag.ACK)) === Flag.ACK) this.add(base, byClient, 'a');
    if (flags & Flag.FIN) this.add(base, byClient, 'f');
  }

  retransmission(base: number, byClient: boolean): void {
    this.add(base, byClient, 't');
  }

  take(base: number): string {
    const letters = this.letters.get(base) ?? '';
    this.letters.delete(base);
    return letters;
  }

  private add(base: number, byClient: boolean, letter: string): void {
    const said = this.letters.get(base) ?? '';
    const cased = byClient ? letter.toUpperCase() : letter;
    if (!said.includes(cased) && said.length < MAX_LETTERS) this.letters.set(base, said + cased);
  }
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
    firstAt: flow.opened,
    lastAt: flow.last,
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

type Endpoint = 'inactive' | 'syn-sent' | 'syn-ack-sent' | 'partial' | 'established' | 'closed' | 'reset';

/** A side in the words of Zeek's TCP_Endpoint. */
function endpoint(side: Side, peer: Side): Endpoint {
  if (side.has(SideBit.RST)) return 'reset';
  if (side.has(SideBit.FIN)) return 'closed';
  if (!side.has(SideBit.SPOKE)) return 'inactive';
  if (!side.has(SideBit.SYN | SideBit.SYN_ACK)) return 'partial';
  if (peer.has(SideBit.SPOKE)) return 'established';
  return side.has(SideBit.SYN_ACK) ? 'syn-ack-sent' : 'syn-sent';
}

/** Zeek's conn_state, its conditions in its order. */
function connState(client: Side, server: Side, history: string): string {
  const os = endpoint(client, server);
  const rs = endpoint(server, client);
  const silent = (state: Endpoint): boolean => state === 'inactive' || state === 'partial';
  if (rs === 'reset') {
    const nothingSaid = os === 'reset' && client.bytes === 0 && server.bytes === 0;
    if (os === 'syn-sent' || os === 'syn-ack-sent' || nothingSaid) return 'REJ';
    return silent(os) ? 'RSTRH' : 'RSTR';
  }
  if (os === 'reset') {
    if (!silent(rs)) return 'RSTO';
    return /^\^?S[^HAFGIQ]*R/.test(history) ? 'RSTOS0' : 'OTH';
  }
  if (os === 'closed' && rs === 'closed') return 'SF';
  if (os === 'closed') return silent(rs) ? 'SH' : 'S2';
  if (rs === 'closed') return silent(os) ? 'SHR' : 'S3';
  if (os === 'syn-sent' && rs === 'inactive') return 'S0';
  if (os === 'established' && rs === 'established') return 'S1';
  return 'OTH';
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
      return 'refused';
  }
  return flow.a.has(SideBit.FIN) || flow.b.has(SideBit.FIN) ? 'half-closed' : 'open';
}

const PROTOCOL_TCP = 6;

/** Community ID v1 with seed 0: SHA-1 over seed, addresses, protocol and ports, the smaller endpoint first. */
function communityId(hosts: Hosts, flow: Flow): string {
  const size = (flow.scope & SCOPE_IPV6) === 0 ? 4 : 16;
  const ends = [false, true].map(isB => {
    const words = new Int32Array(4);
    hosts.copyWords(flow.host(isB), flow.scope, words, 0);
    const bytes = Buffer.alloc(size + 2);
    for (let i = 0; i < size / 4; i++) bytes.writeInt32BE(words[i]!, i * 4);
    bytes.writeUInt16BE(flow.port(isB), size);
    return bytes;
  });
  ends.sort(Buffer.compare);
  const [low, high] = ends as [Buffer, Buffer];
  const sum = createHash('sha1')
    .update(Buffer.from([0, 0]))
    .update(low.subarray(0, size))
    .update(high.subarray(0, size))
    .update(Buffer.from([PROTOCOL_TCP, 0]))
    .update(low.subarray(size))
    .update(high.subarray(size))
    .digest('base64');
  return `1:${sum}`;
}
