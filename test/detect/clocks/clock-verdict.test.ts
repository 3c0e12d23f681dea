/** The clocks of simulated hosts: one host is never two, and two are found where clocks can tell them apart. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SECOND } from '../../../src/base/time.ts';
import type { ClockSample } from '../../../src/detect/clocks/clock-sample.ts';
import { clockVerdict, MAX_SAMPLES } from '../../../src/detect/clocks/clock-verdict.ts';
import {
  generator,
  type HostPlan,
  LINUX_OPTIONS,
  type Offsets,
  type PathPlan,
  samplesOf,
  WINDOWS_OPTIONS,
} from '../../build/clock-hosts.ts';

const HZ = [100, 250, 300, 1000, 1_000_000];

const plan = (changes: Partial<HostPlan> = {}): HostPlan => ({
  hz: 1000,
  offsets: 'pair',
  pause: 1,
  length: 1,
  connections: 20,
  startsAt: 0,
  rebootsAfter: undefined,
  ports: 'walk',
  ttl: 64,
  options: LINUX_OPTIONS,
  ...changes,
});

const STEADY: PathPlan = { jitter: 0.001, loss: 0 };

const anyPath: fc.Arbitrary<PathPlan> = fc.record({
  jitter: fc.constantFrom(0, 0.002, 0.05, 0.2),
  loss: fc.constantFrom(0, 0.01, 0.3),
});

/** A radio that wakes up, an address that is looked up. */
const heldPath: fc.Arbitrary<PathPlan> = fc.record({
  jitter: fc.constantFrom(0, 0.05),
  loss: fc.constantFrom(0, 0.1),
  held: fc.constantFrom(0.5, 1.5, 3),
});

const anyOffsets = fc.constantFrom<Offsets>('none', 'pair', 'tuple', 'socket');

const anyHost: fc.Arbitrary<HostPlan> = fc.record({
  hz: fc.constantFrom(...HZ),
  offsets: anyOffsets,
  pause: fc.constantFrom(0.002, 0.05, 0.5, 5, 300),
  length: fc.constantFrom(0.01, 0.1, 1, 20, 1000),
  connections: fc.oneof(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: MAX_SAMPLES })),
  startsAt: fc.constant(0),
  rebootsAfter: fc.option(fc.integer({ min: 1, max: 40 }), { nil: undefined }),
  ports: fc.constantFrom('walk', 'random', 'few'),
  ttl: fc.constant(64),
  options: fc.constant(LINUX_OPTIONS),
});

test('one host is one host where the path holds packets back for seconds', () => {
  fc.assert(
    fc.property(anyHost, heldPath, fc.integer(), (host, path, seed) => {
      const verdict = clockVerdict(samplesOf(host, path, seed));
      assert.equal(verdict.hostsLow, 1, JSON.stringify(verdict.reasons));
    }),
    { numRuns: 300 },
  );
});

test('one host is one host, whatever its clock, its offsets, its ports, its path and its restarts', () => {
  fc.assert(
    fc.property(anyHost, anyPath, fc.integer(), (host, path, seed) => {
      const verdict = clockVerdict(samplesOf(host, path, seed));
      assert.equal(verdict.hostsLow, 1, JSON.stringify(verdict.reasons));
      assert.notEqual(verdict.regime, 'interleaved');
      assert.ok(verdict.hostsHigh >= 1);
    }),
    { numRuns: 2000 },
  );
});

test('one host with a clock for each server is on a single line, however late its packets come', () => {
  const oneLine = fc.tuple(anyHost, anyPath, fc.integer()).map(([host, path, seed]) => ({
    // A clock of microseconds must first show that it is one: see below.
    host: { ...host, hz: Math.min(host.hz, 1000), offsets: 'pair' as const, rebootsAfter: undefined },
    path,
    seed,
  }));
  fc.assert(
    fc.property(oneLine, ({ host, path, seed }) => {
      assert.equal(clockVerdict(samplesOf(host, path, seed)).regime, 'single');
    }),
    { numRuns: 1000 },
  );
});

