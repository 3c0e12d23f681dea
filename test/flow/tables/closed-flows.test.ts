/** A flow that has closed is kept in a smaller form, and nobody can tell. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Nanos, SECOND } from '../../../src/base/time.ts';
import { rememberedFor } from '../../../src/detect/recycle/remembered-tsval.ts';
import { forEachFlow } from '../../../src/flow/each-flow.ts';
import type { Observer } from '../../../src/flow/events.ts';
import type { Flow } from '../../../src/flow/flow.ts';
import { layout } from '../../../src/flow/layout.ts';
import { Tracker } from '../../../src/flow/tracker.ts';
import { fingerprint, hashTuple } from '../../../src/wire/fingerprint.ts';
import { Hosts } from '../../../src/wire/hosts.ts';
import { Segment } from '../../../src/wire/segment.ts';
import { Flag } from '../../../src/wire/tcp.ts';
import { Timestamps } from '../../../src/wire/tcp-options.ts';

const { L, FlowBit, SideBit } = layout;
const { SYN, ACK, FIN, RST } = Flag;

const CLIENT = 10;
const SERVER = 20;
const MAX_FLOWS = 64;

function trackerOf(observer: Observer = {}, maxFlows = MAX_FLOWS): Tracker {
  const tracker = new Tracker(new Hosts(), [observer], { maxFlows, timeWait: 60 * SECOND, flows: false });
  Object.assign(tracker.pending, { mayRest: false }); // lone SYNs have tests of their own
  return tracker;
}

/** One connection of a client, from which packets come in any order. */
class Talk {
  private readonly port: number;
  private readonly client: number;
  private readonly stamped: boolean;
  private readonly seq: [number, number] = [0, 0];
  private opened = 0;
  private frame = 0;

  constructor(port: number, client = CLIENT, stamped = true) {
    this.port = port;
    this.client = client;
    this.stamped = stamped;
  }

  /** A SYN begins anew; `length` bytes of data go with it. */
  say(tracker: Tracker, at: Nanos, byServer: boolean, flags: number, length = 0, again = false): void {
    const own = byServer ? 1 : 0;
    if ((flags & SYN) !== 0 && !again) this.seq[own] = 1000 * ++this.opened + (byServer ? -70_000 : 0);
    const consumed = length + (flags & (SYN | FIN) ? 1 : 0);
    const seq = again ? this.seq[own] - consumed : this.seq[own];
    if (!again) this.seq[own] += consumed;
    const s = Object.assign(new Segment(), {
      at,
      src: byServer ? SERVER : this.client,
      dst: byServer ? this.client : SERVER,
      ports: byServer ? (443 << 16) | this.port : (this.port << 16) | 443,
      seq: seq | 0,
      ack: (flags & ACK) === 0 ? 0 : this.seq[1 - own] | 0,
      flags,
      length,
      window: byServer ? 65_160 : 501,
      timestamps: this.stamped ? Timestamps.PRESENT : Timestamps.ABSENT,
      tsval: this.stamped ? Math.floor(at / 1e6) + 7 * own - 9000 : 0,
      tsecr: this.stamped && (flags & ACK) !== 0 ? Math.floor(at / 1e6) - 20 : 0,
      windowScale: (flags & SYN) === 0 ? 15 : 7,
      mss: 1460,
      ttl: byServer ? 57 : 64,
      ipId: byServer ? 0 : ++this.frame,
      frame: 0xffff_ff00 + this.frame,
      capture: 40_000,
    });
    hashTuple(s);
    fingerprint(s);
    Object.assign(tracker.segment, s);
    tracker.take();
  }

  open(tracker: Tracker, at: Nanos): void {
    this.say(tracker, at, false, SYN);
    this.say(tracker, at + 1e6, true, SYN | ACK);
    this.say(tracker, at + 2e6, false, ACK);
  }

  close(tracker: Tracker, at: Nanos, byServer: boolean): void {
    this.say(tracker, at, byServer, FIN | ACK, byServer ? 77 : 0);
    this.say(tracker, at + 1e6, !byServer, FIN | ACK);
    this.say(tracker, at + 2e6, byServer, ACK);
  }
}

/** Somebody else is heard: time goes on. */
function later(tracker: Tracker, at: Nanos): void {
  const s = Object.assign(new Segment(), { at, src: 98, dst: 99, flags: ACK, ack: 1 });
  hashTuple(s);
  fingerprint(s);
  Object.assign(tracker.segment, s);
  tracker.take();
}

/** Of a record, but for its link and whether it is in the wheel. */
function wordsOf({ table }: Tracker, base: number): number[] {
  const words = [...table.words.subarray(base, base + L.FLOW_WORDS)];
  words[L.NEXT] = 0;
  words[L.STATE] &= ~FlowBit.IN_WHEEL;
  return words;
}

