/** Fixtures of link layers and tunnels: the same TIME_WAIT collision must be found in each of them. */
import type { Conversation } from '../conversation.ts';
import { exchange } from '../conversation.ts';
import * as link from '../links.ts';
import { frame, type Packet } from '../packet.ts';
import { pcap } from '../pcap.ts';
import * as tunnel from '../tunnels.ts';
import { collision, oldHost, RETRY } from './reuse.ts';
import { captureOf, type Situation, situation } from './situation.ts';

const story = (): Conversation => collision(RETRY.LINUX);
const ipv6 = (): Conversation =>
  collision(RETRY.LINUX, { client: oldHost('2001:db8::10'), server: '[2001:db8:80::1]:443' });

const through = (name: string, words: string, around: link.Link): Situation =>
  situation(`link-${name}.pcap`, `The TIME_WAIT collision ${words}.`, () => captureOf(story(), around));

const inside = (name: string, words: string, around: tunnel.Tunnel): Situation =>
  situation(`tunnel-${name}.pcap`, `The TIME_WAIT collision ${words}.`, () =>
    pcap(story().packets.map(p => frame(p, link.ETHERNET, around))),
  );

/** Each packet as `-i any` on a router captures it: twice, coming in and going out, the second time with TTL - 1. */
const routed = (p: Packet): Packet[] => [p, { ...p, t: p.t + 0.00003, ttl: p.ttl! - 1 }];

/** The same tuple in two VLANs at the same time: two unrelated connections. */
function twoVlans(): Uint8Array {
  const red = exchange().clientCloses();
  const blue = exchange({ at: 0.007, clientIsn: 1000, serverIsn: 2000 }).serverCloses();
  const tagged = [...red.packets.map(p => frame(p, link.vlan(10))), ...blue.packets.map(p => frame(p, link.vlan(20)))];
  return pcap(tagged.toSorted((a, b) => a.t - b.t));
}

export const links: readonly Situation[] = [
  situation('ipv6-collision.pcap', 'The TIME_WAIT collision over IPv6.', () => captureOf(ipv6())),
  situation('ipv6-extension-headers.pcap', 'The same behind hop-by-hop and destination options.', () =>
    pcap(ipv6().packets.map(p => frame({ ...p, extensions: [{ header: 0 }, { header: 60, size: 16 }] }))),
  ),
  situation('vlan-collision.pcap', 'The TIME_WAIT collision in VLAN 10.', () => captureOf(story(), link.vlan(10))),
  situation('vlan-two-tenants.pcap', 'One tuple in two VLANs at the same time: no reuse.', twoVlans),
  situation(
    'any-interface-duplicates.pcap',
    '`tcpdump -i any` on a router: each packet of the collision twice, from two interfaces (LINUX_SLL2).',
    () =>
      pcap(
        story()
          .packets.flatMap(routed)
          .map((p, i) =>
            frame(p, link.sll2(i % 2 === 0 ? { ifindex: 2 } : { ifindex: 3, packetType: link.PACKET_TYPE.FROM_US })),
          ),
      ),
  ),
  through('qinq', 'behind two VLAN tags', link.vlan(100, 10)),
  through('mpls', 'behind two MPLS labels', link.mpls(1000, 16)),
  through('pppoe', 'in a PPPoE session', link.PPPOE),
  through('ppp', 'on a PPP link', link.PPP),
  through('sll', 'in a Linux cooked capture', link.sll()),
  through('raw', 'as raw IP', link.raw()),
  through('raw-ipv4', 'as raw IPv4 (228)', link.raw(link.LINKTYPE.IPV4)),
  through('null', 'on a BSD loopback', link.bsdNull()),
  through('null-be', 'on a BSD loopback of a big-endian host', link.bsdNull({ bigEndian: true })),
  through('loop', 'on an OpenBSD loopback', link.LOOP),
  through('wifi', 'in unencrypted 802.11', link.wifi({ qos: false })),
  through('radiotap', 'in unencrypted 802.11 behind radiotap', link.radiotap(12)),
  through('padded', 'with Ethernet padding', link.PADDED),
  inside('vxlan', 'inside VXLAN', tunnel.vxlan(42)),
  inside('geneve', 'inside Geneve with options', tunnel.geneve(42, { options: 8 })),
  inside('gre', 'inside GRE with key and sequence number', tunnel.gre({ key: 7, sequence: 1 })),
  inside('ipip', 'inside IPIP', tunnel.ipip()),
  inside('4in6', 'inside IPv6', tunnel.ipip({ src: '2001:db8::1', dst: '2001:db8::2' })),
  inside('erspan', 'mirrored by ERSPAN', tunnel.erspan()),
];
