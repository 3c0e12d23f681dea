/**
 * No false accusation, where it is tempting: behaviour that looks like the faults this project finds, made by hosts and
 * paths that have none of them, or another one.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Conversation, exchange, type Setup, serverCloses, together } from './build/conversation.ts';
import { Host, scramble } from './build/host.ts';
import { randomness, transfer } from './build/lossy-path.ts';
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
import type { Packet } from './build/packet.ts';

const NAT = '192.0.2.10';
const SERVER = '198.51.100.80';

const [CLOCKS, , REGRESS] = PER_CONNECTION;
/** There are two of them. */
const TWO_HOSTS = 'shared-address info interleaved 2';
const BEHIND = 'timestamp-regress notice interleaved';
const USED_AGAIN = 'port-reuse info in-time-wait accepted';

/** SYNs by the timer of Linux 6.5 and newer until the server takes one, from `until` on. */
function tries(setup: Setup, until: number, most = 7): Conversation {
  const c = new Conversation(setup).syn({ lost: true });
  const start = c.now;
  const schedule = [1, 2, 3, 4, 5, 7, 11, 19, 35, 67];
  for (const after of schedule.slice(0, most - 1)) {
    c.now = start + after;
    c.synAgain();
    if (c.now >= until) return c.synAck().ack('client').request().response().serverCloses();
  }
  return c;
}

/** Every connection that comes while the queue is full is let in only after it. */
function fullQueue(
  hosts: readonly Host[],
  full: readonly (readonly [from: number, to: number])[],
  seed: number,
): Packet[] {
  const random = randomness(seed);
  const stories: Conversation[] = [];
  for (let t = 0, port = 40_000; t < 120; t += 0.2 + random() * 0.6, port += 2) {
    const setup = { client: hosts[Math.floor(random() * hosts.length)], clientPort: port, at: t };
    const now = full.find(([from, to]) => t >= from && t < to);
    stories.push(now === undefined ? serverCloses(setup) : tries(setup, now[1]));
  }
  return together(...stories);
}

for (const [what, hosts, ...claims] of [
  [
    'two hosts behind a NAT, a clock each',
    [new Host(NAT, { boot: 50_000_000 }), new Host(NAT, { boot: 1_000_000 })],
    TWO_HOSTS,
    BEHIND,
  ],
  [
    'a modern host with a clock for each connection',
    [new Host(NAT, { perConnection: true })],
    ...PER_CONNECTION,
    ...MAY_HAVE_COST,
  ],
  [
    'two modern hosts behind a NAT',
    [new Host(NAT, { perConnection: true }), new Host(NAT, { perConnection: true, boot: 7 })],
    ...PER_CONNECTION,
    ...MAY_HAVE_COST,
  ],
] as const) {
  test(`an accept queue that is full now and then: ${what}`, async () => {
    const full = [
      [20, 24],
      [50, 60],
      [90, 93],
    ] as const;
    await assertClaims(
      [1, 2, 3, 4, 5, 6].map(seed => captured(fullQueue(hosts, full, seed))),
      ...claims,
      ...LATE_SYNS,
      UNANSWERED_SYNS,
    );
  });
}

test('an outage while only the host with the older clock tries', async () => {
  const ahead = new Host(NAT, { boot: 50_000_000 });
  const behind = new Host(NAT, { boot: 1_000_000 });
  const good = Array.from({ length: 8 }, (_, i) =>
    serverCloses({ client: ahead, clientPort: 40_000 + 2 * i, at: i * 2 }),
  );
  const bad = Array.from({ length: 4 }, (_, i) =>
    tries({ client: behind, clientPort: 50_000 + 2 * i, at: 17 + i }, 99, 4),
  );
  const after = serverCloses({ client: ahead, clientPort: 45_000, at: 40 });
  await assertClaims(captured(together(...good, ...bad, after)), TWO_HOSTS, BEHIND, UNANSWERED_SYNS);
});

test('a server that drops every second SYN, two hosts behind a NAT', async () => {
  const random = randomness(5);
  const hosts = [new Host(NAT, { boot: 50_000_000 }), new Host(NAT, { boot: 1_000_000 })];
  const stories = Array.from({ length: 120 }, (_, i) => {
    const setup = { client: hosts[i % 2], clientPort: 40_000 + 2 * i, at: i * 0.5 };
    return random() < 0.5 ? tries(setup, i * 0.5 + 0.5) : serverCloses(setup);
  });
  const claims = [TWO_HOSTS, BEHIND, 'timestamp-regress info', NO_RECYCLE, ...LATE_SYNS];
  await assertClaims(captured(together(...stories)), ...claims);
});

test('thirty percent of loss, reordering and copies at once', async () => {
  const stories = (seed: number): Conversation[] =>
    Array.from({ length: 8 }, (_, i) => {
      const open = exchange({ client: `${NAT}:${40_000 + 2 * i}`, at: i * 0.4 });
      return transfer(open, 120, { loss: 0.3, reordered: 0.3, doubled: 0.1, late: 0.5, seed: seed * 100 + i })
        .wait(1)
        .clientCloses();
    });
  await assertClaims(
    [1, 2, 3].map(seed => captured(together(...stories(seed)))),
    LATE_COPIES,
    OVERTAKEN,
  );
});

