import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SCOPE_IPV6 } from '../../src/capture/slab.ts';
import { Duplicates } from '../../src/flow/duplicates.ts';
import { fingerprint } from '../../src/wire/fingerprint.ts';
import { Segment } from '../../src/wire/segment.ts';
import { Flag } from '../../src/wire/tcp.ts';
import { Timestamps } from '../../src/wire/tcp-options.ts';
import { exchange } from '../build/conversation.ts';
import { evidence, flows, follow } from './follow.ts';

const MS = 1e6;

function segment(fields: Partial<Segment>): Segment {
  const made = Object.assign(new Segment(), {
    at: 0,
    src: 1,
    dst: 2,
    ports: (40000 << 16) | 80,
    seq: 1000,
    ack: 2000,
    flags: Flag.ACK,
    length: 100,
    window: 500,
    timestamps: Timestamps.PRESENT,
    tsval: 5,
    tsecr: 6,
    ttl: 64,
    ipId: 7,
    ...fields,
  });
  fingerprint(made);
  return made;
}

/** Whether the second is taken for a copy of the first. */
function copied(first: Partial<Segment>, second: Partial<Segment>): boolean {
  const memory = new Duplicates();
  assert.equal(memory.seen(segment(first)), false);
  return memory.seen(segment({ ...first, ...second }));
}

test('the same packet 5 ms later is a copy, a nanosecond more and it is another', () => {
  assert.ok(copied({}, { at: 0 }));
  assert.ok(copied({}, { at: 5 * MS }));
  assert.ok(!copied({}, { at: 5 * MS + 1 }));
});

test('a SYN has 50 ms', () => {
  for (const flags of [Flag.SYN, Flag.SYN | Flag.ACK]) {
    assert.ok(copied({ flags }, { at: 50 * MS }));
    assert.ok(!copied({ flags }, { at: 50 * MS + 1 }));
  }
});

const TELLING: readonly (readonly [string, Partial<Segment>])[] = [
  ['sender', { src: 3 }],
  ['receiver', { dst: 3 }],
  ['port', { ports: (40001 << 16) | 80 }],
  ['sequence number', { seq: 1001 }],
  ['acknowledgement', { ack: 2001 }],
  ['flags', { flags: Flag.ACK | Flag.PSH }],
  ['length', { length: 101 }],
  ['TSval', { tsval: 6 }],
  ['TSecr', { tsecr: 7 }],
  ['lack of timestamps', { timestamps: Timestamps.ABSENT }],
  ['IPv4 identification', { ipId: 8 }],
];
for (const [name, difference] of TELLING) {
  test(`another ${name}: another packet`, () => assert.ok(!copied({}, { ...difference, at: 1 })));
}

test('TTL, VLAN and place in the capture do not tell copies apart', () => {
  assert.ok(copied({}, { at: 1, ttl: 63, scope: 9, frame: 12, capture: 3, window: 501 }));
});

test('timestamps that were not read are not compared', () => {
  const first = { timestamps: Timestamps.ABSENT, tsval: 1, tsecr: 2 };
  assert.ok(copied(first, { tsval: 3, tsecr: 4 }));
});

test('the copy names the VLAN of the first', () => {
  const memory = new Duplicates();
  assert.ok(!memory.seen(segment({ scope: 5 | SCOPE_IPV6 })));
  assert.ok(memory.seen(segment({ at: 1, scope: SCOPE_IPV6 })));
  assert.equal(memory.firstScope, 5 | SCOPE_IPV6);
});

test('after a clock step nothing is a copy of what was seen before', () => {
  const memory = new Duplicates();
  assert.ok(!memory.seen(segment({ at: 100 * MS })));
  memory.clear();
  assert.ok(!memory.seen(segment({ at: 99 * MS })));
  assert.ok(memory.seen(segment({ at: 99 * MS })));
});

/** The rule in plain words: the newest packet that was not itself a copy, with all that tells, within its time. */
class Reference {
  private readonly first = new Map<string, number>();

