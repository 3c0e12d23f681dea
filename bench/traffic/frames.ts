/**
 * Writes pcap records or pcapng blocks of Ethernet, IPv4 or IPv6, TCP with timestamps. Each kind of frame is a template
 * at the beginning of the output buffer; a packet is a copy of it within that buffer with a few fields patched, without
 * an object or view per packet. IPv4 checksums are right; TCP checksums are 0, as in a capture on a sender with
 * checksum offload.
 */

export const FORMATS = ['pcap', 'pcapng'] as const;
export type Format = (typeof FORMATS)[number];

/** Bits whose sum is a kind of frame. */
export const Kind = { FROM_SERVER: 1, SYN: 2, VLAN: 4, IPV6: 8 } as const;
const KINDS = 16;

export const Flag = { FIN: 0x01, SYN: 0x02, RST: 0x04, PSH: 0x08, ACK: 0x10 } as const;
/** Ethernet's 1500 bytes minus IPv4 header, TCP header and timestamps; an IPv6 header is 20 bytes longer. */
export const MAX_PAYLOAD = 1448;
export const IPV6_EXTRA = 20;

const FILE_HEADER = 24;
const RECORD_HEADER = 16;
const SECTION = 28;
const INTERFACE = 20;
const ENHANCED_PACKET = 28;
const BLOCK_TRAILER = 4;
const ETHERNET = 14;
const VLAN_TAG = 4;
const IPV4_HEADER = 20;
const IPV6_HEADER = 40;
/** NOP, NOP, timestamps; in a SYN: MSS, SACK permitted, timestamps, NOP, window scale 7. */
const OPTIONS = [1, 1, 8, 10, 0, 0, 0, 0, 0, 0, 0, 0];
const SYN_OPTIONS = [2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 0, 0, 0, 0, 0, 1, 3, 3, 7];
const TSVAL = 24;
const SYN_TSVAL = 28;
const WINDOW = 502;
const SYN_WINDOW = 64_240;

const TEMPLATE = 2_048;
const TEMPLATES = KINDS * TEMPLATE;
const BUFFER = TEMPLATES + (1 << 20);

export type Write = (bytes: Uint8Array) => void;

/** The fields that differ between packets. One object is overwritten for each packet. Times in µs of capture time. */
export class Packet {
  kind = 0;
  at = 0;
  /** IPv4 address, or the last word of the IPv6 address. */
  src = 0;
  dst = 0;
  srcPort = 0;
  dstPort = 0;
  seq = 0;
  ack = 0;
  flags = 0;
  tsval = 0;
  tsecr = 0;
  payload = 0;
  ipId = 0;
  vlan = 0;
}

export class FrameWriter {
  packets = 0;
  bytes = 0;
  private readonly writeBytes: Write;
  private readonly snapLength: number;
  private readonly start: number;
  private readonly pcapng: boolean;
  /** Bytes of the record or block before those of the frame. */
  private readonly recordHeader: number;
  private readonly buffer = new Uint8Array(BUFFER);
  private readonly view = new DataView(this.buffer.buffer);
  /** By kind: size of the headers, offset of the IP header in the record, IPv4 header sum without patched fields. */
  private readonly headers = new Int32Array(KINDS);
  private readonly ipAt = new Int32Array(KINDS);
  private readonly sums = new Int32Array(KINDS);
  private used = TEMPLATES;

  /** `start`: capture time 0, in whole seconds since the epoch. */
  constructor(write: Write, snapLength: number, start: number, format: Format) {
    this.writeBytes = write;
    this.snapLength = snapLength;
    this.start = start;
    this.pcapng = format === 'pcapng';
    this.recordHeader = this.pcapng ? ENHANCED_PACKET : RECORD_HEADER;
    for (let kind = 0; kind < KINDS; kind++) this.makeTemplate(kind);
    if (this.pcapng) this.writeSection();
    else this.writeFileHeader();
  }

  write(p: Packet): void {
    const { kind, payload } = p;
    const view = this.view;
    const at = this.used;
    const length = this.headers[kind] + payload;
    const captured = Math.min(length, this.snapLength);
    this.buffer.copyWithin(at, kind * TEMPLATE, kind * TEMPLATE + this.recordHeader + captured);
    const size = this.pcapng ? this.blockHeader(p.at, captured, length) : this.pcapHeader(p.at, captured, length);

    const ip = at + this.ipAt[kind];
    const ipLength = length - (this.ipAt[kind] - this.recordHeader);
    let tcp = ip;
    if ((kind & Kind.VLAN) !== 0) view.setUint16(ip - 4, p.vlan);
    if ((kind & Kind.IPV6) !== 0) {
      tcp += IPV6_HEADER;
      view.setUint16(ip + 4, ipLength - IPV6_HEADER);
      view.setInt32(ip + 20, p.src);
      view.setInt32(ip + 36, p.dst);
    } else {
      tcp += IPV4_HEADER;
      view.setUint16(ip + 2, ipLength);
      view.setUint16(ip + 4, p.ipId);
      view.setInt32(ip + 12, p.src);
      view.setInt32(ip + 16, p.dst);
      let sum = this.sums[kind] + ipLength + p.ipId;
      sum += (p.src >>> 16) + (p.src & 0xffff) + (p.dst >>> 16) + (p.dst & 0xffff);
      sum = (sum & 0xffff) + (sum >>> 16);
      view.setUint16(ip + 10, ~(sum + (sum >>> 16)) & 0xffff);
    }

    view.setUint16(tcp, p.srcPort);
    view.setUint16(tcp + 2, p.dstPort);
    view.setInt32(tcp + 4, p.seq);
    view.setInt32(tcp + 8, p.ack);
    view.setUint8(tcp + 13, p.flags);
    const option = tcp + ((kind & Kind.SYN) !== 0 ? SYN_TSVAL : TSVAL);
    view.setInt32(option, p.tsval);
    view.setInt32(option + 4, p.tsecr);

    this.packets++;
    this.used = at + size;
    if (this.used > BUFFER - TEMPLATE) this.flush();
  }

