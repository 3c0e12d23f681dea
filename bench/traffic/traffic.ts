/** The traffic of a bench capture, and the captures that have a name. */

export interface Traffic {
  /**
   * `flood`: SYNs from random sources to one server, nothing else; only packets, rate, snapLength and seed count.
   * `concurrent`: all connections are opened one after the other, then carry data in turn, and none is closed.
   */
  mode: (typeof MODES)[number];
  packets: number;
  /** At least 8 packets each: a handshake, a request, its response, a close. */
  connections: number;
  clients: number;
  servers: number;
  /** Mean packets per second of capture time. */
  rate: number;
  /** `web`: requests and responses of all sizes; `small`: interactive; `bulk`: full segments from the server. */
  payload: PayloadMix;
  snapLength: number;
  /** Share (0 to 1) of connections closed by an RST, from either side. */
  resets: number;
  /** Share of connections that reuse the tuple of one closed between `reuseFrom` and `reuseTo` seconds ago. */
  reuses: number;
  reuseFrom: number;
  reuseTo: number;
  /** Addresses shared by `natClocks` hosts, each with its own clock; they open `natShare` of the connections. */
  natAddresses: number;
  natClocks: number;
  natShare: number;
  /** Share of clients that use IPv6, and share on a VLAN. */
  ipv6: number;
  vlan: number;
  seed: number;
}

export const MODES = ['connections', 'flood', 'concurrent'] as const;
export const PAYLOAD_MIXES = ['web', 'small', 'bulk'] as const;
export type PayloadMix = (typeof PAYLOAD_MIXES)[number];

/** Healthy: one clock per address, no tuple reused, every connection opened and closed properly. */
const HEADERS: Traffic = {
  mode: 'connections',
  packets: 10_000_000,
  connections: 1_000_000,
  clients: 5_000,
  servers: 40,
  rate: 50_000,
  payload: 'web',
  snapLength: 96,
  resets: 0,
  reuses: 0,
  reuseFrom: 0,
  reuseTo: 60,
  natAddresses: 0,
  natClocks: 1,
  natShare: 0,
  ipv6: 0,
  vlan: 0,
  seed: 1,
};

export const PROFILES = {
  headers: HEADERS,
  /** Some 200,000 findings. */
  troubled: { ...HEADERS, resets: 0.09, reuses: 0.02, natAddresses: 64, natClocks: 40, natShare: 0.1 },
  full: { ...HEADERS, packets: 2_000_000, connections: 20_000, payload: 'bulk', snapLength: 65_535 },
  flood: { ...HEADERS, mode: 'flood', packets: 5_000_000, rate: 200_000 },
  /** One NAT address and one server: with any number of shards, one does all the work. */
  'one-pair': { ...HEADERS, clients: 0, servers: 1, natAddresses: 1, natClocks: 40, natShare: 1 },
  concurrent: { ...HEADERS, mode: 'concurrent', packets: 4_000_000, clients: 50_000, rate: 200_000, payload: 'small' },
  mixed: { ...HEADERS, resets: 0.02, ipv6: 0.3, vlan: 0.2 },
} as const satisfies Record<string, Traffic>;
export type Profile = keyof typeof PROFILES;

/** Packets of the shortest connection: handshake, request, response, FIN, FIN, ACK. */
export const SHORTEST_CONNECTION = 8;
/** Packets of a handshake: SYN, SYN-ACK, ACK. */
export const HANDSHAKE = 3;
/** Most packets per second: the pcap has microseconds, and no two packets have the same time. */
export const MAX_RATE = 900_000;

/** One sentence that says why the traffic cannot be generated, or undefined. */
export function problemWith(traffic: Traffic): string | undefined {
  const { mode, packets, connections, clients, servers, natAddresses, natShare, rate, snapLength } = traffic;
  const { reuseFrom, reuseTo } = traffic;
  if (packets < 1) return 'there must be at least one packet';
  if (!(rate > 0 && rate <= MAX_RATE)) return `the rate must lie between 1 and ${MAX_RATE} packets per second`;
  if (snapLength < 96) return 'the snap length must be at least 96, so that every header is whole';
  if (mode === 'flood') return undefined;
  const fewest = connections * (mode === 'concurrent' ? HANDSHAKE : SHORTEST_CONNECTION);
  if (packets < fewest) return `${connections} connections need at least ${fewest} packets`;
  if (!(reuseFrom >= 0 && reuseTo > reuseFrom)) return 'a tuple comes back between reuse-from and a later reuse-to';
  if (connections < 1 || servers < 1) return 'there must be at least one connection and one server';
  if (clients < 1 && natShare < 1) return 'there must be at least one client';
  if (natAddresses < 1 && natShare > 0) return 'a share of connections from NAT addresses needs such addresses';
  const shares = ['resets', 'reuses', 'natShare', 'ipv6', 'vlan'] as const;
  const wrong = shares.find(name => !(traffic[name] >= 0 && traffic[name] <= 1));
  return wrong === undefined ? undefined : `${wrong} must lie between 0 and 1`;
}
