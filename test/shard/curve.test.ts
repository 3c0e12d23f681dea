/** The curve of TIME_WAITs against a count of the intervals themselves. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { TimeWaitRows } from '../../src/flow/time-wait-rows.ts';
import { Curve, type CurveSeries, type Steps } from '../../src/shard/curve.ts';
import { type Interval, timeWaitRows } from '../build/time-wait-rows.ts';

const SECOND = 1e9;

const curveOf = (batches: readonly TimeWaitRows[], limit?: number): Curve => {
  const curve = new Curve(limit);
  for (const batch of batches) curve.add(batch);
  return curve;
};

/** What a step function says at `second`; without one nothing ever changes. */
const at = (steps: Steps | undefined, second: number): number => {
  const last = steps?.seconds.findLastIndex(s => s <= second) ?? -1;
  return last < 0 ? 0 : steps!.count[last];
};

const openOf = ({ seconds, open }: CurveSeries): Steps => ({ seconds, count: open });

/** A hidden TIME_WAIT of the rows that tests make lasts to the latest end that a kernel may give it. */
const LATEST = 65.12 * SECOND;

const keyOf = ({ owner, peer, peerPort, client }: Interval): string => `${owner} ${peer} ${client ? peerPort : 0}`;
const seriesKey = ({ owner, peer, peerPort }: CurveSeries): string => `${owner} ${peer} ${peerPort}`;

/** Both ends speak the same protocol. */
const ends = fc.constantFrom(
  ['10.0.0.1', '192.0.2.7'],
  ['10.0.0.1', '192.0.2.8'],
  ['192.0.2.7', '10.0.0.1'],
  ['2001:db8::1', '2001:db8::1:0:1'],
  ['2001:db8::2', '2001:db8::1:0:1'],
);
const interval = (): fc.Arbitrary<Interval> =>
  fc
    .record({
      ends,
      ownerPort: fc.integer({ min: 1, max: 65_535 }),
      peerPort: fc.constantFrom(80, 443),
      client: fc.boolean(),
      entered: fc.integer({ min: -5 * SECOND, max: 40 * SECOND }),
      length: fc.integer({ min: 0, max: 59 * SECOND }),
      mayHoldOn: fc.boolean(),
      shown: fc.boolean(),
    })
    .map(({ length, ends: [owner, peer], ...rest }) => ({
      ...rest,
      owner: owner!,
      peer: peer!,
      end: rest.entered + length,
    }));

test('at every second the curve is the number of intervals that are open after its changes', () => {
  const property = fc.property(fc.array(interval(), { maxLength: 60 }), intervals => {
    const all = curveOf([timeWaitRows(intervals)]).series();
    assert.equal(new Set(all.map(seriesKey)).size, all.length, 'one series for each owner and peer');
    for (const key of new Set(intervals.map(keyOf))) {
      const own = intervals.filter(i => keyOf(i) === key);
      const series = all.find(s => seriesKey(s) === key);
      for (let second = -6; second < 112; second++) {
        const open = own.filter(i => Math.floor(i.entered / SECOND) <= second && Math.floor(i.end / SECOND) > second);
        assert.equal(at(series && openOf(series), second), open.length, `${key} at ${second}`);
        const shown = open.filter(i => i.shown);
        assert.equal(at(series?.shown, second), shown.length, `shown of ${key} at ${second}`);
        const hidden = own.filter(
          ({ mayHoldOn, entered, end }) =>
            mayHoldOn && Math.floor(end / SECOND) <= second && Math.floor((entered + LATEST) / SECOND) > second,
        );
        assert.equal(at(series?.hidden, second), hidden.length, `hidden of ${key} at ${second}`);
      }
    }
  });
  fc.assert(property, { numRuns: 100 });
});

test('a row stands only where the number changes, and the last is zero', () => {
  const property = fc.property(fc.array(interval(), { maxLength: 60 }), intervals => {
    for (const series of curveOf([timeWaitRows(intervals)]).series()) {
      assert.ok(series.seconds.length + series.hidden.seconds.length > 0, 'a series without a row is left out');
      for (const { seconds, count } of [openOf(series), series.hidden, series.shown]) {
        assert.equal(count.at(-1) ?? 0, 0);
        for (let i = 0; i < count.length; i++) {
          assert.notEqual(count[i], count[i - 1] ?? 0);
          assert.ok(i === 0 || seconds[i] > seconds[i - 1]);
        }
      }
    }
  });
  fc.assert(property, { numRuns: 100 });
});

test('the order of the intervals and the batches they come in change nothing, however little room there is', () => {
  const property = fc.property(
    fc.array(interval(), { maxLength: 60 }),
    fc.integer({ min: 2, max: 100 }),
    fc.integer({ min: 0, max: 60 }),
    (intervals, limit, cut) => {
      const whole = curveOf([timeWaitRows(intervals)], limit);
      const turned = intervals.toReversed();
      const parts = curveOf([timeWaitRows(turned.slice(0, cut)), timeWaitRows(turned.slice(cut))], limit);
      assert.deepEqual(parts.series(), whole.series());
      assert.equal(parts.coarsened, whole.coarsened);
    },
  );
  fc.assert(property, { numRuns: 300 });
});

test('with too little room rows grow wider, then peers and at last hosts are told together, and no sum is lost', () => {
  const intervals = Array.from({ length: 64 }, (_, i) => ({
    owner: `10.0.0.${i % 16}`,
    peer: `10.1.0.${i}`,
    ownerPort: 40_000,
    peerPort: 80,
    client: true,
    entered: i * SECOND,
    end: (i + 60) * SECOND,
  }));
  const seen = new Set<string>();
  for (let limit = 128; limit >= 2; limit--) {
    const curve = curveOf([timeWaitRows(intervals)], limit);
    const series = curve.series();
    assert.ok(series.reduce((n, s) => n + s.seconds.length, 0) <= limit);
    const [first] = series;
    if (first !== undefined) seen.add(first.owner === '' ? 'all' : first.peer === '' ? 'hosts' : 'peers');
    const width = [0, 1, 2, 3, 3, 4, 5, 6][curve.coarsened] ?? curve.coarsened - 2;
    for (const { seconds } of series) for (const s of seconds) assert.equal(s % 2 ** width, 0);
    // Whole minutes are steps of every width up to four seconds.
    if (width <= 2)
      assert.equal(
        series.reduce((n, s) => n + at(openOf(s), 60), 0),
        60,
      );
  }
  assert.deepEqual([...seen], ['peers', 'hosts', 'all']);
});

test('of a run that goes on the curve tells what no TIME_WAIT can change that is not over yet', () => {
  const one = { owner: '10.0.0.1', ownerPort: 1, peer: '192.0.2.7', peerPort: 80, client: true, mayHoldOn: false };
  const intervals = [0, 20, 50].map(s => ({ ...one, entered: s * SECOND, end: (s + 60) * SECOND }));
  const curve = curveOf([timeWaitRows(intervals)]);
  assert.deepEqual(curve.series(Number.NEGATIVE_INFINITY), []);
  assert.deepEqual(curve.series(111 * SECOND)[0].seconds, [0, 20]);
  assert.deepEqual(curve.series(-3600 * SECOND)[0].seconds, [0, 20], 'a clock that steps back takes nothing away');
  assert.deepEqual(curve.series(200 * SECOND), curve.series());
});
