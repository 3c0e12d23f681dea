/** Zeek's conn_state of a flow (scripts/base/protocols/conn/main.zeek), so that it can be joined with a conn.log. */
import type { Side } from './flow.ts';
import { layout } from './layout.ts';

const { SideBit } = layout;

type Endpoint = 'inactive' | 'syn-sent' | 'syn-ack-sent' | 'partial' | 'established' | 'closed' | 'reset';

/** The state of a side, as Zeek's TCP_Endpoint names it. */
function endpoint(side: Side, peer: Side): Endpoint {
  if (side.has(SideBit.RST)) return 'reset';
  if (side.has(SideBit.FIN)) return 'closed';
  if (!side.has(SideBit.SPOKE)) return 'inactive';
  if (!side.has(SideBit.SYN | SideBit.SYN_ACK)) return 'partial';
  if (peer.has(SideBit.SPOKE)) return 'established';
  return side.has(SideBit.SYN_ACK) ? 'syn-ack-sent' : 'syn-sent';
}

/** The conditions of Zeek, in Zeek's order. */
export function connState(client: Side, server: Side, history: string): string {
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
