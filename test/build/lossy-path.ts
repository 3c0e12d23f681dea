/**
 * A transfer over a path that loses, delays and duplicates packets, captured at the receiver: the sender retransmits
 * what is lost; the receiver acknowledges, echoes timestamps and drops by PAWS as Linux does. The same seed gives the
 * same packets.
 */
import type { Conversation, Side } from './conversation.ts';
import type { Packet } from './packet.ts';

export interface PathOptions {
  seed: number;
  /** Shares of packets, 0 to 1. */
  loss?: number;
  reordered?: number;
  doubled?: number;
  /** One-way delay in seconds; a reordered or duplicated packet takes up to this much longer. */
  delay?: number;
  /** A reordered packet is late by up to this, in seconds. */
  late?: number;
}

const SEGMENT = 1000;
/** Seconds between two segments, and without an ACK until a retransmission; MAX_EVENTS bounds the whole transfer. */
const PACE = 0.002;
const TIMEOUT = 0.25;
const MAX_EVENTS = 20_000;

/** A generator of random numbers from 0 to 1 (mulberry32). */
export function randomness(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The server sends `segments` of 1000 bytes to the client of an open connection. */
export function transfer(c: Conversation, segments: number, options: PathOptions): Conversation {
  const { loss = 0, reordered = 0, doubled = 0, delay = 0.01, late = 0.02 } = options;
  const random = randomness(options.seed);
  const { client, server } = c;
  const first = server.nxt;
  const end = (i: number): number => (first + i * SEGMENT) >>> 0;
  const packets: Packet[] = [];
  const events: { at: number; run: () => void }[] = [];
  const after = (span: number, run: () => void): void => {
    events.push({ at: c.now + span, run });
  };
  /** Captured at the receiver: data on arrival, ACKs on departure. */
  const cross = (arrive: () => void): void => {
    if (random() < loss) return;
    const span = (): number => delay + (random() < reordered ? random() * late : 0);
    after(span(), arrive);
    if (random() < doubled) after(span() + random() * late, arrive);
  };
  const packetOf = (from: Side, to: Side, fields: Partial<Packet>): Packet => ({
    t: c.now,
    src: from.host.address,
    sport: from.port,
    dst: to.host.address,
    dport: to.port,
    flags: 'A',
    seq: from.nxt,
    ack: from.rcvNxt,
    window: 502,
    ttl: from.host.ttl,
    ipId: from.host.ipId(),
    tsval: from.host.tsval(c.now, c.name),
    tsecr: from.tsRecent,
    ...fields,
  });

  let sent = 0;
  let acked = 0;
  let lastAck = c.now;
  let repeats = 0;
  const send = (i: number): void => {
    const data = packetOf(server, client, { flags: 'PA', seq: end(i), payload: SEGMENT });
    cross(() => receive(i, data));
  };
  const held = new Set<number>();
  let received = 0;
  /** Last.ACK.sent of the receiver: only segments at or before it update TS.Recent (RFC 7323 §4.3). */
  function receive(i: number, data: Packet): void {
    packets.push({ ...data, t: c.now });
    const age = (client.tsRecent - data.tsval!) | 0;
    if (age <= 1) {
      if (i <= received && age <= 0) client.tsRecent = data.tsval!;
      held.add(i);
      while (held.has(received)) received++;
    }
    client.rcvNxt = end(received);
    const ack = packetOf(client, server, {});
    packets.push(ack);
    const at = received;
    cross(() => hear(at, ack));
  }
  function hear(at: number, ack: Packet): void {
    if (((ack.tsval! - server.tsRecent) | 0) >= 0) server.tsRecent = ack.tsval!;
    lastAck = c.now;
    repeats = at === acked ? repeats + 1 : 0;
    if (repeats === 3) send(acked);
    acked = Math.max(acked, at);
  }
  function tick(): void {
    if (acked >= segments) return;
    if (sent < segments) send(sent++);
    if (c.now - lastAck > TIMEOUT) {
      lastAck = c.now;
      send(acked);
    }
    after(PACE, tick);
  }
  tick();
  for (let count = 0; events.length > 0 && count < MAX_EVENTS; count++) {
    const next = events.reduce((a, b) => (b.at < a.at ? b : a));
    events.splice(events.indexOf(next), 1);
    c.now = next.at;
    next.run();
  }
  server.nxt = end(segments);
  client.rcvNxt = server.nxt;
  c.packets.push(...packets);
  return c;
}
