import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LinkType } from '../../../src/capture/link/link.ts';
import { concat, u16, u32 } from '../../build/bytes.ts';
import {
  arp,
  bsdNull,
  ETHERNET,
  ethernetFrame,
  type Link,
  LOOP,
  mpls,
  PACKET_TYPE,
  PPP,
  PPPOE,
  radiotap,
  raw,
  SNAP,
  sll,
  sll2,
  vlan,
  wifi,
} from '../../build/links.ts';
import { type Frame, frame } from '../../build/packet.ts';
import { pcapng } from '../../build/pcapng.ts';
import { unknownEtherType } from '../../build/tunnels.ts';
import { readBytes, readFrames } from '../read.ts';
import { SYN, SYN_TEXT, SYN6, SYN6_TEXT } from '../sample.ts';

const link = (linkType: number, wrap: Link['wrap']): Link => ({ linkType, wrap });
const type = (d: Uint8Array): number => (d[0] >>> 4 === 6 ? 0x86dd : 0x0800);
const ppp = (d: Uint8Array): number => (d[0] >>> 4 === 6 ? 0x0057 : 0x0021);
const llcSnap = (d: Uint8Array): Uint8Array => concat([0xaa, 0xaa, 3, 0, 0, 0], u16(type(d)), d);
const zeros = (count: number): number[] => new Array<number>(count).fill(0);
/** An attribute of a netfilter log in the byte order of the machine. */
const attribute = (kind: number, value: Uint8Array, little: boolean): Uint8Array => {
  const numbers = [...u16(4 + value.length), ...u16(kind)];
  const head = little ? [numbers[1], numbers[0], numbers[3], numbers[2]] : numbers;
  return concat(head, value, zeros(-value.length & 3));
};
const nflog = (little: boolean): Link =>
  link(LinkType.NFLOG, d =>
    concat([type(d) === 0x0800 ? 2 : 10, 0, 0, 1], attribute(1, new Uint8Array(5), little), attribute(9, d, little)),
  );
const qosData = (flags: number, extra: readonly number[], d: Uint8Array, qos = 0): Uint8Array =>
  concat([0x88, flags, 0, 0], zeros(18), [0, 0], extra, [qos, 0], d);