  flush(): void {
    this.bytes += this.used - TEMPLATES;
    this.writeBytes(this.buffer.subarray(TEMPLATES, this.used));
    this.used = TEMPLATES;
  }

  /** Writes the header of a pcap record; returns the size of the record. */
  private pcapHeader(time: number, captured: number, length: number): number {
    const view = this.view;
    const at = this.used;
    const second = Math.floor(time / 1e6);
    view.setUint32(at, this.start + second, true);
    view.setUint32(at + 4, time - second * 1e6, true);
    view.setUint32(at + 8, captured, true);
    view.setUint32(at + 12, length, true);
    return RECORD_HEADER + captured;
  }

  /** Writes the header and the trailer of an enhanced packet block; returns the size of the block. */
  private blockHeader(time: number, captured: number, length: number): number {
    const view = this.view;
    const at = this.used;
    const padded = (captured + 3) & ~3;
    const size = ENHANCED_PACKET + padded + BLOCK_TRAILER;
    const micros = this.start * 1e6 + time;
    const high = Math.floor(micros / 2 ** 32);
    view.setUint32(at, 6, true);
    view.setUint32(at + 4, size, true);
    view.setUint32(at + 12, high, true);
    view.setUint32(at + 16, micros - high * 2 ** 32, true);
    view.setUint32(at + 20, captured, true);
    view.setUint32(at + 24, length, true);
    this.buffer.fill(0, at + ENHANCED_PACKET + captured, at + ENHANCED_PACKET + padded);
    view.setUint32(at + size - BLOCK_TRAILER, size, true);
    return size;
  }

  /** Writes a section header and one interface: Ethernet with microseconds. */
  private writeSection(): void {
    const view = this.view;
    const section = this.used;
    view.setUint32(section, 0x0a0d_0d0a, true);
    view.setUint32(section + 4, SECTION, true);
    view.setUint32(section + 8, 0x1a2b_3c4d, true);
    view.setUint16(section + 12, 1, true);
    view.setBigInt64(section + 16, -1n, true); // length of the section: not specified
    view.setUint32(section + 24, SECTION, true);
    const it = section + SECTION;
    view.setUint32(it, 1, true);
    view.setUint32(it + 4, INTERFACE, true);
    view.setUint16(it + 8, 1, true);
    view.setUint32(it + 12, this.snapLength, true);
    view.setUint32(it + 16, INTERFACE, true);
    this.used += SECTION + INTERFACE;
  }

  private writeFileHeader(): void {
    const view = this.view;
    const at = this.used;
    view.setUint32(at, 0xa1b2_c3d4, true);
    view.setUint16(at + 4, 2, true);
    view.setUint16(at + 6, 4, true);
    view.setUint32(at + 16, this.snapLength, true);
    view.setUint32(at + 20, 1, true);
    this.used += FILE_HEADER;
  }

  private makeTemplate(kind: number): void {
    const bytes = this.buffer.subarray(kind * TEMPLATE, (kind + 1) * TEMPLATE);
    const fromServer = (kind & Kind.FROM_SERVER) !== 0;
    const vlan = (kind & Kind.VLAN) !== 0;
    const ipv6 = (kind & Kind.IPV6) !== 0;
    const syn = (kind & Kind.SYN) !== 0;
    const options = syn ? SYN_OPTIONS : OPTIONS;
    // Locally administered addresses, ending in 1 on the clients' side and in 2 on the servers' side.
    const ends = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
    const mac = fromServer ? ends : [...ends.slice(6), ...ends.slice(0, 6)];
    const type = ipv6 ? [0x86, 0xdd] : [8, 0];
    const tag = vlan ? [0x81, 0, 0, 0] : []; // the last two are patched
    const ipAt = this.recordHeader + ETHERNET + (vlan ? VLAN_TAG : 0);
    const client = [0x20, 1, 0xd, 0xb8, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    const server = [0x20, 1, 0xd, 0xb8, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    const ttl = fromServer ? 63 : 58;
    const ip = ipv6
      ? [0x60, 0, 0, 0, 0, 0, 6, ttl, ...(fromServer ? [...server, ...client] : [...client, ...server])]
      : [0x45, 0, 0, 0, 0, 0, 0x40, 0, ttl, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    const window = syn ? SYN_WINDOW : WINDOW;
    const headerWords = 5 + options.length / 4;
    const tcp = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, headerWords << 4, 0, window >> 8, window & 255, 0, 0, 0, 0];
    const frame = [...mac, ...tag, ...type, ...ip, ...tcp, ...options];
    bytes.set(frame, this.recordHeader);
    const payload = bytes.subarray(this.recordHeader);
    for (let i = frame.length; i < payload.length; i++) payload[i] = 32 + ((i * 7) % 95);
    this.headers[kind] = frame.length;
    this.ipAt[kind] = ipAt;
    for (let i = 0; i < IPV4_HEADER; i += 2) this.sums[kind] += (ip[i] << 8) | ip[i + 1];
  }
}