/** Every record that is laid down is made again to the last word, but for its link. */
function watchRests(tracker: Tracker): { rests: number } {
  const { closed } = tracker;
  const seen = { rests: 0 };
  const rest = closed.rest.bind(closed);
  closed.rest = (base, hash, of) => {
    const before = wordsOf(tracker, base);
    const row = rest(base, hash, of);
    if (row < 0) return row;
    seen.rests++;
    assert.deepEqual(wordsOf(tracker, closed.show(row)), before);
    return row;
  };
  return seen;
}

for (const stamped of [true, false]) {
  for (const byServer of [true, false]) {
    const what = `closed by the ${byServer ? 'server' : 'client'}, ${stamped ? 'with' : 'without'} timestamps`;
    test(`a closed flow rests after a moment, and any packet of its tuple wakes it as it was: ${what}`, () => {
      let woken: number[] = [];
      const tracker = trackerOf({ reset: ({ tracker: t, flow }) => (woken = wordsOf(t, flow.base)) });
      const seen = watchRests(tracker);
      const talk = new Talk(40_000, CLIENT, stamped);
      talk.open(tracker, SECOND);
      talk.say(tracker, 1.1 * SECOND, false, ACK, 400);
      talk.say(tracker, 1.2 * SECOND, true, ACK, 50_000);
      talk.close(tracker, 1.3 * SECOND, byServer);
      const before = wordsOf(tracker, 0);
      later(tracker, 1.6 * SECOND);
      assert.equal(seen.rests, 0, 'not yet');
      later(tracker, 4 * SECOND);
      assert.equal(seen.rests, 1);
      assert.equal(tracker.table.closed, 1);
      assert.equal(tracker.table.size, 1, 'that of somebody else');
      let flows = 0;
      forEachFlow(tracker, () => flows++);
      assert.equal(flows, 2);

      talk.say(tracker, 5 * SECOND, !byServer, RST);
      assert.deepEqual(woken, before);
      assert.equal(tracker.table.closed, 0);
      later(tracker, 200 * SECOND);
      later(tracker, 201 * SECOND);
      assert.equal(tracker.table.size + tracker.table.closed, 1, 'and it goes when it would have gone');
    });
  }
}

test('no two bits of a side are in one place, and none where its window scale is or a row has bits of its own', () => {
  let taken = L.SCALE_MASK | L.ROW_BITS;
  for (const [name, bit] of Object.entries(SideBit)) {
    assert.equal(taken & bit, 0, name);
    taken |= bit;
  }
});

test('a flow rests that was in its handshake when what was due was settled', () => {
  const tracker = trackerOf();
  const talk = new Talk(40_000);
  talk.say(tracker, SECOND, false, SYN);
  talk.say(tracker, 1.01 * SECOND, true, SYN | ACK);
  tracker.expect(1.02 * SECOND);
  later(tracker, 1.02 * SECOND);
  talk.say(tracker, 1.03 * SECOND, false, ACK);
  talk.close(tracker, 1.1 * SECOND, false);
  later(tracker, 2 * SECOND);
  later(tracker, 3 * SECOND);
  assert.equal(tracker.table.closed, 1);
});

test('one of which there is more to tell does not rest', () => {
  const cases: readonly (readonly [string, (tracker: Tracker, talk: Talk) => void])[] = [
    ['a repeated FIN', (t, talk) => talk.say(t, 1.5 * SECOND, true, FIN | ACK, 0, true)],
    ['a story', t => (t.table.words[L.STORY] = 1)],
  ];
  for (const [what, happens] of cases) {
    const tracker = trackerOf();
    const talk = new Talk(40_000);
    talk.open(tracker, SECOND);
    talk.close(tracker, 1.3 * SECOND, false);
    happens(tracker, talk);
    later(tracker, 3 * SECOND);
    later(tracker, 4 * SECOND);
    assert.equal(tracker.table.closed, 0, what);
  }
});

