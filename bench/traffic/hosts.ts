/**
 * The hosts of a bench capture. Clients come first, then NAT addresses. Each client has one 1 kHz timestamp clock, a
 * NAT address one for every host behind it. Ports walk through the ephemeral range, so a tuple is reused only after the
 * whole range and all server ports: never within 2 MSL.
 */
import { Kind } from './frames.ts';
import { type Random, scatter } from './random.ts';
import type { Traffic } from './traffic.ts';

const CLIENTS = 0x0a00_0001; // 10.0.0.1
const NAT_ADDRESSES = 0xc612_0001 | 0; // 198.18.0.1
const SERVERS = 0xac10_0001 | 0; // 172.16.0.1

const FIRST_PORT = 32_768;
const PORTS = 60_999 - FIRST_PORT + 1;
const SERVER_PORT = 443;
/** Server ports that a client uses in turn, one for each walk through its own ports. */
const SERVER_PORTS = 64;

const Salt = { FAMILY: 1, VLAN: 2, CLOCK: 3, RTT: 4, SERVER_CLOCK: 5, FIRST_PORT: 6 } as const;
const isIn = (share: number, i: number, salt: number): boolean => scatter(i, salt) >>> 0 < share * 2 ** 32;

export class Hosts {
  private readonly traffic: Traffic;
  private readonly walked: Int32Array;

  constructor(traffic: Traffic) {
    this.traffic = traffic;
    this.walked = new Int32Array(traffic.clients + traffic.natAddresses);
  }

  /** Index of a random client or NAT address. */
  pickClient(random: Random): number {
    const { clients, natAddresses, natShare } = this.traffic;
    return random.chance(natShare) ? clients + random.below(natAddresses) : random.below(clients);
  }

  /** The client's next ports: client port << 16 | server port. */
  nextPorts(client: number): number {
    const step = this.walked[client]++ + ((scatter(client, Salt.FIRST_PORT) >>> 0) % PORTS);
    const serverPort = SERVER_PORT + (Math.floor(step / PORTS) % SERVER_PORTS);
    return ((FIRST_PORT + (step % PORTS)) << 16) | serverPort;
  }

  clientAddress(client: number): number {
    const { clients } = this.traffic;
    return client < clients ? CLIENTS + client : NAT_ADDRESSES + client - clients;
  }

  serverAddress(server: number): number {
    return SERVERS + server;
  }

  /** Kind.IPV6 and Kind.VLAN of all packets of the client. */
  kind(client: number): number {
    const { clients, ipv6, vlan } = this.traffic;
    if (client >= clients) return 0;
    return (isIn(ipv6, client, Salt.FAMILY) ? Kind.IPV6 : 0) + (isIn(vlan, client, Salt.VLAN) ? Kind.VLAN : 0);
  }

  vlan(client: number): number {
    return 100 + (client & 15);
  }

  /** TSval at capture time 0 of a random one of the clocks behind the address. */
  clock(client: number, random: Random): number {
    const { clients, natClocks } = this.traffic;
    return scatter(client, Salt.CLOCK + (client < clients ? 0 : random.below(natClocks) << 8));
  }

  serverClock(server: number): number {
    return scatter(server, Salt.SERVER_CLOCK);
  }

  /** Round trip between capture point and client in µs: 1 … 65 ms. */
  roundTrip(client: number): number {
    return 1_000 + (scatter(client, Salt.RTT) & 0xffff);
  }
}
