/** Many simultaneous connections: all are opened one after the other, then send data in random order; none closes. */
import { Flag, type FrameWriter, Kind, Packet } from './frames.ts';
import { Hosts } from './hosts.ts';
import { Random } from './random.ts';
import { HANDSHAKE, type Traffic } from './traffic.ts';

/** Offsets in words of a connection: the client, the ports, and the next sequence number of each end. */
const CLIENT = 0;
const PORTS = 1;
const SEQ = 2;
const WORDS = 4;
const SERVER_TURN = 0x8000_0000;

export function concurrent(traffic: Traffic, out: FrameWriter): void {
  const { connections, packets, rate, servers, seed } = traffic;
  const random = new Random(seed);
  const hosts = new Hosts(traffic);
  const words = new Int32Array(connections * WORDS);
  const packet = new Packet();
  const interval = 1e6 / rate;

  const send = (connection: number, own: 0 | 1, flags: number, payload: number): void => {
    const at = connection * WORDS;
    const client = words[at + CLIENT];
    const server = connection % servers;
    const ports = words[at + PORTS];
    const ends = [hosts.clientAddress(client), hosts.serverAddress(server)] as const;
    const clocks = [hosts.clock(client, random), hosts.serverClock(server)] as const;
    packet.kind = hosts.kind(client) | (own === 1 ? Kind.FROM_SERVER : 0) | ((flags & Flag.SYN) !== 0 ? Kind.SYN : 0);
    packet.at = Math.floor(out.packets * interval);
    const ticks = Math.floor(packet.at / 1000);
    packet.src = ends[own];
    packet.dst = ends[own === 1 ? 0 : 1];
    packet.srcPort = own === 1 ? ports & 0xffff : ports >>> 16;
    packet.dstPort = own === 1 ? ports >>> 16 : ports & 0xffff;
    packet.flags = flags;
    packet.payload = payload;
    packet.seq = words[at + SEQ + own];
    packet.ack = flags === Flag.SYN ? 0 : words[at + SEQ + 1 - own];
    packet.tsval = (clocks[own] + ticks) | 0;
    packet.tsecr = flags === Flag.SYN ? 0 : (clocks[own === 1 ? 0 : 1] + ticks) | 0;
    packet.ipId = random.bits() & 0xffff;
    packet.vlan = hosts.vlan(client);
    out.write(packet);
    words[at + SEQ + own] += payload + ((flags & Flag.SYN) !== 0 ? 1 : 0);
  };

  for (let i = 0; i < connections; i++) {
    const client = hosts.pickClient(random);
    words.set([client, hosts.nextPorts(client), random.bits(), random.bits()], i * WORDS);
    send(i, 0, Flag.SYN, 0);
    send(i, 1, Flag.SYN | Flag.ACK, 0);
    send(i, 0, Flag.ACK, 0);
  }
  for (let sent = connections * HANDSHAKE; sent < packets; sent++) {
    const own = random.bits() >>> 0 < SERVER_TURN ? 1 : 0;
    send(random.below(connections), own, Flag.PSH | Flag.ACK, 1 + random.below(200));
  }
}
