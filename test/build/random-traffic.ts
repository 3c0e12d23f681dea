/**
 * Random traffic for property tests: few hosts and ports, so that tuples collide; sequence numbers that are mostly, but
 * not always, plausible; pauses from microseconds to 100 s; duplicates; and frames stored up to 9 ms out of order.
 */
import fc from 'fast-check';
import { Conversation, type End, TW_ISN_STEP } from './conversation.ts';
import { Host } from './host.ts';
import { type Frame, frames, type Packet } from './packet.ts';

const CLIENTS = ['192.0.2.10', '192.0.2.11', '2001:db8::10'];
const PORTS = [40000, 40002];

const ACTIONS = {
  handshake: c => c.handshake(),
  syn: c => c.syn(),
  synAgain: c => c.synAgain(),
  synAck: c => c.synAck(),
  crossingSyn: c => c.send('server', 'S'),
  request: c => c.request(),
  response: c => c.response(),
  clientAck: c => c.ack('client'),
  serverAck: c => c.ack('server'),
  clientFin: c => c.fin('client'),
  serverFin: c => c.fin('server'),
  finAgain: c => c.finAgain('client'),
  serverCloses: c => c.serverCloses(),
  clientCloses: c => c.clientCloses(),
  abort: c => c.rstFrom('server'),
  clientAbort: c => c.rstFrom('client'),
  bareRst: c => c.bareRst('client'),
  serverBareRst: c => c.bareRst('server'),
  refuse: c => c.refuse(),
} satisfies Record<string, (c: Conversation) => Conversation>;

/** How the tuple's next connection relates to the one before. */
const SUCCESSIONS = ['plain', 'tw-isn', 'other-machine', 'swapped'] as const;

const pause = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 20_000 }) },
  { weight: 2, arbitrary: fc.integer({ min: 20_000, max: 2_000_000 }) },
  { weight: 2, arbitrary: fc.integer({ min: 2_000_000, max: 100_000_000 }) },
);

/** Defined with a probability of 1 / `oneIn`, otherwise undefined. */
const rarely = <T>(oneIn: number, arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.oneof({ weight: oneIn - 1, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary });

/** Actions of an ordinary connection, which come more often than the odd ones. */
const USUAL = ['handshake', 'handshake', 'request', 'serverCloses', 'serverCloses', 'clientCloses'] as const;

const step = fc.record({
  client: fc.oneof(fc.constant(0), fc.nat(CLIENTS.length - 1)),
  port: fc.oneof(fc.constant(0), fc.nat(PORTS.length - 1)),
  act: fc.oneof(fc.constantFrom(...USUAL), fc.constantFrom(...(Object.keys(ACTIONS) as (keyof typeof ACTIONS)[]))),
  /** Begin another connection on the tuple first. */
  reopen: rarely(3, fc.constantFrom(...SUCCESSIONS)),
  micros: pause,
  /** Added to the sequence number of the step's last packet. */
  shift: fc.oneof(
    { weight: 10, arbitrary: fc.constant(0) },
    { weight: 1, arbitrary: fc.constantFrom(1, -1, 1000, -1000, 2 ** 31) },
  ),
  copyAfter: rarely(8, fc.integer({ min: 10, max: 60_000 })),
  late: fc.oneof(
    { weight: 5, arbitrary: fc.constant(0) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 9_000 }) },
  ),
});

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** Random frames in the order of the file. */
export const randomTraffic = (maxSteps = 60): fc.Arbitrary<Frame[]> =>
  fc.array(step, { minLength: 2, maxLength: maxSteps, size: 'max' }).map(steps => frames(play(steps)));

/** A stream of about `count` frames, enough for several slabs, made of pieces of random traffic; always the same. */
export function longTraffic(count: number): Frame[] {
  const long: Frame[] = [];
  let start = 0;
  for (let seed = 1; long.length < count; seed++) {
    const [piece] = fc.sample(randomTraffic(200), { seed, numRuns: 1 });
    for (const frame of piece!) long.push({ ...frame, t: frame.t + start });
    start = 1 + long.reduce((latest, frame) => Math.max(latest, frame.t), 0);
  }
  return long;
}

function play(steps: readonly Step[]): Packet[] {
  const server = new Host('198.51.100.80');
  const server6 = new Host('2001:db8:80::1');
  const tuples = new Map<string, Conversation>();
  const stored: { packet: Packet; order: number }[] = [];
  let now = 0;
  for (const s of steps) {
    now += s.micros / 1e6;
    const address = CLIENTS[s.client];
    const key = `${s.client} ${s.port}`;
    let c =
      tuples.get(key) ??
      new Conversation({
        client: new Host(address),
        clientPort: PORTS[s.port],
        server: address.includes(':') ? server6 : server,
        at: now,
      });
    c.now = now;
    if (s.reopen !== undefined) c = successor(c, s.reopen);
    tuples.set(key, c);
    const from = c.packets.length;
    ACTIONS[s.act](c);
    now = c.now;
    const added = c.packets.slice(from);
    const last = added.at(-1)!;
    last.seq = (last.seq + s.shift) >>> 0;
    for (const packet of added) stored.push({ packet, order: packet.t + s.late / 1e6 });
    if (s.copyAfter !== undefined) {
      const t = last.t + s.copyAfter / 1e6;
      stored.push({ packet: { ...last, t }, order: t });
      now = Math.max(now, t);
    }
  }
  return stored.sort((a, b) => a.order - b.order).map(({ packet }) => packet);
}

function successor(old: Conversation, how: (typeof SUCCESSIONS)[number]): Conversation {
  switch (how) {
    case 'plain':
      return old.reopen(0);
    case 'tw-isn':
      return old.reopen(0, { clientIsn: old.client.nxt + TW_ISN_STEP, serverIsn: old.server.nxt + TW_ISN_STEP });
    case 'other-machine':
      return old.reopen(0, { client: new Host(old.client.host.address, { boot: 1000 }) });
    case 'swapped':
      return old.reopen(0, swap(old));
  }
}

/** Host and port of both ends exchanged, so that the other end opens the connection. */
function swap({ client, server }: Conversation): { [end in End]: Host } & { clientPort: number; serverPort: number } {
  return { client: server.host, clientPort: server.port, server: client.host, serverPort: client.port };
}
