/** Fixtures of capture files: variants of the formats, and captures that are cut, snapped, stepped or mixed. */
import { gzipSync } from 'node:zlib';
import { concat } from '../bytes.ts';
import { Conversation, exchange, serverCloses, together } from '../conversation.ts';
import { Host } from '../host.ts';
import * as link from '../links.ts';
import { datagram, type Frame, frame, frameOf, frames, type Packet } from '../packet.ts';
import { pcap, pcapHeader } from '../pcap.ts';
import { pcapng, Section } from '../pcapng.ts';
import { icmpUnreachable, udp } from '../tunnels.ts';
import { collision, newHost, oldHost, RETRY } from './reuse.ts';
import { capture, captureOf, type Situation, situation } from './situation.ts';

const story = (): Conversation => collision(RETRY.OLD_LINUX);
const storyFrames = (): Frame[] => frames(story().packets);

const withFrames = (extra: readonly Frame[]): Frame[] => [...storyFrames(), ...extra].toSorted((a, b) => a.t - b.t);

/** Packets before and after the pause in which the tuple is closed. */
function closedAndReopened(): [Packet[], Packet[]] {
  const { packets } = story();
  const reopens = packets.findIndex(p => p.t > 10);
  return [packets.slice(0, reopens), packets.slice(reopens)];
}

const formats: readonly Situation[] = [
  situation('format-nanoseconds.pcap', 'The collision as nanosecond pcap.', () =>
    captureOf(story(), undefined, { nanos: true }),
  ),
  situation('format-big-endian.pcap', 'The same, written by a big-endian machine.', () =>
    captureOf(story(), undefined, { bigEndian: true }),
  ),
  situation('format-nanoseconds-be.pcap', 'Both at once.', () =>
    captureOf(story(), undefined, { nanos: true, bigEndian: true }),
  ),
  situation('format-modified.pcap', 'The same in the "modified" pcap of the nineties.', () =>
    captureOf(story(), undefined, { modified: true }),
  ),
  situation('format-gzip.pcap.gz', 'The same, gzipped.', () =>
    // Stored, not compressed, so that the bytes do not depend on the version of zlib.
    gzipSync(capture(story()), { level: 0 }),
  ),
  situation(
    'pcapng-two-interfaces.pcapng',
    'pcapng: requests on an Ethernet with ns, answers as raw IP with µs.',
    () => {
      const interfaces = [
        { name: 'eth0', resolution: 9 },
        { name: 'tun0', linkType: link.LINKTYPE.RAW },
      ];
      const split = story().packets.map(p => (p.dport === 80 ? frame(p) : { ...frame(p, link.raw()), iface: 1 }));
      return pcapng(split, { interfaces });
    },
  ),
  situation('pcapng-be.pcapng', 'pcapng of a big-endian machine.', () => pcapng(storyFrames(), { bigEndian: true })),
  situation('pcapng-resolutions.pcapng', 'Time stamps in 2^-20 s with an offset, then in 10^-3 s.', () => {
    const interfaces = [{ resolution: 20, binary: true, offset: 1_600_000_000 }, { resolution: 3 }];
    return pcapng(
      storyFrames().map((f, i) => ({ ...f, iface: i % 7 === 6 ? 1 : 0 })),
      { interfaces },
    );
  }),
  situation(
    'pcapng-two-sections.pcapng',
    'Two sections of different byte order, old packet blocks, unknown blocks.',
    () => {
      const all = storyFrames();
      const half = all.length >> 1;
      const little = new Section();
      const big = new Section({ bigEndian: true });
      return concat(
        little.header(),
        little.unknown(),
        little.interface(),
        ...all.slice(0, half).map(f => little.oldPacket(f)),
        little.statistics(0, 0),
        big.header(),
        big.interface({ resolution: 9 }),
        big.unknown(5),
        ...all.slice(half).map(f => big.packet(f)),
      );
    },
  ),
  situation('pcapng-kernel-dropped.pcapng', 'The capture says that the kernel dropped 17 packets.', () => {
    const section = new Section();
    const file = [section.header(), section.interface({ name: 'eth0' }), ...storyFrames().map(f => section.packet(f))];
    return concat(...file, section.statistics(0, 17));
  }),
  situation('pcapng-unsupported-interface.pcapng', 'One interface has a link type that nobody can read.', () => {
    const USER0 = 147;
    const strange = (t: number): Frame => ({ t, bytes: new Uint8Array(40), linkType: USER0, iface: 1 });
    return pcapng(withFrames([strange(0.5), strange(1)]), { interfaces: [{}, { linkType: USER0 }] });
  }),
  situation('empty.pcap', 'A capture without a packet.', () => pcapHeader(link.LINKTYPE.ETHERNET)),
];

