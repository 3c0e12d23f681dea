import assert from 'node:assert/strict';
import { test } from 'node:test';
import { concat, u16, u24, u32 } from '../build/bytes.ts';
import { ETHERNET, ethernetFrame, vlan, wifi } from '../build/links.ts';
import { datagram, type Frame, frame, frameOf, ip, PROTOCOL } from '../build/packet.ts';
import { erspan, geneve, gre, icmpUnreachable, ipip, type Tunnel, udp, vxlan } from '../build/tunnels.ts';
import { readFrames } from '../capture/read.ts';
import { SYN, SYN_TEXT, SYN6, SYN6_TEXT } from '../capture/sample.ts';

const OUTER = { src: '203.0.113.1', dst: '203.0.113.2' };
const inUdp =
  (port: number, header: readonly number[], source = 50_000): Tunnel =>
  inner =>
    udp({ ...OUTER, sport: source, dport: port }, concat(header, inner));
const inGre =
  (flags: number, protocol: number, rest: readonly number[]): Tunnel =>
  inner =>
    ip(OUTER, PROTOCOL.GRE, concat(u16(flags), u16(protocol), rest, inner));

const ethernet: Tunnel = inner => ETHERNET.wrap(inner);
const after =
  (outer: Tunnel, inner: Tunnel): Tunnel =>
  bytes =>
    outer(inner(bytes));
const IPV4 = 0x0800;

const TUNNELS: readonly (readonly [string, Tunnel])[] = [
  ['IP in IPv4', ipip()],
  ['IP in IPv6', ipip({ src: '2001:db8::1', dst: '2001:db8::2' })],
  ['GRE', gre()],
  ['GRE with checksum, key and sequence number', gre({ checksum: true, key: 7, sequence: 1 })],
  ['GRE with Ethernet', after(inGre(0, 0x6558, []), ethernet)],
  ['GRE with a VLAN in Ethernet', after(inGre(0, 0x6558, []), bytes => vlan(9).wrap(bytes))],
  ['ERSPAN I', after(inGre(0, 0x88be, []), ethernet)],
  ['ERSPAN II', erspan(5)],
  ['ERSPAN III', after(inGre(0x1000, 0x22eb, [...u32(1), ...u16(0x2000), ...u16(5), ...u32(0), ...u32(0)]), ethernet)],
  [
    'ERSPAN III with a platform header',
    after(
      inGre(0x1000, 0x22eb, [...u32(1), ...u16(0x2000), ...u16(5), ...u32(0), ...u32(1), ...u32(0), ...u32(0)]),
      ethernet,
    ),
  ],
  ['802.11 in GRE, as from an Aruba access point', after(inGre(0, 0x8200, []), bytes => wifi().wrap(bytes))],
  ['802.11 in GRE, its last protocol', after(inGre(0, 0x82f0, []), bytes => wifi({ qos: true }).wrap(bytes))],
  ['VXLAN', vxlan(42)],
  ["VXLAN on Linux's old port", after(inUdp(8472, [8, 0, 0, 0, ...u24(42), 0]), ethernet)],
  ['VXLAN over IPv6', vxlan(42, { src: '2001:db8::1', dst: '2001:db8::2' })],
  ['Geneve with Ethernet', geneve(42)],
  ['Geneve with options', geneve(42, { options: 12 })],
  ['VXLAN in VXLAN in GRE', after(gre(), after(vxlan(1), vxlan(2)))],
];

for (const [name, tunnel] of TUNNELS) {
  test(`${name}: the inner segment`, async () => {
    const { rows, skipped } = await readFrames([
      frame(SYN, ETHERNET, tunnel),
      frame({ ...SYN6, t: 1 }, ETHERNET, tunnel),
    ]);
    assert.deepEqual(skipped, {});
    assert.deepEqual(
      rows.map(r => [r.text, r.length, r.captured]),
      [
        [SYN_TEXT, 20, 20],
        [SYN6_TEXT, 20, 20],
      ],
    );
  });

  test(`${name}: cut by the snap length before the inner TCP header ends`, async () => {
    const whole = frame(SYN, ETHERNET, tunnel);
    for (let snap = 0; snap < whole.bytes.length; snap++) {
      assert.deepEqual((await readFrames([{ ...whole, snap }])).skipped, { 'cut-short': 1 }, `${snap}`);
    }
  });
}

const G_PDU = (flags: number, ...rest: number[]): number[] => [0x30 | flags, 255, 0, 0, ...u32(0xabcd), ...rest];
const PPP_IPV4 = [0xff, 0x03, 0x00, 0x21];

const OF_IPV4: readonly (readonly [string, Tunnel])[] = [
  ['Geneve with IP', inUdp(6081, [0, 0, ...u16(IPV4), ...u24(7), 0])],
  ['GTP-U', inUdp(2152, G_PDU(0))],
  ['GTP-U with a sequence number', inUdp(2152, G_PDU(2, 0, 1, 0, 0))],
  ['GTP-U with extension headers', inUdp(2152, G_PDU(4, 0, 0, 0, 0x85, 1, 0, 0, 0xc0, 2, 0, 0, 0, 0, 0, 0, 0))],
  ['L2TP', inUdp(1701, [0, 2, ...u16(1), ...u16(2), ...PPP_IPV4])],
  [
    'L2TP with every field',
    inUdp(1701, [0x4a, 2, ...u16(0), ...u16(1), ...u16(2), ...u32(0), ...u16(2), 9, 9, ...PPP_IPV4]),
  ],
  ['L2TP from its port', inUdp(40000, [0, 2, ...u16(1), ...u16(2), 0x21], 1701)],
  ['GRE of PPTP', inGre(0x3081, 0x880b, [...u32(1), ...u32(2), ...u32(3), ...PPP_IPV4])],
  ['GRE with MPLS', inGre(0, 0x8847, [...u32((16 << 12) | 64), ...u32((17 << 12) | 0x100 | 64)])],
  ['WCCP 1', inGre(0, 0x883e, [])],
  ['WCCP 2', inGre(0, 0x883e, [0, 0, 0, 0])],
];