const LINKS: readonly (readonly [string, Link])[] = [
  ['Ethernet', ETHERNET],
  ['802.3 with LLC and SNAP', SNAP],
  ['VLAN', vlan(7)],
  ['QinQ', vlan(7, 8)],
  ['three VLAN tags', vlan(7, 8, 9)],
  ['the old QinQ ethertype', link(1, d => ethernetFrame(0x9100, concat(u16(5), u16(type(d)), d)))],
  ['LLC and SNAP in a VLAN', link(1, d => ethernetFrame(0x8100, concat(u16(5), u16(d.length + 8), llcSnap(d))))],
  ['E-Tag', link(1, d => ethernetFrame(0x893f, concat(zeros(6), u16(type(d)), d)))],
  ['VN-Tag', link(1, d => ethernetFrame(0x8926, concat(zeros(4), u16(type(d)), d)))],
  ['Cisco MetaData', link(1, d => ethernetFrame(0x8909, concat([1, 1, 0, 1, 0, 2], u16(type(d)), d)))],
  ['MPLS', mpls(16)],
  ['MPLS labels', mpls(16, 17, 18)],
  ['as many MPLS labels as are followed', mpls(...Array.from({ length: 16 }, (_, i) => 16 + i))],
  [
    'Ethernet over MPLS with a control word',
    link(1, d => ethernetFrame(0x8847, concat(u32((16 << 12) | 0x100), zeros(4), ETHERNET.wrap(d)))),
  ],
  ['PPPoE', PPPOE],
  ['PPPoE in a VLAN', link(1, d => ethernetFrame(0x8100, inVlan(PPPOE.wrap(d))))],
  ['Linux cooked', sll()],
  ['Linux cooked, sent', sll(PACKET_TYPE.FROM_US)],
  ['Linux cooked with a VLAN', link(113, d => concat(zeros(14), u16(0x8100), u16(5), u16(type(d)), d))],
  ['Linux cooked with LLC', link(113, d => concat(zeros(14), u16(4), llcSnap(d)))],
  ['Linux cooked, version 2', sll2()],
  ['raw IP', raw()],
  ['raw IP of BSD', raw(LinkType.RAW_BSD)],
  ['raw IP of OpenBSD', raw(LinkType.RAW_OPENBSD)],
  ['NULL, little endian, family of macOS', bsdNull()],
  ['NULL, big endian', bsdNull({ bigEndian: true })],
  ['NULL, family of FreeBSD', bsdNull({ ipv6Family: 28 })],
  ['NULL, family of OpenBSD', bsdNull({ ipv6Family: 24 })],
  ['NULL, family of Linux', bsdNull({ ipv6Family: 10 })],
  ['NULL, family of Windows', bsdNull({ ipv6Family: 23 })],
  ['LOOP', LOOP],
  ['PPP', PPP],
  ['PPP without address and control', link(9, d => concat(u16(ppp(d)), d))],
  ['PPP with a compressed protocol', link(9, d => concat([0xff, 3, ppp(d)], d))],
  ['PPP on a serial line', link(50, d => concat([0xff, 3], u16(ppp(d)), d))],
  ['Cisco HDLC on a serial line', link(50, d => concat([0x0f, 0], u16(type(d)), d))],
  ['Cisco HDLC', link(104, d => concat([0x8f, 0], u16(type(d)), d))],
  ['PPPoE without Ethernet', link(51, d => concat([0x11, 0, 0, 1], u16(d.length + 2), u16(ppp(d)), d))],
  ['802.11 data', wifi({ qos: false })],
  ['802.11 QoS data', wifi()],
  ['802.11 with four addresses', link(105, d => qosData(3, zeros(6), llcSnap(d)))],
  ['802.11 with HT control', link(105, d => qosData(0x81, [], concat(zeros(4), llcSnap(d))))],
  ['802.11 A-MSDU', link(105, d => qosData(1, [], concat(zeros(12), u16(d.length + 8), llcSnap(d)), 0x80))],
  ['radiotap', radiotap()],
  ['radiotap of 25 bytes', radiotap(25)],
  [
    'radiotap with a padded header',
    // TSFT, then flags: 0x20 says that the 802.11 header is padded to a multiple of four.
    link(127, d => concat([0, 0, 17, 0, 3, 0, 0, 0], zeros(8), [0x20], qosData(1, [], concat(zeros(2), llcSnap(d))))),
  ],
  ['Prism', link(119, d => concat(zeros(144), wifi().wrap(d)))],
  ['AVS', link(163, d => concat(u32(0x8021_1001), u32(64), zeros(56), wifi().wrap(d)))],
  ['PPI', link(192, d => concat([0, 0, 12, 0, 1, 0, 0, 0], zeros(4), ETHERNET.wrap(d)))],
  ['netfilter log, little endian', nflog(true)],
  ['netfilter log, big endian', nflog(false)],
  ['FDDI', link(10, d => concat(zeros(13), llcSnap(d)))],
  ['Ethernet with preamble', link(274, d => concat(zeros(7), [0xd5], ETHERNET.wrap(d)))],
];

/** The payload of an untagged Ethernet frame, behind a tag of VLAN 3. */
function inVlan(untagged: Uint8Array): Uint8Array {
  return concat(u16(3), untagged.subarray(12));
}

for (const [name, it] of LINKS) {
  test(`${name}: IPv4 and IPv6`, async () => {
    const { rows, skipped } = await readFrames([frame(SYN, it), frame({ ...SYN6, t: 1, payload: 9 }, it)]);
    assert.deepEqual(skipped, {});
    assert.deepEqual(
      rows.map(r => [r.text, r.length, r.captured]),
      [
        [SYN_TEXT, 20, 20],
        [SYN6_TEXT, 29, 29],
      ],
    );
  });

  test(`${name}: cut at every byte`, async () => {
    const whole = frame(SYN, it);
    for (let snap = 0; snap < whole.bytes.length; snap++) {
      const { rows, skipped } = await readFrames([{ ...whole, snap }]);
      assert.equal(rows.length, 0);
      const [reason] = Object.keys(skipped);
      assert.ok(reason === 'cut-short' || reason === 'not-ip', `${reason} at ${snap}`);
    }
  });
}

for (const linkType of [LinkType.IPV4, LinkType.IPV6]) {
  test(`link type ${linkType} is of one IP version`, async () => {
    const made = [SYN, SYN6].map((p, t) => frame({ ...p, t }, raw(linkType)));
    const { rows, skipped } = await readFrames(made);
    assert.deepEqual(
      rows.map(r => r.text),
      [linkType === LinkType.IPV4 ? SYN_TEXT : SYN6_TEXT],
    );
    assert.deepEqual(skipped, { 'bad-header': 1 });
  });
}

test('ARCNET: IPv4 in both encapsulations', async () => {
  const rfc1051 = link(129, d => concat([1, 2, 0, 0, 240], d));
  const rfc1201 = link(129, d => concat([1, 2, 0, 0, 212, 0, 0, 0], d));
  for (const it of [rfc1051, rfc1201]) assert.equal((await readFrames([frame(SYN, it)])).rows[0].text, SYN_TEXT);
});

