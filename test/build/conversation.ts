/**
 * Builds connections step by step. Each step captures one packet with the numbers that its sender would use, and
 * advances the clock by half a round trip:
 *
 *   handshake({ client: '192.0.2.10:40000', server: '198.51.100.80:80' }).request(100).response(500).serverCloses();
 *
 * `reopen()` continues with the next connection of the same tuple; `packets` holds the packets of all of them.
 */
import { isIPv6 } from './bytes.ts';
import { Host } from './host.ts';
import type { Packet } from './packet.ts';

export type End = 'client' | 'server';

export interface Setup {
  /** `address:port`, `[address]:port`, or a host, with the default port. */
  client?: string | Host;
  server?: string | Host;
  /** Override the ports. */
  clientPort?: number;
  serverPort?: number;
  /** Seconds. */
  at?: number;
  rtt?: number;
  clientIsn?: number;
  serverIsn?: number;
  /** Packets are appended here. */
  story?: Packet[];
}

/** The state of one end of a connection. */
export interface Side {
  host: Host;
  port: number;
  /** Next sequence number to send. */
  nxt: number;
  /** Next sequence number expected, which it acknowledges. */
  rcvNxt: number;
  /** Last TSval received, which it echoes. */
  tsRecent: number;
  /** Sequence number of its FIN, for retransmission. */
  finSeq: number;
}

/** Differences from what the sender would send by default. */
export type Changes = Partial<Packet> & {
  /** Captured, but never delivered to the other end. */
  lost?: boolean;
  /** Without the timestamp option. */
  bare?: boolean;
};

const CLIENT = '192.0.2.10:40000';
const SERVER = '198.51.100.80:80';
/** When Linux reuses a tuple in TIME_WAIT, it begins this far after the old connection (tcp_twsk_unique). */
export const TW_ISN_STEP = 65537;

export class Conversation {
  readonly packets: Packet[];
  now: number;
  readonly client: Side;
  readonly server: Side;
  readonly rtt: number;

  constructor(setup: Setup = {}) {
    this.packets = setup.story ?? [];
    this.now = setup.at ?? 0;
    this.rtt = setup.rtt ?? 0.01;
    this.client = sideOf(setup.client ?? CLIENT, setup.clientPort ?? 40000);
    this.server = sideOf(setup.server ?? SERVER, setup.serverPort ?? 80);
    if (setup.clientPort !== undefined) this.client.port = setup.clientPort;
    if (setup.serverPort !== undefined) this.server.port = setup.serverPort;
    this.client.nxt = setup.clientIsn ?? this.client.host.isn(this.now, this.name);
    this.server.nxt = setup.serverIsn ?? this.server.host.isn(this.now, this.name);
  }

  get name(): string {
    const { client, server } = this;
    return `${client.host.address}:${client.port} ${server.host.address}:${server.port}`;
  }

  get last(): Packet {
    return this.packets.at(-1)!;
  }

  wait(seconds: number): this {
    this.now += seconds;
    return this;
  }

  /** Sends one packet, by default with the sender's next numbers. */
  send(from: End, flags: string, changes: Changes = {}): this {
    const { lost, bare, ...fields } = changes;
    const me = this[from];
    const peer = this[from === 'client' ? 'server' : 'client'];
    const stamps =
      me.host.timestamps && (flags === 'S' || peer.host.timestamps) && !bare
        ? { tsval: me.host.tsval(this.now, this.name), tsecr: flags.includes('A') ? me.tsRecent : 0 }
        : {};
    const packet: Packet = {
      t: this.now,
      src: me.host.address,
      sport: me.port,
      dst: peer.host.address,
      dport: peer.port,
      flags,
      seq: me.nxt,
      ack: flags.includes('A') ? me.rcvNxt : 0,
      ttl: me.host.ttl,
      ipId: me.host.ipId(),
      ...(flags.includes('S') ? { mss: 1460, sackPermitted: true, wscale: 7 } : { window: 502 }),
      ...stamps,
      ...fields,
    };
    this.packets.push(packet);
    const length = (packet.payload ?? 0) + (flags.includes('S') ? 1 : 0) + (flags.includes('F') ? 1 : 0);
    if (flags.includes('F')) me.finSeq = packet.seq + length - 1;
    const end = (packet.seq + length) >>> 0;
    if (!flags.includes('R')) {
      if (length > 0) me.nxt = end;
      if (!lost && (length > 0 || flags.includes('S'))) peer.rcvNxt = end;
      if (!lost && packet.tsval !== undefined) peer.tsRecent = packet.tsval;
    }
    this.now += this.rtt / 2;
    return this;
  }

  /** Captures the newest packet again, unchanged with the same IPv4 id, as mirrors and `-i any` do. */
  copied(after: number, changes: Partial<Packet> = {}): this {
    this.packets.push({ ...this.last, t: this.last.t + after, ...changes });
    return this;
  }

