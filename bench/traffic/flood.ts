/** A SYN flood: random sources and ports, one server, no answer. */
import { Flag, type FrameWriter, Kind, Packet } from './frames.ts';
import { Random } from './random.ts';
import type { Traffic } from './traffic.ts';

const SERVER = 0xac10_0001 | 0; // 172.16.0.1
const SERVER_PORT = 443;

export function flood({ packets, rate, seed }: Traffic, out: FrameWriter): void {
  const random = new Random(seed);
  const packet = new Packet();
  const interval = 1e6 / rate;
  packet.kind = Kind.SYN;
  packet.dst = SERVER;
  packet.dstPort = SERVER_PORT;
  packet.flags = Flag.SYN;
  for (let i = 0; i < packets; i++) {
    packet.at = Math.floor(i * interval);
    packet.src = source(random);
    packet.srcPort = 1024 + random.below(65_536 - 1024);
    packet.seq = random.bits();
    packet.tsval = random.bits();
    packet.ipId = random.bits() & 0xffff;
    out.write(packet);
  }
}

/** Any unicast address: 1.0.0.0 … 223.255.255.255. */
const source = (random: Random): number => 0x0100_0000 + random.below(0xdf00_0000);
