import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compareFindings, type Finding } from '../../src/detect/finding.ts';
import { Collector } from '../../src/shard/collector.ts';
import type { Output } from '../../src/shard/output.ts';
import type { Tally } from '../../src/shard/tally.ts';

type ClockRow = Output['clocks'][number];
type FlowRow = Output['flows'][number];
type TimeWaitRows = NonNullable<Output['timeWaits']>;

const finding = (epoch: number, at: number, id = `${epoch} ${at}`): Finding => ({
  id,
  rule: 'port-reuse',
  severity: 'info',
  confidence: 'weak',
  title: '',
  epoch,
  at,
  capture: 0,
  frame: 0,
  firstAt: at,
  lastAt: at,
  client: '',
  clientPort: 0,
  server: '',
  serverPort: 0,
  evidence: {},
  packets: [],
});

const output = (fields: Partial<Output>): Output => ({
  findings: [],
  clocks: [],
  timeWaits: undefined,
  flows: [],
  epoch: 0,
  settled: Number.NEGATIVE_INFINITY,
  soFar: { until: 0, counts: {} },
  tally: undefined,
  ...fields,
});

/** Of a last output. */
const judged = (...verdicts: Finding[]): Partial<Output> => ({
  judged: { updates: { fresh: verdicts, changed: [], gone: [], settled: [] }, fullTables: [] },
  tally: {},
});

/** A collector, and what its sink has got. */
function collecting(shards: number, most?: number) {
  const released: Finding[] = [];
  const timeWaits: TimeWaitRows[] = [];
  const flows: FlowRow[] = [];
  const clocks: ClockRow[] = [];
  const tally: Tally = {};
  const sink = {
    findings: (batch: readonly Finding[]): unknown => released.push(...batch),
    timeWaits: (rows: TimeWaitRows): unknown => timeWaits.push(rows),
    flows: (rows: readonly FlowRow[]): unknown => flows.push(...rows),
    clocks: (rows: readonly ClockRow[]): unknown => clocks.push(...rows),
    curve: () => {},
  };
  const collector = new Collector(shards, tally, sink, false, most);
  return { collector, released, timeWaits, flows, clocks, tally };
}

/** Enough findings, all at one instant, to make the collector look what may go. */
const crowd = (at: number, epoch = 0): Finding[] =>
  Array.from({ length: 300 }, (_, i) => finding(epoch, at, `crowd ${i}`));

test('a finding goes on when every shard has settled what lies before it', () => {
  const { collector, released } = collecting(2);
  collector.receive(0, output({ findings: crowd(10), settled: 50 }));
  assert.equal(released.length, 0);
  collector.receive(1, output({ findings: crowd(10), settled: 10 }));
  assert.equal(released.length, 0, 'shard 1 may still raise one at 10');
  collector.receive(1, output({ findings: crowd(40), settled: 30 }));
  assert.equal(released.length, 600);
  assert.ok(released.every(f => f.at === 10));
});

test('an instant before a clock step comes before an earlier one after it', () => {
  const { collector, released } = collecting(1);
  collector.receive(0, output({ findings: [...crowd(100)], settled: 90 }));
  collector.receive(0, output({ findings: crowd(5, 1), epoch: 1, settled: 1 }));
  assert.ok(released.length === 300 && released.every(f => f.epoch === 0));
  collector.end();
  assert.deepEqual([released.length, released.at(-1)!.epoch], [600, 1]);
});

test('a shard that is an epoch behind holds all findings of the new one back', () => {
  const { collector, released } = collecting(2);
  collector.receive(0, output({ findings: crowd(1, 1), epoch: 1, settled: 99 }));
  collector.receive(1, output({ findings: crowd(1000, 0), epoch: 0, settled: 2000 }));
  assert.deepEqual([released.length, new Set(released.map(f => f.epoch))], [300, new Set([0])]);
  collector.receive(1, output({ findings: crowd(200, 1), epoch: 1, settled: 150 }));
  assert.equal(released.filter(f => f.epoch === 1).length, 300);
});

test('intervals, flows and tallies go through at once', () => {
  const { collector, timeWaits, flows, tally } = collecting(2);
  const rows = { count: 0, times: new Float64Array(), words: new Int32Array(), timeWait: 60e9 };
  collector.receive(0, output({ timeWaits: rows, tally: { segments: 2 } }));
  collector.receive(1, output({ flows: [{} as FlowRow], tally: { segments: 3, flows: 1 } }));
  assert.deepEqual([timeWaits, flows.length, tally], [[rows], 1, { segments: 5, flows: 1 }]);
});

