import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Finding } from '../../src/detect/finding.ts';
import { countFindings, type FindingFilter, readFindings } from '../../src/store/reader.ts';
import { Store } from '../../src/store/store.ts';
import { summarise, worstSeverity } from '../../src/store/summary.ts';
import { finding, newRun, ORIGIN } from '../build/store-sample.ts';

function stored(all: readonly Partial<Finding>[]): Store {
  const store = new Store(':memory:', newRun());
  store.findings(all.map((difference, i) => finding({ id: `f${i}`, ...difference })));
  return store;
}

test('every filter holds alone and together with others', () => {
  const { database } = stored([
    { severity: 'info', client: '192.0.2.1', firstAt: 0, lastAt: 1e9 },
    { severity: 'error', client: '192.0.2.2', firstAt: 2e9, lastAt: 3e9 },
    { severity: 'warning', rule: 'reset-close', server: '2001:db8::1', firstAt: 4e9, lastAt: 5e9 },
  ]);
  const ids = (filter: FindingFilter): string => {
    const found = [...readFindings(database, filter)].map(f => f.id).join(' ');
    if (filter.limit === undefined)
      assert.equal(countFindings(database, filter), found === '' ? 0 : found.split(' ').length);
    return found;
  };
  const s = (n: number): bigint => BigInt(ORIGIN + n) * 1_000_000_000n;
  assert.equal(ids({}), 'f0 f1 f2');
  assert.equal(ids({ severity: 'warning' }), 'f1 f2', 'this severity or a worse one');
  assert.equal(ids({ rules: ['reset-close', 'none'] }), 'f2');
  assert.equal(ids({ client: '192.0.2.2' }), 'f1');
  assert.equal(ids({ server: '2001:db8::1' }), 'f2');
  assert.equal(ids({ sinceNs: s(3) }), 'f1 f2', 'a finding that reaches into the span counts');
  assert.equal(ids({ untilNs: s(2) }), 'f0 f1');
  assert.equal(ids({ sinceNs: s(6) }), '');
  assert.equal(ids({ limit: 1 }), 'f0');
  assert.equal(ids({ runs: [2] }), '');
  assert.equal(ids({ severity: 'warning', client: '192.0.2.2', sinceNs: s(1) }), 'f1');
});

test('who aborts a connection, and the value of a setting, are part of the cause', () => {
  const { database, runId } = stored([
    { rule: 'reset-close', evidence: { class: 'abort', from: 'client' } },
    { rule: 'reset-close', evidence: { class: 'abort', from: 'server' } },
    { rule: 'revealed-setting', evidence: { setting: 'tcp_tw_recycle', value: 0 } },
    { rule: 'revealed-setting', evidence: { setting: 'tcp_tw_reuse', value: 'on, or a bound port' } },
  ]);
  const causes = summarise(database, runId, 0).causes.map(({ cause }) => cause);
  assert.deepEqual(causes.sort(), ['abort by-client', 'abort by-server', 'tcp_tw_recycle=0', 'tcp_tw_reuse']);
});

test('findings of one cause are one line: worst first, then most', () => {
  const reset = { rule: 'reset-close', evidence: { class: 'refused', from: 'server' } };
  const { database, runId } = stored([
    { ...reset, client: '192.0.2.1' },
    { ...reset, client: '192.0.2.2', confidence: 'proof' },
    { ...reset, client: '192.0.2.2' },
    { severity: 'error', confidence: 'weak' },
    { severity: 'info', evidence: { class: 'in-time-wait', outcome: 'accepted' } },
    { rule: 'timestamp-regress', evidence: { delta: -5 }, severity: 'info' },
  ]);
  const { byRule, causes, worst } = summarise(database, runId, 2);
  assert.deepEqual(
    causes.map(c => [c.rule, c.cause, c.severity, c.confidence, c.count, c.pairCount]),
    [
      ['port-reuse', 'in-time-wait accepted', 'error', 'weak', 2, 1],
      ['reset-close', 'refused', 'warning', 'proof', 3, 2],
      ['timestamp-regress', '', 'info', 'strong', 1, 1],
    ],
  );
  assert.deepEqual(causes[1].pairs[0], { client: '192.0.2.2', server: '198.51.100.80', count: 2 });
  assert.deepEqual(
    worst.map(f => f.id),
    ['f3', 'f1'],
    'of each cause the worst, best proven',
  );
  assert.deepEqual(byRule.get('port-reuse'), { info: 1, notice: 0, warning: 0, error: 1, critical: 0 });
  assert.equal(worstSeverity(database, { runs: [runId] }), 'error');
});

test('a run without findings has no worst', () => {
  const { database, runId } = stored([]);
  assert.equal(worstSeverity(database, { runs: [runId] }), undefined);
  assert.deepEqual(summarise(database, runId, 3).causes, []);
});

test('the worst finding is found in a database that has had 268 million findings before', () => {
  const store = stored([{ severity: 'info' }]);
  store.database.exec(`UPDATE finding SET rowid = ${2 ** 48}`);
  const more = (['notice', 'critical', 'critical'] as const).map((severity, i) =>
    finding({ id: `e${i}`, severity, at: 2e9 + i }),
  );
  store.findings(more);
  const { causes, worst } = summarise(store.database, store.runId, 1);
  assert.deepEqual([causes[0]!.severity, causes[0]!.count, worst.map(({ id }) => id)], ['critical', 4, ['e1']]);
  store.close();
});