test('what is not IP', async () => {
  const frames: readonly (readonly [string, number, Uint8Array])[] = [
    ['ARP', 1, arp()],
    ['an unknown ethertype', 1, unknownEtherType()],
    ['spanning tree', 1, concat(ethernetFrame(38, concat([0x42, 0x42, 3], zeros(43))))],
    ['PPPoE discovery', 1, ethernetFrame(0x8863, new Uint8Array(46))],
    ['LCP in PPP', 9, concat([0xff, 3, 0xc0, 0x21], zeros(20))],
    ['an 802.11 beacon', 105, concat([0x80], zeros(60))],
    ['802.11 data without data', 105, concat([0xc8, 1], zeros(60))],
    ['encrypted 802.11 data', 105, qosData(0x41, [], llcSnap(frame(SYN, raw()).bytes))],
    ['raw IP of version 9', 101, Uint8Array.from([0x90, 1, 2, 3])],
    ['NULL of an unknown family', 0, concat([0, 0, 0, 99], zeros(40))],
    ['MPLS with neither IP nor Ethernet', 1, ethernetFrame(0x8847, concat(u32((16 << 12) | 0x100), [0x10], zeros(40)))],
    ['labels without a bottom', 1, ethernetFrame(0x8847, new Uint8Array(400))],
    ['tags without an end', 1, ethernetFrame(0x8100, concat(...Array.from({ length: 99 }, () => [0, 5, 0x81, 0])))],
  ];
  for (const [name, linkType, bytes] of frames) {
    assert.deepEqual((await readFrames([{ t: 0, linkType, bytes }])).skipped, { 'not-ip': 1 }, name);
  }
});

test('a seventeenth MPLS label is not followed', async () => {
  const deep = mpls(...Array.from({ length: 17 }, (_, i) => 16 + i));
  assert.deepEqual((await readFrames([frame(SYN, deep)])).skipped, { 'not-ip': 1 });
});

test('VLANs tell equal addresses apart; a priority tag does not', async () => {
  const links = [ETHERNET, vlan(0), vlan(5), vlan(6), vlan(5, 6), vlan(6, 5), vlan(5)];
  const { rows } = await readFrames(links.map((it, t) => frame({ ...SYN, t }, it)));
  const [none, priority, five, six, fiveSix, sixFive, again] = rows.map(r => r.scope);
  assert.deepEqual([none, priority, again], [0, 0, five]);
  assert.equal(new Set([none, five, six, fiveSix, sixFive]).size, 5);
});

test('a scope has the same number in every run', async () => {
  const alone = await readFrames([frame(SYN, vlan(6))]);
  const last = await readFrames([1, 2, 3, 4, 5, 6].map(id => frame({ ...SYN, t: id }, vlan(id))));
  assert.equal(alone.rows[0].scope, last.rows.at(-1)!.scope);
});

test('MPLS labels and interfaces are no part of the scope', async () => {
  const made: Frame[] = [frame(SYN, mpls(16)), { ...frame({ ...SYN, t: 1 }, mpls(99)), iface: 1 }];
  const { rows } = await readBytes(pcapng(made, { interfaces: [{}, {}] }));
  assert.deepEqual(
    rows.map(r => r.scope),
    [0, 0],
  );
});

test('PPPoE says where the datagram ends, though IP claims the padding', async () => {
  const made = frame(SYN, PPPOE);
  const padded = concat(made.bytes, zeros(6));
  padded[14 + 8 + 3] += 6; // IPv4 total length
  const { rows } = await readFrames([{ ...made, bytes: padded }]);
  assert.deepEqual([rows[0].length, rows[0].captured], [20, 20]);
});

test('frames of an unsupported link type among supported ones are counted and noted', async () => {
  const usable = frame(SYN);
  const can: Frame = { t: 1, linkType: 227, bytes: new Uint8Array(16), iface: 1 };
  const { rows, captures, skipped } = await readBytes(
    pcapng([usable, can, { ...can, t: 2 }], { interfaces: [{}, { linkType: 227 }] }),
  );
  assert.equal(rows.length, 1);
  assert.deepEqual(skipped, { 'unsupported-link-type': 2 });
  assert.deepEqual(captures[0].notes, [
    {
      kind: 'unsupported-link-type',
      text: '2 frames of the unsupported link type 227 (CAN_SOCKETCAN) were left out',
      count: 2,
    },
  ]);
  const one = await readBytes(pcapng([usable, can], { interfaces: [{}, { linkType: 227 }] }));
  assert.match(one.captures[0].notes[0].text, /^1 frame of .* was left out$/);
});
