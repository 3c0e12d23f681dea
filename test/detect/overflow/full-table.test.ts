/** When FINs answered by RST mean a full table of TIME_WAITs: the limits of what is judged over all shards. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type FullTable, judgeOverflows } from '../../../src/detect/overflow/full-table.ts';
import type { Standing } from '../../../src/detect/overflow/standing.ts';
import { finding, packet } from '../../build/store-sample.ts';

const HOST = '198.51.100.80';

const table = (difference: Partial<FullTable> = {}): FullTable => ({
  ownerIsClient: false,
  count: 3,
  seconds: [100, 110],
  standing: [],
  shown: [],
  finding: finding({ rule: 'time-wait-overflow', server: HOST }),
  ...difference,
});

/** [second, number from then on]. */
const standing = (...steps: readonly (readonly [number, number])[]): Standing => {
  const [seconds, open] = [steps.map(([second]) => second), steps.map(([, n]) => n)];
  return { owner: HOST, seconds, open, shown: { seconds, count: open } };
};

const told = (tables: readonly FullTable[], ...curve: readonly Standing[]): unknown[] =>
  judgeOverflows(tables, curve).map(({ severity, confidence, evidence }) => [
    severity,
    confidence,
    evidence.occupancy,
    evidence.fins,
  ]);

test('a plateau needs three FINs, eight TIME_WAITs, and fewer of them ten seconds before', () => {
  const plateau = standing([90, 5], [95, 8]);
  assert.deepEqual(told([table()], plateau), [['warning', 'weak', 8, 3]]);
  assert.deepEqual(told([table({ count: 2 })], plateau), []);
  assert.deepEqual(told([table()], standing([90, 5], [95, 7])), []);
  assert.deepEqual(told([table()], standing([90, 8])), [], 'it has not grown');
});

test('the number leaves a plateau above 103 or below 90 percent of its top', () => {
  const around = (n: number): Standing => standing([95, 100], [105, n], [106, 100]);
  assert.deepEqual(told([table()], around(103)).length, 1);
  assert.deepEqual(told([table()], around(104)), []);
  const held = (n: number): Standing => standing([95, 100], [110, n]);
  assert.deepEqual(told([table()], held(90)).length, 1);
  assert.deepEqual(told([table()], held(89)), []);
});

test('within one second only a power of two from 4096 on is a sign, and a weak one', () => {
  const once = table({ seconds: [100] });
  const grown = (n: number): Standing => standing([95, n]);
  assert.deepEqual(told([once], grown(4096)), [['notice', 'weak', 4096, 3]]);
  assert.deepEqual(told([once], grown(3974)).length, 1, '3 percent below');
  assert.deepEqual(told([once], grown(3973)), []);
  assert.deepEqual(told([once], grown(2048)), []);
});

test('what shards know of one host is one table, with the packets of the first of its FINs', () => {
  const later = finding({
    rule: 'time-wait-overflow',
    server: HOST,
    id: 'b',
    at: 2e9,
    packets: [packet({ frame: 20 })],
  });
  const tables = [table({ count: 2, finding: later }), table({ count: 6, seconds: [105] })];
  const [first, ...more] = judgeOverflows(tables, [standing([90, 5], [95, 8])]);
  assert.deepEqual([first!.id, first!.evidence.fins, first!.confidence, more], ['00000000000000a1', 8, 'strong', []]);
  assert.deepEqual(
    first!.packets.map(({ frame }) => frame).sort((a, b) => a - b),
    [packet().frame, 9, 20].sort((a, b) => a - b),
  );
});