test('one host with an offset for each connection has as many lines as connections', () => {
  for (let seed = 0; seed < 50; seed++) {
    const verdict = clockVerdict(samplesOf(plan({ offsets: 'socket' }), STEADY, seed));
    assert.equal(verdict.regime, 'per-connection');
    assert.deepEqual([verdict.hostsLow, verdict.hostsHigh, verdict.hz], [1, 20, 1000]);
  }
});

test('a host that offsets by tuple comes back to its lines with its ports, and is one host', () => {
  for (let seed = 0; seed < 50; seed++) {
    const verdict = clockVerdict(samplesOf(plan({ offsets: 'tuple', ports: 'few', connections: 100 }), STEADY, seed));
    assert.deepEqual([verdict.regime, verdict.hostsLow, verdict.hostsHigh], ['per-connection', 1, 4]);
  }
});

test('a NAT that gives each connection another port makes no hosts of a host that offsets by tuple', () => {
  for (let seed = 0; seed < 50; seed++) {
    const inside = samplesOf(plan({ offsets: 'tuple', ports: 'few', connections: 100 }), STEADY, seed);
    const port = generator(seed + 1000);
    const outside = inside.map(sample => ({ ...sample, clientPort: 1024 + Math.floor(port() * 60_000) }));
    assert.equal(clockVerdict(outside).hostsLow, 1, `seed ${seed}`);
  }
});

test('a SYN that a NAT sends again from another port is the same connection', () => {
  for (let seed = 0; seed < 50; seed++) {
    const socket = samplesOf(plan({ offsets: 'socket', connections: 60, pause: 0.2 }), STEADY, seed);
    const again = socket.map(sample => ({
      ...sample,
      at: sample.at + 1.02 * SECOND,
      lastAt: sample.lastAt + 1.02 * SECOND,
      tsval: (sample.tsval + 1020) | 0,
      lastTsval: (sample.lastTsval + 1020) | 0,
      clientPort: sample.clientPort + 1,
      frame: sample.frame + 1000,
    }));
    const verdict = clockVerdict([...socket, ...again]);
    assert.deepEqual([verdict.hostsLow, verdict.flows], [1, 60], `seed ${seed}`);
  }
});

test('a host that restarts leaves its line for good', () => {
  for (let seed = 0; seed < 50; seed++) {
    const verdict = clockVerdict(samplesOf(plan({ rebootsAfter: 8 }), STEADY, seed));
    assert.deepEqual([verdict.regime, verdict.hostsLow, verdict.lineCount], ['restart', 1, 2]);
    assert.equal(verdict.proof.length, 2);
  }
});

const crowd = fc.record({
  hosts: fc.integer({ min: 2, max: 6 }),
  offsets: fc.constantFrom<Offsets>('none', 'pair'),
  hz: fc.constantFrom(100, 250, 300, 1000),
  // Three short ones of a host, half a minute apart, may be on a line by chance.
  connections: fc.integer({ min: 4, max: 30 }),
  pause: fc.constantFrom(0.2, 2, 20),
  length: fc.constantFrom(0.01, 0.1, 2),
  path: anyPath,
  seed: fc.integer(),
});

/** Hosts that begin together and go on for as long. */
const together = ({
  hosts,
  path,
  seed,
  ...changes
}: { hosts: number; path: PathPlan; seed: number } & Partial<HostPlan>) =>
  Array.from({ length: hosts }, (_, i) => samplesOf(plan({ ...changes, startsAt: i * 0.01 }), path, seed ^ (i << 20)));

test('hosts with lines of their own are found, with connections of a hundredth of a second too', () => {
  fc.assert(
    fc.property(crowd, ({ hosts, path, seed, ...changes }) => {
      const groups = together({ hosts, path, seed, ...changes });
      const spans = groups.map(group => [group[0].at, group.at(-1)!.at] as const);
      // Only hosts that are there at the same time can be told from one that restarts.
      fc.pre(spans.every(([from]) => spans.every(([, to]) => from < to)));
      const verdict = clockVerdict(groups.flat());
      assert.equal(verdict.regime, 'interleaved');
      assert.ok(
        verdict.hostsLow >= 2 && verdict.hostsLow <= hosts && hosts <= verdict.hostsHigh,
        `${verdict.hostsLow}..${verdict.hostsHigh}`,
      );
    }),
    { numRuns: 1000 },
  );
});