for (const [name, tunnel] of OF_IPV4) {
  test(`${name}: the inner segment`, async () => {
    const { rows, skipped } = await readFrames([frame(SYN, ETHERNET, tunnel)]);
    assert.deepEqual(skipped, {});
    assert.equal(rows[0].text, SYN_TEXT);
  });
}

const NO_TUNNELS: readonly (readonly [string, Tunnel])[] = [
  ['VXLAN without a valid VNI', after(inUdp(4789, [0, 0, 0, 0, 0, 0, 0, 0]), ethernet)],
  ['Geneve of another version', after(inUdp(6081, [0x40, 0, 0x65, 0x58, 0, 0, 0, 0]), ethernet)],
  ['GTP-U that is no packet', inUdp(2152, [0x30, 1, 0, 0, 0, 0, 0, 0])],
  ['an L2TP control message', inUdp(1701, [0xc8, 2, 0, 20, 0, 0, 0, 0])],
  ['sFlow', inUdp(6343, [])],
  ['source-routed GRE', inGre(0x4000, IPV4, [0, 0, 0, 0])],
  ['GRE with ARP', inGre(0, 0x0806, [])],
  ['802.11 in GRE of a protocol below those of Aruba', after(inGre(0, 0x81ff, []), bytes => wifi().wrap(bytes))],
  ['802.11 in GRE of a protocol above those of Aruba', after(inGre(0, 0x82f1, []), bytes => wifi().wrap(bytes))],
  ['VXLAN with ARP', () => vxlan(5)(new Uint8Array(0)).fill(8, 42)],
];

for (const [name, tunnel] of NO_TUNNELS) {
  test(`${name} is not TCP`, async () => {
    assert.deepEqual((await readFrames([frame(SYN, ETHERNET, tunnel)])).skipped, { 'not-tcp': 1 });
  });
}

test('a tower of tunnels ends after eight', async () => {
  const tower = (floors: number): Frame => {
    let bytes = datagram(SYN);
    for (let i = 0; i < floors; i++) bytes = ipip()(bytes);
    return frameOf(0, bytes);
  };
  assert.equal((await readFrames([tower(6)])).rows.length, 1);
  assert.deepEqual((await readFrames([tower(30)])).skipped, { 'not-tcp': 1 });
});

test('tunnel ids tell equal addresses apart, and both directions agree', async () => {
  const answer = { ...SYN, src: SYN.dst, dst: SYN.src, sport: SYN.dport, dport: SYN.sport, flags: 'SA' };
  const kinds: readonly (readonly [string, (id: number, back: boolean) => Tunnel])[] = [
    ['VXLAN', (id, back) => vxlan(id, back ? { src: OUTER.dst, dst: OUTER.src } : {})],
    ['Geneve', (id, back) => geneve(id, back ? { src: OUTER.dst, dst: OUTER.src } : {})],
    ['GRE', (id, back) => gre({ key: id, ...(back ? { src: OUTER.dst, dst: OUTER.src } : {}) })],
    ['ERSPAN', id => erspan(id)],
  ];
  const scopes = new Set<number>([0]);
  for (const [name, tunnel] of kinds) {
    const { rows } = await readFrames([
      frame(SYN, ETHERNET, tunnel(1, false)),
      frame({ ...answer, t: 1 }, ETHERNET, tunnel(1, true)),
      frame({ ...SYN, t: 2 }, ETHERNET, tunnel(2, false)),
    ]);
    assert.equal(rows[0].scope, rows[1].scope, name);
    assert.notEqual(rows[0].scope, rows[2].scope, name);
    for (const row of rows) scopes.add(row.scope);
  }
  assert.equal(scopes.size, 1 + 2 * kinds.length, 'ids of one kind are none of another');
});

test('ids that differ per direction are no part of the scope: IPIP, GTP-U', async () => {
  const made = [ipip(), inUdp(2152, G_PDU(0))].map((tunnel, t) => frame({ ...SYN, t }, ETHERNET, tunnel));
  assert.deepEqual(
    (await readFrames(made)).rows.map(r => r.scope),
    [0, 0],
  );
});

test('ICMP and ICMPv6 errors that quote TCP are counted, never read as a segment', async () => {
  const made = [
    icmpUnreachable('192.0.2.1', SYN.src, datagram(SYN)),
    icmpUnreachable('2001:db8::1', SYN6.src, datagram(SYN6)),
    ipip()(icmpUnreachable('192.0.2.1', SYN.src, datagram(SYN))),
  ];
  assert.deepEqual((await readFrames(made.map((d, t) => frameOf(t, d)))).skipped, { 'icmp-quoted': 3 });
});

test('ICMP errors about other protocols are not TCP', async () => {
  const query = udp({ ...OUTER, sport: 40_000, dport: 53 }, new Uint8Array(20));
  const made = [
    icmpUnreachable('192.0.2.1', OUTER.src, query),
    icmpUnreachable('192.0.2.1', OUTER.src, new Uint8Array(3)),
  ];
  assert.deepEqual((await readFrames(made.map((d, t) => frameOf(t, d)))).skipped, { 'not-tcp': 2 });
});

test('ARP inside Ethernet inside a tunnel is IP without TCP', async () => {
  const arp = after(inGre(0, 0x6558, []), () => ethernetFrame(0x0806, new Uint8Array(28)));
  assert.deepEqual((await readFrames([frame(SYN, ETHERNET, arp)])).skipped, { 'not-tcp': 1 });
});