  syn(changes?: Changes): this {
    return this.send('client', 'S', changes);
  }

  /** Retransmits the SYN: same sequence number, later timestamp and IPv4 id. */
  synAgain(changes: Changes = {}): this {
    return this.send('client', 'S', { seq: this.client.nxt - 1, ...changes });
  }

  synAck(changes?: Changes): this {
    return this.send('server', 'SA', changes);
  }

  ack(from: End, changes?: Changes): this {
    return this.send(from, 'A', changes);
  }

  fin(from: End, changes?: Changes): this {
    return this.send(from, 'FA', changes);
  }

  finAgain(from: End): this {
    return this.send(from, 'FA', { seq: this[from].finSeq });
  }

  handshake(): this {
    return this.syn().synAck().ack('client');
  }

  request(bytes = 100): this {
    return this.send('client', 'PA', { payload: bytes }).ack('server');
  }

  response(bytes = 500): this {
    return this.send('server', 'PA', { payload: bytes }).ack('client');
  }

  /** The server closes first and owns the TIME_WAIT. */
  serverCloses(): this {
    return this.fin('server').ack('client').fin('client').ack('server');
  }

  clientCloses(): this {
    return this.fin('client').ack('server').fin('server').ack('client');
  }

  /** Both FINs cross on the way: each end owns a TIME_WAIT. */
  simultaneousClose(): this {
    const server = { ...this.server };
    this.fin('client');
    this.send('server', 'FA', { ack: server.rcvNxt, tsecr: server.tsRecent });
    return this.ack('client').ack('server');
  }

  /** An active abort (SO_LINGER 0, unread data, killed process): RST,ACK with timestamps and a running IPv4 id. */
  rstFrom(from: End, changes: Changes = {}): this {
    return this.send(from, 'RA', changes);
  }

  /** The stateless answer of a host without a socket: bare RST, no options, no window, IPv4 id 0. */
  bareRst(from: End, changes: Changes = {}): this {
    return this.send(from, 'R', { bare: true, window: 0, ipId: 0, ack: 0, ...changes });
  }

  /** A closed port answers the SYN. */
  refuse(changes: Changes = {}): this {
    return this.send('server', 'RA', { bare: true, window: 0, ipId: 0, seq: 0, ...changes });
  }

  /** The next connection of the same tuple, `after` seconds later, in the same story. */
  reopen(after: number, setup: Setup = {}): Conversation {
    return new Conversation({
      client: this.client.host,
      clientPort: this.client.port,
      server: this.server.host,
      serverPort: this.server.port,
      rtt: this.rtt,
      at: this.now + after,
      story: this.packets,
      ...setup,
    });
  }

  /**
   * Answers the SYN of `next` with the numbers of this old connection: by default from its TIME_WAIT, which has no
   * IPv4 ids.
   */
  oldAck(next: Conversation, changes: Changes = { ipId: 0 }): this {
    this.now = next.now;
    this.send('server', 'A', changes);
    next.now = this.now;
    return this;
  }
}

function sideOf(end: string | Host, port: number): Side {
  const known = { nxt: 0, rcvNxt: 0, tsRecent: 0, finSeq: 0 };
  if (end instanceof Host) return { host: end, port, ...known };
  const colon = end.lastIndexOf(':');
  const address = end.slice(0, colon).replace(/[[\]]/g, '');
  return { host: new Host(address, isIPv6(address) ? { ttl: 63 } : {}), port: Number(end.slice(colon + 1)), ...known };
}

/** A connection that has just been established. */
export const handshake = (setup?: Setup): Conversation => new Conversation(setup).handshake();

/** A whole short exchange: handshake, request, response. */
export const exchange = (setup?: Setup): Conversation => handshake(setup).request().response();

/** Established, then closed; see the methods of the same names. */
export const serverCloses = (setup?: Setup): Conversation => exchange(setup).serverCloses();
export const clientCloses = (setup?: Setup): Conversation => exchange(setup).clientCloses();
export const simultaneousClose = (setup?: Setup): Conversation => exchange(setup).simultaneousClose();

/** Several stories as one capture, in time order. */
export const together = (...stories: readonly (Conversation | readonly Packet[])[]): Packet[] =>
  stories.flatMap(story => (story instanceof Conversation ? story.packets : story)).toSorted((a, b) => a.t - b.t);

/** The packets as captured with a clock that is set back by `by` seconds at `at`, in their order of arrival. */
export const setBack = (packets: readonly Packet[], at: number, by: number): Packet[] =>
  packets.toSorted((a, b) => a.t - b.t).map(packet => (packet.t < at ? packet : { ...packet, t: packet.t - by }));
