/** A SYN that stays alone is kept in a smaller form, and nobody can tell. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Nanos, SECOND } from '../../../src/base/time.ts';
import { addon, type Native } from '../../../src/capture/native.ts';
import type { Observer } from '../../../src/flow/events.ts';
import type { Flow } from '../../../src/flow/flow.ts';
import { layout } from '../../../src/flow/layout.ts';
import { PAIR_WORDS, PairLayout } from '../../../src/flow/tables/pairs.ts';
import { Tracker } from '../../../src/flow/tracker.ts';
import { fingerprint, hashTuple } from '../../../src/wire/fingerprint.ts';
import { Hosts } from '../../../src/wire/hosts.ts';
import { Segment } from '../../../src/wire/segment.ts';
import { Flag } from '../../../src/wire/tcp.ts';
import { Timestamps } from '../../../src/wire/tcp-options.ts';
import { generator } from '../../build/clock-hosts.ts';

const { L } = layout;
const P = PairLayout;
const MAX_FLOWS = 64;
const skip = addon === undefined ? 'skipped: needs the addon (a C compiler)' : false;

function trackerOf(observer: Observer, maxFlows = MAX_FLOWS): Tracker {
  // As what-if.ts does: a number that goes with the SYN.
  const supposing: Observer = { opened: ({ flow, segment }) => void (flow.supposed = 1 + (segment.seq & 0x7f)) };
  return new Tracker(new Hosts(), [supposing, observer], { maxFlows, timeWait: 60 * SECOND, flows: false });
}

const CLIENT = 10;
const SERVER = 20;

function segmentOf(changes: Partial<Segment>): Segment {
  const s = Object.assign(new Segment(), {
    src: CLIENT,
    dst: SERVER,
    ports: (40_000 << 16) | 80,
    seq: 1000,
    flags: Flag.SYN,
    window: 64_240,
    timestamps: Timestamps.PRESENT,
    tsval: 5000,
    windowScale: 7,
    mss: 1460,
    synOptions: 0x13842,
    ttl: 64,
    ipId: 77,
    frame: 1,
    capture: 3,
    ...changes,
  });
  hashTuple(s);
  fingerprint(s);
  return s;
}

function take(tracker: Tracker, changes: Partial<Segment>): void {
  Object.assign(tracker.segment, segmentOf(changes));
  tracker.take();
}

/** Somebody else is heard: time goes on. */
const later = (tracker: Tracker, at: Nanos): void => take(tracker, { at, src: 98, dst: 99, flags: Flag.ACK, ack: 1 });

/** Both records of the only flow of a tracker but for where they lie. */
function recordsOf({ table, pairs }: Tracker, base: number): { flow: number[]; pair: number[] } {
  const flow = [...table.words.subarray(base, base + L.FLOW_WORDS)];
  const slot = flow[L.PAIR];
  flow[L.PAIR] = 0;
  return { flow, pair: [...pairs.words.subarray(slot * PAIR_WORDS, (slot + 1) * PAIR_WORDS)] };
}

const KINDS: readonly (readonly [string, Partial<Segment>])[] = [
  ['with timestamps', {}],
  ['without', { timestamps: Timestamps.ABSENT, tsval: 0 }],
  ['cut off', { timestamps: Timestamps.UNKNOWN, tsval: 0, windowScale: 7, mss: 0, synOptions: 0 }],
  ['by B', { src: SERVER, dst: CLIENT }],
  ['without identification or options', { ipId: 0, windowScale: 15, mss: 0, timestamps: Timestamps.ABSENT, tsval: 0 }],
  ['with numbers that look negative', { seq: -1, tsval: -5, frame: -7, ports: -65_456, ttl: 255, window: 65_535 }],
  ['with ECN', { flags: Flag.SYN | 0xc0 }],
];

for (const [kind, syn] of KINDS) {
  test(`a lone SYN rests after a moment, and is woken as it was, to the last word: ${kind}`, () => {
    const tracker = trackerOf({ opened: ({ flow }) => (flow.clockSample = 9) });
    take(tracker, { at: SECOND, ...syn });
    const before = recordsOf(tracker, 0);
    later(tracker, 1.1 * SECOND);
    assert.equal(tracker.table.lone, 0, 'not yet');
    later(tracker, 2 * SECOND);
    assert.equal(tracker.table.lone, 1);
    assert.equal(tracker.table.size, 1, 'the other one');
    const slot = tracker.pending.lone.find(CLIENT, SERVER, 0);
    const base = tracker.pending.wake(slot);
    assert.equal(tracker.table.lone, 0);
    assert.deepEqual(recordsOf(tracker, base), before);
  });
}

