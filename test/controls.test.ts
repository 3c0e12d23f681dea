/**
 * No false accusation: traffic without a fault, however ugly the path and the capture, may be described but not
 * accused. Real captures of the kind lie beside the corpus (PAWSCOPE_CORPUS); the others are made here.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Conversation, exchange, handshake, together } from './build/conversation.ts';
import { Host } from './build/host.ts';
import { type PathOptions, randomness, transfer } from './build/lossy-path.ts';
import {
  assertClaims,
  captured,
  LATE_COPIES,
  LATE_SYNS,
  MAY_HAVE_COST,
  NO_RECYCLE,
  OVERTAKEN,
  PER_CONNECTION,
  UNANSWERED_SYNS,
} from './build/no-accusation.ts';
import { outages } from './build/outages.ts';
import type { Packet } from './build/packet.ts';
import { situations } from './build/situations.ts';

const LAB = process.env.PAWSCOPE_CORPUS === undefined ? '' : join(process.env.PAWSCOPE_CORPUS, '../lab');
const skip = existsSync(LAB) ? false : 'skipped: needs PAWSCOPE_CORPUS';

/** A queue is full, and a listener is closed before it has accepted a connection: both are true, and all that is. */
const ACCEPT_OVERFLOW = [
  'reset-close info handshake-abort',
  'reset-close warning abort-after-peer-fin',
  'unanswered-syn warning accept-queue',
  ...PER_CONNECTION,
];
/** Of a full queue that shows itself by silence nobody knows that it is one. */
const LISTEN_OVERFLOW = ['unanswered-syn notice unknown', UNANSWERED_SYNS];
const [CLOCKS, , REGRESS] = PER_CONNECTION;

for (const [scenario, claims] of Object.entries({
  'normal/clean-nat': [CLOCKS!, REGRESS!, NO_RECYCLE, 'recycle-hazard info'],
  'normal/lossy': [...PER_CONNECTION, NO_RECYCLE, 'recycle-hazard info', 'unanswered-syn info path-loss', OVERTAKEN],
  'rst-close/accept-overflow': ACCEPT_OVERFLOW,
  'tw-recycle/listen-overflow': LISTEN_OVERFLOW,
})) {
  test(`real kernels: ${scenario}`, { skip }, async () => {
    await assertClaims({ name: scenario, path: join(LAB, scenario, 'srv.pcap') }, ...claims);
  });
}

for (const [name, claims] of Object.entries({
  'lab-accept-overflow': ACCEPT_OVERFLOW,
  'lab-accept-queue-silent': [CLOCKS!, REGRESS!, 'unanswered-syn notice accept-queue'],
  // Two hosts meet in a TIME_WAIT by and by.
  'lab-nat-few-ports': [
    ...PER_CONNECTION,
    NO_RECYCLE,
    'port-reuse info closed accepted',
    'port-reuse info in-time-wait accepted',
    'port-reuse info in-time-wait accepted:tw-isn',
    'port-reuse warning in-time-wait challenge-ack>rst',
    'port-reuse warning in-time-wait challenge-ack>rst>accepted',
    'recycle-hazard info',
    'reset-close info answer-to-old-ack',
    'reset-close notice tw-assassination',
    'timestamp-regress notice per-connection',
    'unanswered-syn notice time-wait',
    'unanswered-syn warning time-wait',
  ],
  'lab-nat-random-ports': PER_CONNECTION,
  'lab-recycle-listen-overflow': LISTEN_OVERFLOW,
  'lab-syn-ack-lost': [...PER_CONNECTION, NO_RECYCLE, 'recycle-hazard info', 'unanswered-syn info path-loss'],
  'nat-clock-per-connection': [...PER_CONNECTION, NO_RECYCLE],
})) {
  test(`fixture: ${name}`, async () => {
    const path = fileURLToPath(new URL(`../../fixtures/${name}.pcap`, import.meta.url));
    await assertClaims({ name, path }, ...claims);
  });
}

for (const { file, about, make } of situations.filter(({ file }) => file.startsWith('healthy-'))) {
  test(`fixture: ${about}`, async () => {
    await assertClaims({ name: file, bytes: make() });
  });
}

/** Sixteen connections over one path. */
function transfers(path: Omit<PathOptions, 'seed'>): Packet[] {
  const client = new Host('192.0.2.10');
  const server = new Host('198.51.100.80', { ttl: 57 });
  return together(
    ...Array.from({ length: 16 }, (_, i) => {
      const open = handshake({ client, clientPort: 40000 + 2 * i, server, at: i * 0.4 }).request();
      return transfer(open, 250, { ...path, seed: i + 1 })
        .wait(0.1)
        .clientCloses();
    }),
  );
}

const LATE = [LATE_COPIES, OVERTAKEN];
const PATHS: readonly (readonly [string, Omit<PathOptions, 'seed'>, ...string[]])[] = [
  ['loses 3 %', { loss: 0.03 }],
  ['reorders 10 %', { reordered: 0.1 }, ...LATE],
  ['doubles 5 %', { doubled: 0.05, late: 0.2 }, LATE_COPIES],
  ['loses, reorders and doubles', { loss: 0.02, reordered: 0.1, doubled: 0.02, late: 0.05 }, ...LATE],
  ['reorders by more than a retransmission takes', { loss: 0.02, reordered: 0.05, late: 0.6 }, ...LATE],
  ['holds packets back for seconds', { loss: 0.05, reordered: 0.2, doubled: 0.05, late: 2.5 }, ...LATE],
];