const damage: readonly Situation[] = [
  situation('rotated/rotated-1.pcap', 'The collision, rotated between close and reuse: the close.', () =>
    capture(closedAndReopened()[0]),
  ),
  situation('rotated/rotated-2.pcap', 'The second file: the reuse.', () => capture(closedAndReopened()[1])),
  situation('cut-mid-record.pcap', 'The collision, and then half a record: the disk was full.', () => {
    const whole = capture(collision(RETRY.OLD_LINUX));
    return whole.slice(0, -40);
  }),
  situation(
    'clock-step.pcap',
    'The clock of the capturing machine is set back by 60 s between close and reuse: no age can be told.',
    () => {
      const old = serverCloses({ client: oldHost(), at: 100 });
      const next = old.reopen(5, { client: newHost() }).handshake();
      const refused = new Conversation({ clientPort: 40100, at: next.now + 1 }).syn().refuse();
      const stepped = [...next.packets, ...refused.packets].map(p => (p.t < 104 ? p : { ...p, t: p.t - 60 }));
      return pcap(frames(stepped));
    },
  ),
  situation(
    'snapped-options.pcap',
    'Snapped at 58 bytes: the timestamps were cut off, and are not known to be absent.',
    () => captureOf(story(), undefined, { snaplen: 58 }),
  ),
  situation('snapped-headers.pcap', 'Snapped at 40 bytes: no frame holds a whole TCP header.', () =>
    captureOf(story(), undefined, { snaplen: 40 }),
  ),
  situation('reordered.pcap', 'Neighbouring frames of the collision are stored in the wrong order, 6 ms apart.', () => {
    const { packets } = story();
    const neighbour = (i: number): Packet => packets[i ^ 1] ?? packets[i];
    const swapped = packets.map((p, i) => (Math.abs(neighbour(i).t - p.t) < 0.006 ? neighbour(i) : p));
    return pcap(frames(swapped));
  }),
];

/** Frames of all kinds that are not usable TCP segments. */
function otherTraffic(): Frame[] {
  const segment = new Conversation({ client: '192.0.2.99:41000' }).syn().last;
  const piece = (t: number, offset: number, more: boolean): Frame =>
    frame({ ...segment, payload: 1600, t, fragment: { offset, more } });
  const MALFORMED = { zeroLength: [8, 0, 1, 1], tooLong: [8, 40, 1, 1] };
  return [
    { t: 0.1, bytes: link.arp(), linkType: 1 },
    frameOf(0.2, udp({ src: '192.0.2.10', sport: 5353, dst: '198.51.100.53', dport: 53 }, new Uint8Array(30))),
    frameOf(0.3, icmpUnreachable('203.0.113.1', '192.0.2.10', datagram({ ...story().last, flags: 'R' }))),
    piece(0.4, 0, true),
    piece(0.41, 800, false),
    frame({ ...segment, t: 0.5, sport: 41002, options: MALFORMED.zeroLength }),
    frame({ ...segment, t: 0.6, sport: 41004, options: MALFORMED.tooLong }),
  ];
}

const mixtures: readonly Situation[] = [
  situation(
    'other-traffic.pcap',
    'ARP, UDP, ICMP that quotes TCP, fragments and malformed options around the collision.',
    () => pcap(withFrames(otherTraffic())),
  ),
  situation('ip-options.pcap', 'The collision with IPv4 options in every packet.', () => {
    const ROUTER_ALERT = [148, 4, 0, 0];
    return capture(story().packets.map(p => ({ ...p, ipOptions: ROUTER_ALERT })));
  }),
  situation('segmentation-offload.pcap', 'The collision as a sender with TSO captures it: IPv4 total length 0.', () =>
    capture(story().packets.map(p => ({ ...p, tso: true }))),
  ),
  situation('duplicated-by-mirror.pcap', 'A mirror port shows every packet of an aborted connection twice.', () => {
    const { packets } = exchange().rstFrom('server');
    return capture(packets.flatMap(p => [p, { ...p, t: p.t + 0.0004 }]));
  }),
  situation(
    'many-faults.pcap',
    'Several faults of several machines in one capture, beside healthy connections.',
    () => {
      const near = new Host('192.0.2.20');
      const far = new Host('203.0.113.9', { ttl: 47 });
      return capture(
        together(
          collision(RETRY.LINUX),
          exchange({ client: near, clientPort: 50000, at: 3 }).rstFrom('server'),
          new Conversation({ client: far, clientPort: 33000, serverPort: 8080, at: 4 }).syn().refuse(),
          serverCloses({ client: far, clientPort: 33002, at: 5 }).reopen(20).handshake(),
          serverCloses({ client: near, clientPort: 50002, at: 6 }),
        ),
      );
    },
  ),
];

export const captures: readonly Situation[] = [...formats, ...damage, ...mixtures];