test('a SYN of whose flow or pair more is known does not rest', () => {
  const cases: readonly (readonly [string, (tracker: Tracker) => void])[] = [
    [
      'answered',
      t => take(t, { at: 1.01 * SECOND, src: SERVER, dst: CLIENT, ports: (80 << 16) | 40_000, flags: 0x12, ack: 1001 }),
    ],
    ['repeated', t => take(t, { at: 1.2 * SECOND, tsval: 5200 })],
    ['another of the pair', t => take(t, { at: 1.01 * SECOND, ports: (40_001 << 16) | 80 })],
    ['heard of the other host', t => t.pairs.hear(0, true)],
    ['with data', t => t.table.words[L.SIDE_A + L.SENT_LENGTH]++],
  ];
  for (const [what, happens] of cases) {
    const tracker = trackerOf({});
    take(tracker, { at: SECOND });
    happens(tracker);
    later(tracker, 3 * SECOND);
    assert.equal(tracker.table.lone, 0, what);
  }
});

/** All that a tracker has in memory after a crowd of SYNs of every kind, some of which are more than that. */
function crowdOf(native: Native | undefined): unknown {
  const tracker = trackerOf({ opened: ({ flow }) => (flow.clockSample = flow.port(true)) }, 40_000);
  const { table, pairs, pending } = tracker;
  pending.lone.native = native;
  const next = generator(7);
  const upTo = (n: number): number => Math.floor(next() * n);
  for (let i = 0; i < 30_000; i++) {
    const [, syn] = KINDS[upTo(KINDS.length)];
    const src = syn.src ?? CLIENT;
    const moved = { at: SECOND + i * 20_000, frame: i, src: src - upTo(20_000), ports: (upTo(4) << 16) | 80 };
    take(tracker, { ...syn, ...moved });
    if (upTo(8) === 0) take(tracker, { ...syn, ...moved, at: moved.at + 1000, tsval: 5200, ipId: 78 }); // repeated
    if (upTo(50) === 0 && pending.lone.find(moved.src, SERVER, 0) >= 0)
      pending.wake(pending.lone.find(moved.src, SERVER, 0));
  }
  later(tracker, 3 * SECOND);
  return {
    counts: [table.size, table.lone, table.indexed, pairs.size, pairs.freeHead],
    memory: [table.words, table.index, table.free.subarray(0, table.freeCount), pairs.words, pairs.index],
    lone: [pending.lone.words, pending.lone.index],
    slots: [...pending.lone],
  };
}

test('a crowd of SYNs rests in C as in TypeScript, to the last word', { skip }, () => {
  const [inC, inTypeScript] = [crowdOf(addon), crowdOf(undefined)];
  assert.deepEqual(inC, inTypeScript);
  assert.ok((inC as { slots: number[] }).slots.length > 5000);
});

test('of a crowd of SYNs the older ones rest at once', () => {
  const tracker = trackerOf({}, 20_000);
  for (let i = 0; i < 10_000; i++) take(tracker, { at: SECOND + i, src: CLIENT - i });
  assert.equal(tracker.table.size + tracker.table.lone, 10_000);
  assert.ok(tracker.table.size < 8_300, `${tracker.table.size} as they were`);
});

test('one that was given up rests until its flow would go', () => {
  const told: string[] = [];
  const tracker = trackerOf({
    unanswered: (flow, until) => told.push(`unanswered for ${(until - flow.opened) / SECOND}`),
    left: flow => told.push(`left, port ${flow.port(false)}`),
  });
  take(tracker, { at: SECOND });
  later(tracker, 77 * SECOND);
  assert.deepEqual(told, ['unanswered for 75']);
  assert.equal(tracker.table.lone, 1);
  later(tracker, 150.5 * SECOND);
  assert.equal(told.length, 1);
  later(tracker, 152 * SECOND);
  assert.deepEqual(told.slice(1), ['left, port 40000']);
  assert.equal(tracker.table.lone, 0);
});

test('lone ones count, and are evicted first', () => {
  const tracker = trackerOf({}, 4);
  for (let i = 0; i < 4; i++) take(tracker, { at: SECOND + i, src: CLIENT - i });
  take(tracker, { at: 4 * SECOND, src: 1, dst: 2 });
  assert.equal(tracker.evicted, 1);
  assert.equal(tracker.table.size + tracker.table.lone, 4);
  assert.equal(tracker.pending.lone.find(CLIENT, SERVER, 0), -1, 'the oldest');
});