/** What one shard raises: in each epoch, batches whose findings do not lie before what it said was settled. */
const shardOutputs = fc
  .array(fc.record({ step: fc.boolean(), ahead: fc.nat(10), at: fc.array(fc.nat(20), { maxLength: 60 }) }), {
    maxLength: 12,
  })
  .map(parts => {
    let epoch = 0;
    let settled = 0;
    return parts.map(({ step, ahead, at }) => {
      if (step) {
        epoch++;
        settled = 0;
      }
      const findings = at.map((more, i) => finding(epoch, settled + more, `${epoch} ${settled + more} ${i}`));
      settled += ahead;
      return output({ findings: findings.filter(f => f.at <= settled + 20), epoch, settled: settled - ahead });
    });
  });

test('whatever the shards raise, and however they take turns, the order is the same', () => {
  const property = fc.property(
    fc.array(shardOutputs, { minLength: 1, maxLength: 4 }),
    fc.infiniteStream(fc.nat(3)),
    (shards, turns) => {
      const { collector, released } = collecting(shards.length);
      const queues = shards.map(outputs => [...outputs]);
      while (queues.some(queue => queue.length > 0)) {
        const shard = turns.next().value! % shards.length;
        const next = queues[shard].shift();
        if (next !== undefined) collector.receive(shard, next);
      }
      collector.end();
      const all = shards.flat().flatMap(o => o.findings);
      assert.deepEqual(
        released.map(f => f.id),
        all.toSorted(compareFindings).map(f => f.id),
      );
    },
  );
  fc.assert(property, { numRuns: 200 });
});

test('where one SYN holds back more than may wait, the first of them go on: all are told, and only what it tells is late', () => {
  const most = 1000;
  const { collector, released } = collecting(2, most);
  const told: Finding[] = [];
  for (let at = 1; at <= 100; at++) {
    const findings = Array.from({ length: 97 }, (_, i) => finding(0, at * 100 + i));
    told.push(...findings);
    collector.receive(at % 2, output({ findings, settled: at % 2 === 0 ? at * 100 : 0 }));
    const waiting = told.length - released.length;
    assert.ok(waiting <= 1.25 * most + findings.length, `${waiting} wait`);
    if (told.length < most) assert.equal(released.length, 0);
  }
  const late = [finding(0, 0, 'of the SYN'), finding(0, 5_000, 'of another')];
  collector.receive(1, output({ findings: late, settled: 10_100 }));
  collector.end();
  assert.deepEqual(new Set(released), new Set([...told, ...late]));
  assert.equal(released.length, told.length + late.length);
  const inTime = released.filter(one => !late.includes(one));
  assert.deepEqual(inTime, told.toSorted(compareFindings));
});

test('verdicts come last whatever their time, in an order that no shard decides', () => {
  const { collector, released } = collecting(2);
  collector.receive(1, output({ ...judged(finding(0, 5, 'late')), settled: Number.POSITIVE_INFINITY }));
  collector.receive(0, output({ ...judged(finding(0, 1, 'early')), findings: [finding(0, 9, 'event')] }));
  collector.end();
  assert.deepEqual(
    released.map(({ id }) => id),
    ['event', 'early', 'late'],
  );
});

test('clocks come once, in order of their addresses', () => {
  const row = (client: string, server: string): ClockRow => ({
    client,
    server,
    hz: null,
    regime: 'none',
    hostsLow: null,
    hostsHigh: null,
    lines: [],
  });
  const { collector, clocks } = collecting(2);
  collector.receive(1, output({ clocks: [row('b', 'x')] }));
  collector.receive(0, output({ clocks: [row('a', 'y'), row('a', 'x')] }));
  assert.deepEqual(clocks, []);
  collector.end();
  assert.deepEqual(
    clocks.map(({ client, server }) => client + server),
    ['ax', 'ay', 'bx'],
  );
});

test('a sum over the shards is judged when all of them have judged: its figures are told anew after 30 of those', () => {
  const told: string[] = [];
  const sink = {
    findings: () => told.push('fresh'),
    revise: () => told.push('changed'),
    timeWaits: () => {},
    flows: () => {},
    clocks: () => {},
    curve: () => {},
  };
  const collector = new Collector(2, {}, sink, true);
  const updates = { fresh: [], changed: [], gone: [], settled: [] };
  const tellings = Array.from({ length: 32 }, (_, judging) => {
    // Eight TIME_WAITs from second 95 on, and more and more FINs that find no room.
    const table = {
      ownerIsClient: false,
      count: 10 + judging,
      seconds: [100, 110],
      standing: [[95, 8]] as const,
      shown: [],
    };
    const fullTables = [{ ...table, finding: finding(0, 0) }];
    collector.receive(0, output({ judged: { updates, fullTables } }));
    const early = told.splice(0);
    collector.receive(1, output({ judged: { updates, fullTables: [] } }));
    return [early, told.splice(0)];
  });
  assert.deepEqual(tellings.shift(), [[], ['fresh']]);
  assert.deepEqual(tellings.splice(29, 1), [[[], ['changed']]]);
  assert.ok(tellings.flat(2).length === 0);
});