/** Much at once: two hosts behind a NAT, a modern one, servers that close first, ports used again. */
function mixture(): Packet[] {
  const hosts = [
    new Host(NAT, { boot: 50_000_000 }),
    new Host(NAT, { boot: 1_000_000 }),
    new Host('192.0.2.77', { perConnection: true }),
  ];
  return together(
    ...Array.from({ length: 240 }, (_, i) => {
      const c = exchange({ client: hosts[i % 3], clientPort: 40_000 + 2 * (i % 60), at: i * 0.7, rtt: 0.02 });
      return i % 4 === 0 ? c.wait(0.5).rstFrom('server') : i % 2 === 0 ? c.serverCloses() : c.clientCloses();
    }),
  );
}

/** What there is of it: the hosts, and an abort of the server now and then. */
const MIXED: readonly string[] = [TWO_HOSTS, BEHIND, ...PER_CONNECTION];
const WHOLE: readonly string[] = [
  ...MIXED,
  NO_RECYCLE,
  USED_AGAIN,
  'port-reuse info after-rst accepted',
  'port-reuse info unknown-close accepted',
  'recycle-hazard info',
  'reset-close info no-flow',
  'reset-close warning abort',
];

test('one direction of it', async () => {
  await assertClaims(
    [NAT, SERVER].map(side => captured(mixture().filter(({ src }) => (side === SERVER) === (src === SERVER)))),
    ...MIXED,
    'port-reuse info unknown-close unobservable',
    'reset-close info abort',
  );
});

test('joined in the middle, at any packet', async () => {
  const packets = mixture();
  await assertClaims(
    Array.from({ length: 59 }, (_, i) => captured(packets.slice((i + 1) * 17))),
    ...WHOLE,
    'timestamp-regress notice single',
  );
});

test('a capture that lacks whole seconds', async () => {
  const packets = mixture().filter(({ t }) => Math.floor(t) % 5 !== 0);
  await assertClaims(
    captured(packets),
    ...WHOLE,
    'port-reuse info after-time-wait accepted',
    'port-reuse info open accepted',
    'reset-close info repeat',
  );
});

test('keep-alive probes for four hours, a probe unanswered now and then', async () => {
  const c = exchange();
  for (let i = 0; i < 190; i++) {
    c.wait(75).ack('server', { seq: c.server.nxt - 1 });
    if (i % 17 !== 3) c.ack('client');
  }
  await assertClaims(captured(c.request().response().clientCloses().packets));
});

test('a flood of SYNs from spoofed addresses: SYN-ACKs repeated to nobody, a client that suffers', async () => {
  const flood = Array.from({ length: 1500 }, (_, i) => {
    const c = new Conversation({ client: `203.0.113.${i % 250}:${1024 + i}`, at: i * 0.01 })
      .syn()
      .synAck({ lost: true });
    for (let gap = 1; gap < 8; gap *= 2) c.wait(gap).send('server', 'SA', { seq: c.server.nxt - 1, lost: true });
    return c;
  });
  const real = Array.from({ length: 20 }, (_, i) => tries({ clientPort: 40_000 + 2 * i, at: i }, i + (i % 4), 6));
  await assertClaims(captured(together(...flood, ...real)), ...LATE_SYNS);
});

test('a balancer: backends with clocks, numbers and TTLs of their own behind one address', async () => {
  const client = new Host(NAT);
  const backends = Array.from({ length: 4 }, (_, i) => new Host(SERVER, { boot: scramble(`${i}`) >>> 1, ttl: 60 - i }));
  const stories: Conversation[] = [];
  for (let i = 0; i < 200; i++) {
    const setup = { client, clientPort: 40_000 + 2 * (i % 50), server: backends[(i * 7) % 4], at: i * 0.4 };
    stories.push(i % 3 === 0 ? exchange(setup).clientCloses() : serverCloses(setup));
  }
  await assertClaims(captured(together(...stories)), USED_AGAIN);
});

test('TCP Fast Open: data on SYNs and SYN-ACKs', async () => {
  const stories = Array.from({ length: 60 }, (_, i) => {
    const c = new Conversation({ clientPort: 40_000 + 2 * i, at: i * 0.3 }).syn({ payload: 120 });
    return c
      .synAck({ payload: i % 2 === 0 ? 0 : 300 })
      .ack('client')
      .response(900)
      .serverCloses();
  });
  await assertClaims(captured(together(...stories)));
});