  seen(s: Segment): boolean {
    const stamps = s.timestamps === Timestamps.PRESENT ? [s.tsval, s.tsecr] : [0, 0];
    const key = [s.src, s.dst, s.ports, s.seq, s.ack, s.flags, s.length, s.ipId, ...stamps].join(' ');
    const at = this.first.get(key);
    const window = (s.flags & Flag.SYN ? 50 : 5) * MS;
    if (at !== undefined && s.at - at <= window) return true;
    this.first.set(key, s.at);
    return false;
  }
}

/** Few values, so that copies are many; the pauses straddle both windows. */
const traffic = fc.array(
  fc.record({
    pause: fc.oneof(fc.nat(2000), fc.constantFrom(MS, 5 * MS, 5 * MS + 1, 50 * MS, 51 * MS)),
    src: fc.nat(2),
    seq: fc.nat(3),
    flags: fc.constantFrom(Flag.ACK, Flag.SYN),
    ttl: fc.nat(255),
  }),
  { maxLength: 300, size: 'max' },
);

test('random traffic: exactly the copies that the plain rule finds', () => {
  const same = fc.property(traffic, all => {
    const memory = new Duplicates();
    const reference = new Reference();
    let at = 0;
    for (const { pause, ...fields } of all) {
      at += pause;
      const s = segment({ ...fields, at });
      assert.equal(memory.seen(s), reference.seen(s));
    }
  });
  fc.assert(same, { numRuns: 300 });
});

test('dense traffic, hundreds of thousands within 5 ms: the memory grows and stays exact', () => {
  const memory = new Duplicates();
  const reference = new Reference();
  let state = 1;
  const random = (n: number): number => (state = (Math.imul(state, 0x5851f42d) + 12345) >>> 0) % n;
  let copies = 0;
  for (let i = 0; i < 100_000; i++) {
    const s = segment({ at: i * 60, src: random(4), ports: random(1 << 14), seq: random(4), ipId: 0 });
    const copy = reference.seen(s);
    if (memory.seen(s) !== copy) assert.fail(`packet ${i}`);
    if (copy) copies++;
  }
  assert.ok(copies > 1000, `${copies} copies`);
});

test('the count of segments passes 2^31: copies are still told', () => {
  const memory = new Duplicates();
  Object.assign(Reflect.get(memory, 'packets'), { next: 0x7fff_ff00 });
  const reference = new Reference();
  for (let i = 0; i < 2000; i++) {
    const s = segment({ at: i * 10_000, seq: i % 7, ack: i % 300 });
    assert.equal(memory.seen(s), reference.seen(s));
  }
});

test('crafted packets that fall into one chain do not take more than the memory that is set aside', () => {
  for (const field of ['length', 'tsecr'] as const) {
    const memory = new Duplicates();
    const before = process.memoryUsage().arrayBuffers;
    for (let i = 0; i < 200; i++) {
      const s = segment({ [field]: i, at: i });
      assert.ok(!memory.seen(s));
      assert.ok(memory.seen(s), 'the newest is remembered');
    }
    assert.ok(process.memoryUsage().arrayBuffers - before < 100e6, field);
  }
});

test('each packet recorded twice or three times: the same flow, and copies are counted', async () => {
  const once = exchange().serverCloses().reopen(30).handshake().rstFrom('server');
  const thrice = once.packets.flatMap(p => [p, { ...p, t: p.t + 0.0001, ttl: 60 }, { ...p, t: p.t + 0.0003, ttl: 59 }]);
  const [alone, copies] = [await follow(once), await follow(thrice)];
  assert.equal(copies.tally.duplicates, 2 * once.packets.length);
  assert.deepEqual(flows(copies), flows(alone));
  for (const rule of ['port-reuse', 'reset-close']) {
    assert.deepEqual(evidence(copies, rule), evidence(alone, rule));
  }
});

test('bare RSTs without an identification that answer two segments: nobody says that one was captured twice', async () => {
  const c = exchange().fin('server').ack('client').send('client', 'PA', { payload: 9, lost: true });
  c.bareRst('server').send('client', 'PA', { payload: 9, lost: true });
  c.now = c.last.t - 0.003;
  assert.equal((await follow(c.bareRst('server'))).tally.duplicates, 0);
  const mirrored = exchange().fin('server').ack('client').bareRst('server', { ipId: 7 }).copied(0.001);
  assert.equal((await follow(mirrored)).tally.duplicates, 1);
});
