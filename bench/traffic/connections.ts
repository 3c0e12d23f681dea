/**
 * Connections as seen at a server's switch, without loss: handshake, requests and responses, a FIN or RST from either
 * side. Each open connection is a slot of 16 words from which its next packet follows; the schedule says when it is
 * sent. Every packet acknowledges everything before it.
 */
import { Flag, type FrameWriter, IPV6_EXTRA, Kind, MAX_PAYLOAD, Packet } from './frames.ts';
import { Hosts } from './hosts.ts';
import { Random, scatter } from './random.ts';
import { Schedule, TICK } from './schedule.ts';
import type { Traffic } from './traffic.ts';
import { Closed, Lengths } from './tuples.ts';

/** Offsets in words of a slot. LINK is used by the schedule. */
const LINK = 0;
const CLIENT = 1;
const SERVER = 2;
/** Client port << 16 | server port. */
const PORTS = 3;
const CLIENT_SEQ = 4;
const SERVER_SEQ = 5;
const CLIENT_TSVAL = 6;
const SERVER_TSVAL = 7;
/** Packets sent, packets to send. */
const SENT = 8;
const LEFT = 9;
const CLIENT_CLOCK = 10;
const KIND = 11;
const ENDING = 12;
const ROUND_TRIP = 13;
const CLIENT_IP_ID = 14;
const SERVER_IP_ID = 15;
const SLOT = 16;

/** Bits of ENDING. */
const BY_SERVER = 1;
const BY_RESET = 2;
const SERVER_CLOSES = 0.45;

/** Packets of a round after the handshake: a request, then response segments in pairs, with ACKs in between. */
const ROUND = 12;
/** Delays in µs. */
const THINK = 4_000_000;
const SERVICE = 20_000;
const BACK_TO_BACK = 64;
const SERVER_DELAY = 400;

export class Connections {
  private readonly traffic: Traffic;
  private readonly out: FrameWriter;
  private readonly random: Random;
  private readonly hosts: Hosts;
  private readonly lengths: Lengths;
  private readonly closed: Closed;
  private readonly schedule = new Schedule();
  private readonly packet = new Packet();
  private slots = new Int32Array(1024 * SLOT);
  private used = 0;
  private free = -1;
  private open = 0;
  private started = 0;
  /** Time of the last packet, in µs of capture time. */
  private now = 0;

  constructor(traffic: Traffic, out: FrameWriter) {
    this.traffic = traffic;
    this.out = out;
    this.random = new Random(traffic.seed);
    this.hosts = new Hosts(traffic);
    this.lengths = new Lengths(traffic);
    this.closed = new Closed(traffic);
  }

  run(): void {
    const { connections, packets, rate } = this.traffic;
    const interval = (packets / connections / rate) * 1e6;
    const schedule = this.schedule;
    let due = 0;
    while (this.started < connections || this.open > 0) {
      const time = schedule.tick * TICK;
      while (this.started < connections && due <= time) {
        this.start();
        due += interval * 2 * ((this.random.bits() >>> 0) * 2 ** -32);
      }
      for (let slot = schedule.take(); slot >= 0; ) {
        const next = this.slots[slot + LINK];
        this.now = Math.max(this.now + 1, time);
        this.send(slot);
        slot = next;
      }
      schedule.tick++;
    }
  }

  private start(): void {
    const random = this.random;
    const hosts = this.hosts;
    const slot = this.allocate();
    const words = this.slots;
    if (!this.closed.take(random, this.now, words, slot + CLIENT)) {
      const client = hosts.pickClient(random);
      words[slot + CLIENT] = client;
      words[slot + SERVER] = random.below(this.traffic.servers);
      words[slot + PORTS] = hosts.nextPorts(client);
    }
    const client = words[slot + CLIENT];
    // RFC 6528, as in Linux: a hash of the tuple plus a clock with a tick of 64 ns.
    const tuple = scatter(words[slot + PORTS], scatter(client, words[slot + SERVER]));
    const isnClock = Math.floor(this.now * 15.625);
    words[slot + CLIENT_SEQ] = tuple + isnClock;
    words[slot + SERVER_SEQ] = scatter(tuple, 1) + isnClock;
    words[slot + CLIENT_TSVAL] = 0;
    words[slot + SERVER_TSVAL] = 0;
    words[slot + SENT] = 0;
    words[slot + LEFT] = this.lengths.next(this.started);
    words[slot + CLIENT_CLOCK] = hosts.clock(client, random);
    words[slot + KIND] = hosts.kind(client);
    words[slot + ENDING] =
      (random.chance(SERVER_CLOSES) ? BY_SERVER : 0) + (random.chance(this.traffic.resets) ? BY_RESET : 0);
    words[slot + ROUND_TRIP] = hosts.roundTrip(client);
    words[slot + CLIENT_IP_ID] = random.bits();
    words[slot + SERVER_IP_ID] = random.bits();
    this.started++;
    this.open++;
    this.schedule.add(words, slot, 1);
  }