/** All that an observer is told, in words. */
function logOf(steps: readonly Step[], mayRest: boolean, maxFlows = MAX_FLOWS): string[] {
  const log: string[] = [];
  const say = (what: string, tracker: Tracker, flow: Flow): void => {
    const { flow: words, pair } = recordsOf(tracker, flow.base);
    // Of the records, what has meaning: not where they are linked.
    words[L.NEXT] = words[L.OLDER] = words[L.STORY] = 0;
    words[L.STATE] &= ~(layout.FlowBit.IN_WHEEL | layout.FlowBit.INDEXED);
    pair[P.FLOWS] = 0; // flows that leave together do so in no order
    for (const block of [P.DIRECTIONS, P.DIRECTIONS + P.DIRECTION_WORDS]) {
      for (const flowAt of [P.R_FLOW, P.ANSWERED_FLOW]) pair[block + flowAt] = Math.sign(pair[block + flowAt]);
    }
    log.push(`${what} at ${tracker.now} ${words} ${pair}`);
  };
  const observer: Observer = {
    opened: ({ tracker, flow }) => say('opened', tracker, flow),
    repeated: event => log.push(`repeated ${event.attempt().syns}`),
    answered: (flow, tracker) => say('answered', tracker, flow),
    unanswered: (flow, until, tracker) => say(`unanswered ${until}`, tracker, flow),
    attempt: ({ syns, steps, since }) => log.push(`attempt ${syns} ${steps} ${since}`),
    reset: ({ tracker, flow, class: kind }) => say(kind, tracker, flow),
    timeWaitOver: (flow, _, end, tracker) => say(`time wait ${end}`, tracker, flow),
    left: (flow, tracker) => say('left', tracker, flow),
  };
  const tracker = trackerOf(observer, maxFlows);
  if (!mayRest) tracker.pending.rest = tracker.pending.giveUp = () => {};
  let at = SECOND;
  for (const { gap, from, ports, flags, stepsBack } of steps) {
    if (stepsBack) {
      tracker.step();
      at = SECOND;
    }
    at += gap * SECOND;
    const [src, dst] = from < 2 ? [from, 9] : [9, from - 2];
    const port = from < 2 ? ((40_000 + ports) << 16) | 80 : (80 << 16) | (40_000 + ports);
    const seq = from < 2 ? 1000 : 7000;
    take(tracker, {
      at,
      src,
      dst,
      ports: port,
      flags,
      seq,
      ack: (flags & Flag.ACK) === 0 ? 0 : 8001 - seq,
      tsval: at / 1e6,
    });
    log.push(`settled ${tracker.settled} of ${tracker.opened}`);
  }
  tracker.finish(at, () => {});
  log.push(`${tracker.opened} ${tracker.evicted} ${tracker.duplicates}`);
  return log.sort();
}

interface Step {
  gap: number;
  /** 0 and 1 are clients, 2 and 3 the server towards them. */
  from: number;
  ports: number;
  flags: number;
  stepsBack: boolean;
}

const step: fc.Arbitrary<Step> = fc.record({
  gap: fc.constantFrom(0.01, 0.2, 0.3, 0.6, 1, 3, 40, 76, 160),
  from: fc.constantFrom(0, 0, 1, 1, 2, 3),
  ports: fc.constantFrom(0, 0, 1),
  flags: fc.constantFrom(
    Flag.SYN,
    Flag.SYN,
    Flag.SYN,
    Flag.SYN | Flag.ACK,
    Flag.ACK,
    Flag.RST,
    Flag.RST | Flag.ACK,
    0x11,
  ),
  stepsBack: fc.nat(30).map(n => n === 0),
});

test('whatever comes, the same is told as if none rested', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), steps => {
      assert.deepEqual(logOf(steps, true), logOf(steps, false));
    }),
    { numRuns: 2000 },
  );
});

test('where the table is full every attempt still ends once', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), steps => {
      const log = logOf(steps, true, 2);
      const count = (...kinds: string[]): number =>
        log.filter(line => kinds.some(kind => line.startsWith(kind))).length;
      assert.equal(count('answered ', 'unanswered ', 'attempt '), count('opened '));
    }),
    { numRuns: 500 },
  );
});