/** All that an observer is told, in words. */
function logOf(steps: readonly Step[], mayRest: boolean, maxFlows = MAX_FLOWS): string[] {
  const log: string[] = [];
  const say = (what: string, t: Tracker, flow: Flow): void => {
    const words = wordsOf(t, flow.base);
    // What has meaning: not where it is linked.
    words[L.OLDER] = words[L.STORY] = words[L.PAIR] = 0;
    words[L.STATE] &= ~FlowBit.INDEXED;
    log.push(`${what} at ${t.now} ${words}`);
  };
  const observer: Observer = {
    opened: event => {
      say('opened', event.tracker, event.flow);
      log.push(`remembered ${JSON.stringify(rememberedFor(event))}`);
      if (event.older !== undefined) say('after', event.tracker, event.older);
    },
    answered: (flow, t) => say('answered', t, flow),
    unanswered: (flow, until, t) => say(`unanswered ${until}`, t, flow),
    attempt: ({ syns, steps: told, since }) => log.push(`attempt ${syns} ${told} ${since}`),
    reset: ({ tracker: t, flow, class: kind }) => say(kind, t, flow),
    timeWaitOver: (flow, ownerIsB, end, t) => say(`time wait ${ownerIsB} ${end}`, t, flow),
    left: (flow, t) => say('left', t, flow),
  };
  const tracker = trackerOf(observer, maxFlows);
  const seen = mayRest ? watchRests(tracker) : undefined;
  if (seen === undefined) tracker.closed.rest = () => -1;
  const talks = [new Talk(40_000), new Talk(40_001), new Talk(40_000, 30, false)];
  let at = SECOND;
  for (const { gap, talk: number, what, byServer, stepsBack } of steps) {
    if (stepsBack) {
      tracker.step();
      at = SECOND;
    }
    at += gap * SECOND;
    const talk = talks[number];
    if (what === 'whole') {
      talk.open(tracker, at);
      talk.say(tracker, at + 3e6, byServer, ACK, 100);
      talk.close(tracker, at + 4e6, byServer);
      at += 7e6;
    } else if (what === 'close') {
      talk.close(tracker, at, byServer);
      at += 3e6;
    } else talk.say(tracker, at, byServer, what.flags, what.length, what.again);
    log.push(`settled ${tracker.settled} of ${tracker.opened}`);
  }
  let open = 0;
  forEachFlow(tracker, flow => (open += flow.has(FlowBit.KEPT) ? 100 : 1));
  tracker.finish(at, () => {});
  log.push(`${tracker.opened} ${tracker.evicted} ${tracker.duplicates} ${open}`);
  rested += seen?.rests ?? 0;
  return log.sort();
}
let rested = 0;

interface Step {
  gap: number;
  talk: number;
  byServer: boolean;
  what: 'whole' | 'close' | { flags: number; length: number; again: boolean };
  stepsBack: boolean;
}

const packet = fc.record({
  flags: fc.constantFrom(SYN, SYN, SYN | ACK, ACK, ACK, RST, RST | ACK, FIN | ACK, FIN | ACK),
  length: fc.constantFrom(0, 0, 100),
  again: fc.boolean(),
});

const step: fc.Arbitrary<Step> = fc.record({
  gap: fc.constantFrom(0.01, 0.2, 0.6, 1, 1.5, 3, 40, 76, 147, 149, 160),
  talk: fc.constantFrom(0, 0, 1, 2),
  byServer: fc.boolean(),
  what: fc.oneof(
    { weight: 3, arbitrary: fc.constant('whole' as const) },
    { weight: 1, arbitrary: fc.constant('close' as const) },
    { weight: 4, arbitrary: packet },
  ),
  stepsBack: fc.nat(40).map(n => n === 0),
});

test('whatever comes, the same is told as if none rested', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), steps => {
      assert.deepEqual(logOf(steps, true), logOf(steps, false));
    }),
    { numRuns: 1000 },
  );
  assert.ok(rested > 100, `${rested} rested`);
});

test('where the table is full the one that closed first goes, resting or not', () => {
  const told: number[] = [];
  const tracker = trackerOf({ left: flow => told.push(flow.ports >>> 16) }, 5);
  for (let i = 0; i < 4; i++) {
    const talk = new Talk(40_000 + i);
    talk.open(tracker, (1 + 3 * i) * SECOND);
    talk.close(tracker, (1.1 + 3 * i) * SECOND, false);
  }
  assert.equal(tracker.table.closed, 3);
  for (let i = 4; i < 7; i++) new Talk(40_000 + i).say(tracker, (10.2 + i / 10) * SECOND, false, SYN);
  assert.deepEqual(told, [40_000, 40_001]);
  assert.equal(tracker.evicted, 2);
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), steps => {
      assert.equal(logOf(steps, true, 2).filter(line => line.startsWith('left')).length > 0, steps.length > 0);
    }),
    { numRuns: 300 },
  );
});

test('at the end each is told once, though the memory of those told is given back meanwhile', () => {
  const told = new Set<number>();
  const tracker = trackerOf({ left: flow => told.add(flow.ports >>> 16) }, 20_000);
  for (let i = 0; i < 10_000; i++) {
    const talk = new Talk(20_000 + i);
    talk.open(tracker, SECOND + i * 1e5);
    if (i % 2 === 0) talk.close(tracker, SECOND + i * 1e5 + 2e7, false);
  }
  later(tracker, 10 * SECOND);
  assert.ok(tracker.table.closed > 4_900, `${tracker.table.closed} rest`);
  let pauses = 0;
  tracker.finish(11 * SECOND, () => pauses++);
  assert.equal(told.size, 10_001);
  assert.ok(pauses >= 2);
});