test('two hosts of three short connections each, far apart, may pass for one that restarts: the bounds still hold', () => {
  const few = { hz: 100, connections: 3, pause: 20, length: 0.01, hosts: 2, path: { jitter: 0, loss: 0.3 } };
  const verdict = clockVerdict(together({ ...few, seed: 936_251_224 }).flat());
  assert.deepEqual([verdict.regime, verdict.hostsLow, verdict.hostsHigh], ['restart', 1, 2]);
});

test('hosts of every kind in any number: the bounds contain the truth', () => {
  fc.assert(
    fc.property(fc.array(anyHost, { minLength: 1, maxLength: 5 }), anyPath, fc.integer(), (hosts, path, seed) => {
      const samples = hosts.flatMap((host, i) =>
        samplesOf({ ...host, connections: Math.min(host.connections, 100) }, path, seed ^ (i << 20)),
      );
      const verdict = clockVerdict(samples);
      assert.ok(verdict.hostsLow <= hosts.length, `${verdict.hostsLow}, ${JSON.stringify(verdict.reasons)}`);
    }),
    { numRuns: 1000 },
  );
});

test('hosts behind a NAT that gives ports out anew, and sends some SYNs again: never more than there are', () => {
  const pools = fc.constantFrom(60_000, 30, 4);
  fc.assert(
    fc.property(
      fc.array(anyHost, { minLength: 1, maxLength: 3 }),
      pools,
      anyPath,
      fc.integer(),
      (hosts, pool, path, seed) => {
        const next = generator(seed);
        const port = (): number => 1024 + Math.floor(next() * pool);
        const samples = hosts
          .flatMap((host, i) =>
            samplesOf({ ...host, connections: Math.min(host.connections, 100) }, path, seed ^ (i << 20)),
          )
          .flatMap(sample => {
            const sent = { ...sample, clientPort: port() };
            const again = { ...sent, at: sent.at + 1, lastAt: sent.lastAt + 1, clientPort: port() };
            return next() < 0.2 ? [sent, again] : [sent];
          });
        const verdict = clockVerdict(samples);
        assert.ok(verdict.hostsLow <= hosts.length, `${verdict.hostsLow}, ${JSON.stringify(verdict.reasons)}`);
      },
    ),
    { numRuns: 1000 },
  );
});

test('two clocks of different rates are two lines, at the rates of their own', () => {
  for (let seed = 0; seed < 50; seed++) {
    const fast = samplesOf(plan({ length: 0.05 }), STEADY, seed);
    const slow = samplesOf(plan({ length: 0.05, hz: 250, startsAt: 0.01 }), STEADY, ~seed);
    const verdict = clockVerdict([...fast, ...slow]);
    assert.deepEqual([verdict.regime, verdict.hostsLow, verdict.hostsHigh], ['interleaved', 2, 2]);
    assert.deepEqual(
      verdict.lines.map(line => line.hz).sort((a, b) => a - b),
      [250, 1000],
    );
  }
});

test('clocks of a microsecond come round and stay on their line', () => {
  const verdict = clockVerdict(samplesOf(plan({ hz: 1_000_000, pause: 600, connections: 40 }), STEADY, 7));
  assert.deepEqual([verdict.regime, verdict.hz, verdict.lineCount], ['single', 1_000_000, 1]);
});

test('connections without a clock say nothing', () => {
  const zero = samplesOf(plan(), STEADY, 1).map(sample => ({ ...sample, tsval: 0 }));
  assert.deepEqual([clockVerdict(zero).regime, clockVerdict(zero).flows], ['none', 0]);
  assert.equal(clockVerdict([]).regime, 'none');
});

test('clocks that stand still or run at no known rate show no regime', () => {
  const still = samplesOf(plan({ length: 30 }), STEADY, 1).map(sample => ({ ...sample, lastTsval: sample.tsval }));
  assert.equal(clockVerdict(still).regime, 'none');
});