test('scanners: closed, filtered and open ports, half-open and whole, beside ordinary connections', async () => {
  const scanner = new Host(NAT, { perConnection: true });
  const stories = Array.from({ length: 900 }, (_, i) => {
    const c = new Conversation({ client: scanner, clientPort: 33_000 + i, serverPort: 1 + i, at: i * 0.02 }).syn();
    if (i % 3 === 0) return c.refuse();
    if (i % 3 === 1) return i % 2 === 0 ? c.wait(1).synAgain() : c;
    return c.synAck().bareRst('client', { seq: c.client.nxt });
  });
  const ordinary = Array.from({ length: 60 }, (_, i) =>
    serverCloses({ client: scanner, clientPort: 50_000 + 2 * i, at: i * 0.3 }),
  );
  await assertClaims(
    captured(together(...stories, ...ordinary)),
    CLOCKS!,
    REGRESS!,
    ...MAY_HAVE_COST,
    'reset-close info handshake-abort',
    'reset-close warning refused',
    'unanswered-syn notice unknown',
  );
});

for (const [what, options] of [
  ['a clock of a microsecond that comes round', { hz: 1_000_000, boot: 2 ** 32 - 20_000_000 }],
  ['a clock of a millisecond that comes round', { boot: 2 ** 32 - 20_000 }],
  ['a clock that passes 2^31', { boot: 2 ** 31 - 20_000 }],
  ['a clock that begins with 0', { boot: 0 }],
  ['a clock of 100 ticks a second', { hz: 100, boot: 12_345 }],
] as const) {
  test(`one host with ${what}`, async () => {
    const client = new Host(NAT, options);
    const stories = Array.from({ length: 150 }, (_, i) => {
      const setup = { client, clientPort: 40_000 + 2 * (i % 70), at: i * 0.4 };
      return i % 2 === 0 ? serverCloses(setup) : exchange(setup).wait(1).clientCloses();
    });
    await assertClaims(captured(together(...stories)), USED_AGAIN);
  });
}

const RESTART = ['shared-address info restart 1', 'timestamp-regress notice restart'];

for (const [what, second, ...claims] of [
  ['a host that restarts', new Host(NAT, { boot: 1000 }), ...RESTART],
  [
    'an address that DHCP hands to a host of another kind',
    new Host(NAT, { boot: 900_000_000, timestamps: false, ttl: 128 }),
  ],
  ['an address that DHCP hands to a host with an older clock', new Host(NAT, { boot: 1_000_000, ttl: 63 }), ...RESTART],
] as const) {
  test(what, async () => {
    const first = new Host(NAT, { boot: 600_000_000 });
    const stories = Array.from({ length: 120 }, (_, i) => {
      const client = i < 60 ? first : second;
      return serverCloses({ client, clientPort: 40_000 + 2 * (i % 60), at: i * 0.5 + (i < 60 ? 0 : 20) });
    });
    await assertClaims(captured(together(...stories)), USED_AGAIN, ...claims);
  });
}

test('a client of Windows: no timestamps, TIME_WAIT of 120 s, a refused SYN sent again', async () => {
  const client = new Host(NAT, { timestamps: false, ttl: 128 });
  const stories = Array.from({ length: 90 }, (_, i) => {
    const setup = { client, clientPort: 49_152 + i, at: i * 0.5 };
    if (i % 9 === 0) {
      return new Conversation({ ...setup, serverPort: 81 })
        .syn()
        .refuse()
        .wait(0.5)
        .synAgain()
        .refuse()
        .wait(0.5)
        .synAgain()
        .refuse();
    }
    return i % 2 === 0 ? exchange(setup).clientCloses() : serverCloses(setup);
  });
  await assertClaims(captured(together(...stories)), 'reset-close warning refused');
});

test('a server of a BSD drops SYNs in TIME_WAIT in silence: that is a reuse, and no tcp_tw_recycle', async () => {
  const stories = Array.from({ length: 8 }, (_, i) => {
    const at = i * 3;
    const old = serverCloses({ clientPort: 40_000 + 2 * i, clientIsn: 100_000, at });
    const next = old.reopen(5, { clientIsn: 500 }).syn({ lost: true });
    for (const gap of [1, 2, 4]) next.wait(gap).synAgain({ lost: true });
    return old;
  });
  const others = Array.from({ length: 60 }, (_, i) => serverCloses({ clientPort: 50_000 + 2 * i, at: 0.1 + i * 0.5 }));
  const findings = await assertClaims(
    captured(together(...stories, ...others)),
    'port-reuse warning in-time-wait dropped',
    'unanswered-syn notice time-wait',
    'unanswered-syn warning time-wait',
  );
  assert.deepEqual(
    findings.filter(({ rule }) => rule === 'unanswered-syn').map(({ evidence }) => evidence.cause),
    new Array(8).fill('time-wait'),
  );
});

test('both ends open at once', async () => {
  const stories = Array.from({ length: 10 }, (_, i) => {
    const c = new Conversation({ clientPort: 5000 + i, serverPort: 6000 + i, at: i });
    c.syn({ lost: true }).send('server', 'S', { ack: 0, tsecr: 0 });
    c.server.rcvNxt = c.client.nxt;
    return c
      .send('client', 'SA', { seq: c.client.nxt - 1 })
      .send('server', 'SA', { seq: c.server.nxt - 1 })
      .request()
      .response()
      .clientCloses();
  });
  await assertClaims(captured(together(...stories)));
});