  private send(slot: number): void {
    const words = this.slots;
    const p = this.packet;
    const hosts = this.hosts;
    const sent = words[slot + SENT];
    const fromServer = this.isFromServer(slot);
    const own = fromServer ? 1 : 0;
    const peer = 1 - own;
    const client = words[slot + CLIENT];
    const server = words[slot + SERVER];
    const ports = words[slot + PORTS];
    const clock = fromServer ? hosts.serverClock(server) : words[slot + CLIENT_CLOCK];

    p.kind = words[slot + KIND] | (fromServer ? Kind.FROM_SERVER : 0) | (sent < 2 ? Kind.SYN : 0);
    p.at = this.now;
    p.src = fromServer ? hosts.serverAddress(server) : hosts.clientAddress(client);
    p.dst = fromServer ? hosts.clientAddress(client) : hosts.serverAddress(server);
    p.srcPort = fromServer ? ports & 0xffff : ports >>> 16;
    p.dstPort = fromServer ? ports >>> 16 : ports & 0xffff;
    p.flags = this.flags(slot);
    p.payload = this.isData(slot) ? this.payload(slot, fromServer) : 0;
    if (p.payload > 0) p.flags |= Flag.PSH;
    p.seq = words[slot + CLIENT_SEQ + own];
    p.ack = sent === 0 ? 0 : words[slot + CLIENT_SEQ + peer];
    p.tsval = (clock + Math.floor(this.now / 1000)) | 0;
    p.tsecr = words[slot + CLIENT_TSVAL + peer];
    p.ipId = words[slot + CLIENT_IP_ID + own]++ & 0xffff;
    p.vlan = hosts.vlan(client);
    this.out.write(p);

    words[slot + CLIENT_SEQ + own] += p.payload + ((p.flags & (Flag.SYN | Flag.FIN)) !== 0 ? 1 : 0);
    words[slot + CLIENT_TSVAL + own] = p.tsval;
    words[slot + SENT]++;
    if (--words[slot + LEFT] > 0) this.schedule.add(words, slot, this.delay(slot, fromServer));
    else this.release(slot);
  }

  /** Whether the server sends the next packet. */
  private isFromServer(slot: number): boolean {
    const sent = this.slots[slot + SENT];
    const left = this.slots[slot + LEFT];
    const ending = this.slots[slot + ENDING];
    if (sent < 3) return sent === 1;
    if ((ending & BY_RESET) !== 0) {
      if (left === 1) return (ending & BY_SERVER) !== 0;
    } else if (left <= 3) return (left !== 2) === ((ending & BY_SERVER) !== 0);
    const step = (sent - 3) % ROUND;
    return step % 3 !== 0;
  }

  private isData(slot: number): boolean {
    const sent = this.slots[slot + SENT];
    const last = (this.slots[slot + ENDING] & BY_RESET) !== 0 ? 1 : 3;
    if (sent < 3 || this.slots[slot + LEFT] <= last) return false;
    const step = (sent - 3) % ROUND;
    return step === 0 || step % 3 !== 0;
  }

  private flags(slot: number): number {
    const sent = this.slots[slot + SENT];
    const left = this.slots[slot + LEFT];
    if (sent < 2) return sent === 0 ? Flag.SYN : Flag.SYN | Flag.ACK;
    if ((this.slots[slot + ENDING] & BY_RESET) !== 0) return left === 1 ? Flag.RST | Flag.ACK : Flag.ACK;
    return left === 3 || left === 2 ? Flag.FIN | Flag.ACK : Flag.ACK;
  }

  private payload(slot: number, fromServer: boolean): number {
    const random = this.random;
    const full = MAX_PAYLOAD - ((this.slots[slot + KIND] & Kind.IPV6) !== 0 ? IPV6_EXTRA : 0);
    switch (this.traffic.payload) {
      case 'small':
        return 1 + random.below(200);
      case 'bulk':
        return fromServer ? full : 100 + random.below(200);
      case 'web':
        if (!fromServer) return 80 + random.below(900);
        return random.chance(0.6) ? full : 200 + random.below(1200);
    }
  }

  /** Ticks until the next packet; `byServer`: the server sent the last one. */
  private delay(slot: number, byServer: boolean): number {
    const random = this.random;
    const sent = this.slots[slot + SENT];
    const nextByServer = this.isFromServer(slot);
    const step = (sent - 3) % ROUND;
    let delay: number;
    if (nextByServer === byServer) delay = random.below(BACK_TO_BACK);
    else if (nextByServer) delay = random.below(SERVER_DELAY);
    else delay = this.slots[slot + ROUND_TRIP] + random.below(500);
    if (sent > 3 && step === 0) delay += random.below(THINK);
    else if (sent > 3 && step === 1) delay += random.below(SERVICE);
    return Math.ceil(delay / TICK);
  }

  private allocate(): number {
    if (this.free >= 0) {
      const slot = this.free;
      this.free = this.slots[slot + LINK];
      return slot;
    }
    if (this.used === this.slots.length) {
      const grown = new Int32Array(this.slots.length * 2);
      grown.set(this.slots);
      this.slots = grown;
    }
    this.used += SLOT;
    return this.used - SLOT;
  }

  private release(slot: number): void {
    this.closed.put(this.now, this.slots, slot + CLIENT);
    this.slots[slot + LINK] = this.free;
    this.free = slot;
    this.open--;
  }
}