test('captures side by side may have clocks of their own: a return across them does not count', () => {
  const samples = samplesOf(plan(), STEADY, 3).map((sample, i) =>
    i % 2 === 0 ? sample : { ...sample, at: sample.at + 5e9, lastAt: sample.lastAt + 5e9, capture: 1 },
  );
  assert.equal(clockVerdict(samples).hostsLow, 1);
});

const modern = (changes: Partial<HostPlan>): HostPlan =>
  plan({ offsets: 'tuple', pause: 0.2, connections: 60, ...changes });

test('two modern hosts whose ports walk side by side are at least two', () => {
  const samples = [samplesOf(modern({}), STEADY, 11), samplesOf(modern({ startsAt: 0.05 }), STEADY, 12)].flat();
  const verdict = clockVerdict(samples);
  assert.deepEqual([verdict.regime, verdict.hostsLow, verdict.confidence], ['per-connection', 2, 'strong']);
  assert.match(verdict.reasons.join(), /walk upwards in two places/);
});

test('two modern hosts whose stacks take turns are at least two', () => {
  const windows = modern({ ports: 'random', options: WINDOWS_OPTIONS, ttl: 128, startsAt: 0.05 });
  const verdict = clockVerdict([samplesOf(modern({}), STEADY, 1), samplesOf(windows, STEADY, 2)].flat());
  assert.deepEqual([verdict.regime, verdict.hostsLow], ['per-connection', 2]);
  assert.match(verdict.reasons.join(), /SYN options.*initial TTLs/);
});

/** One modern host; what every second socket sets for itself. */
const everySecond = (changes: Partial<ClockSample>): ClockSample[] =>
  samplesOf(modern({}), STEADY, 1).map((sample, i) => (i % 2 === 0 ? sample : { ...sample, ...changes }));

test('one host whose application sets IP_TTL on every second socket is one host, and the TTLs are told', () => {
  const verdict = clockVerdict(everySecond({ ttl: 128 }));
  assert.deepEqual([verdict.regime, verdict.hostsLow, verdict.confidence], ['per-connection', 1, 'weak']);
  assert.match(verdict.reasons.join(), /^two initial TTLs take turns 59 times .*IP_TTL$/);
});

test('initial TTLs count with another sign that takes turns in step with them, and with none that does not', () => {
  for (const sign of [{ windowScale: 8 }, { mss: 1400 }, { options: WINDOWS_OPTIONS }]) {
    const verdict = clockVerdict(everySecond({ ttl: 128, ...sign }));
    assert.equal(verdict.hostsLow, 2);
    assert.match(verdict.reasons.join(), /initial TTLs take turns 59 times, and the .* with them/);
    // One host whose application sets IP_TTL and TCP_MAXSEG, or SO_RCVBUF, looks the same.
    assert.equal(verdict.confidence, 'options' in sign ? 'strong' : 'weak');
  }
  const apart = everySecond({ ttl: 128 }).map((sample, i) => ({ ...sample, windowScale: i % 3 }));
  assert.equal(clockVerdict(apart).hostsLow, 1);
  assert.equal(clockVerdict(everySecond({ windowScale: 8, mss: 1400 })).hostsLow, 1);
});

test('one odd connection is no second host', () => {
  const samples = samplesOf(modern({}), STEADY, 1);
  samples[30] = { ...samples[30], ttl: 128, options: WINDOWS_OPTIONS };
  assert.equal(clockVerdict(samples).hostsLow, 1);
});

test('one host whose walk begins anew every ten seconds, in SYNs out of order, is one host', () => {
  for (let seed = 0; seed < 200; seed++) {
    const walks = Array.from({ length: 5 }, (_, i) =>
      samplesOf(modern({ startsAt: i * 10, pause: 0.1, connections: 100 }), { jitter: 0.2, loss: 0.05 }, seed * 5 + i),
    );
    assert.equal(clockVerdict(walks.flat()).hostsLow, 1);
  }
});

test('a reused tuple that comes back on another clock counts nobody', () => {
  const few = modern({ ports: 'few' });
  const verdict = clockVerdict([samplesOf(few, STEADY, 1), samplesOf({ ...few, startsAt: 0.05 }, STEADY, 2)].flat());
  assert.equal(verdict.hostsLow, 1);
  assert.match(verdict.reasons.join(), /came back on another clock/);
});