for (const [what, path, ...claims] of PATHS) {
  test(`a path that ${what}`, async () => {
    await assertClaims(captured(transfers(path)), ...claims);
  });

  test(`a path that ${what}, in a capture that lacks every seventh frame`, async () => {
    const packets = transfers(path).filter((_, i) => i % 7 !== 3);
    await assertClaims(captured(packets), ...claims);
  });
}

test('a capture that drops at random: acknowledgements of data that it does not have', async () => {
  const random = randomness(7);
  const packets = transfers({}).filter(() => random() < 0.6);
  await assertClaims(captured(packets));
});

test('one direction only', async () => {
  const packets = transfers({ loss: 0.02, reordered: 0.1 });
  const sides = ['192.0.2.10', '198.51.100.80'];
  await assertClaims(sides.map(side => captured(packets.filter(({ src }) => src === side))));
});

test('keep-alive probes of both ends, some of them unanswered', async () => {
  const c = exchange();
  for (let i = 0; i < 20; i++) {
    const from = i % 2 === 0 ? 'client' : 'server';
    c.wait(30).ack(from, { seq: c[from].nxt - 1 });
    if (i % 5 !== 4) c.ack(from === 'client' ? 'server' : 'client');
  }
  await assertClaims(captured(c.request().response().clientCloses().packets));
});

/** Six connections at once to each of four servers, kept alive, every few seconds another page. */
function browsing(client: Host, pages: number): Conversation[] {
  const servers = Array.from({ length: 4 }, (_, i) => new Host(`198.51.100.${80 + i}`, { ttl: 50 + i }));
  let port = 40000;
  return Array.from({ length: pages }, (_, page) =>
    servers.flatMap(server =>
      Array.from({ length: 6 }, (_, i) => {
        port += 2;
        const at = page * 3 + i * 0.015;
        const c = exchange({ client, clientPort: port, server, serverPort: 443, at, rtt: 0.02 + i * 0.003 });
        for (let n = 0; n < i; n++) c.wait(0.4).request(700).response(15_000);
        return i % 3 === 0 ? c.wait(5).serverCloses() : c.wait(2).clientCloses();
      }),
    ),
  ).flat();
}

test('a browser: many connections at once, closed by either end', async () => {
  await assertClaims(captured(together(...browsing(new Host('192.0.2.10'), 8))));
});

for (const [what, options, ...claims] of [
  ['one clock', {}],
  ['an offset for each connection', { perConnection: true }, ...PER_CONNECTION],
  ['no timestamps', { timestamps: false }],
] as const) {
  test(`one host with ${what}: 400 short connections, its ports used again after minutes`, async () => {
    const client = new Host('192.0.2.10', options);
    const server = new Host('198.51.100.80', { perConnection: 'perConnection' in options });
    const stories = Array.from({ length: 400 }, (_, i) =>
      exchange({ client, clientPort: 40000 + 2 * (i % 250), server, at: i * 0.5 }).clientCloses(),
    );
    await assertClaims(captured(together(...stories)), 'port-reuse info after-time-wait accepted', ...claims);
  });
}

test('one host with an offset for each connection, before a server that closes first', async () => {
  const client = new Host('192.0.2.10', { perConnection: true });
  const stories = Array.from({ length: 300 }, (_, i) =>
    exchange({ client, clientPort: 40000 + 2 * i, at: i * 0.11 }).serverCloses(),
  );
  await assertClaims(captured(together(...stories)), ...PER_CONNECTION, NO_RECYCLE);
});

test('SYNs lost on the way at random: repeated, answered, nobody accused', async () => {
  const random = randomness(3);
  const client = new Host('192.0.2.10', { perConnection: true });
  const stories = Array.from({ length: 100 }, (_, i) => {
    const c = new Conversation({ client, clientPort: 40000 + 2 * i, at: i * 0.2 }).syn({ lost: true });
    for (let gap = 1; random() < 0.2 && gap < 16; gap *= 2) c.wait(gap).synAgain({ lost: true });
    return c.wait(1).synAgain().synAck().ack('client').request().response().serverCloses();
  });
  await assertClaims(captured(together(...stories)), CLOCKS!, REGRESS!, ...MAY_HAVE_COST, ...LATE_SYNS);
});

test('outages of a server before one host with an offset for each connection: no tcp_tw_recycle', async () => {
  // In the first five the outages hit older clocks only, or nearly so.
  const seeds = [1542, 2295, 2454, 2618, 2911, ...Array.from({ length: 25 }, (_, i) => i)];
  await assertClaims(
    seeds.map(seed => captured(together(...outages(seed), exchange({ client: '192.0.2.99:5', at: 200 })))),
    ...PER_CONNECTION,
    ...MAY_HAVE_COST,
    ...LATE_SYNS,
    NO_RECYCLE,
  );
});
