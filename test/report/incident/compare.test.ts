/** Before and after: by cause, by rate. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compare, comparedText, rateText, type Side } from '../../../src/report/incident/compare.ts';
import { folder } from '../../build/store-sample.ts';
import { fixture, pawscope } from '../../cli/run.ts';

const side = (flows: number, counts: Record<string, number>): Side => ({
  name: 'x.db',
  run: 1,
  tally: { flows },
  causes: Object.entries(counts).map(([rule, count]) => ({ rule, cause: '', severity: 'warning', count })),
});

test('what went away, what is new, and what comes more or less often by rate', () => {
  const before = side(1000, { a: 5, b: 10, c: 10, d: 10 });
  const after = side(2000, { b: 20, c: 60, d: 10, e: 1 });
  const compared = compare(before, after);
  assert.deepEqual(
    compared.rows.map(({ rule, change }) => [rule, change]),
    [
      ['a', 'gone'],
      ['e', 'new'],
      ['c', 'more'],
      ['d', 'less'],
      ['b', 'same'],
    ],
  );
  assert.match(
    comparedText(compared),
    /^5 causes; gone: 1, new: 1, more often: 1, less often: 1\. Before: 1,000 connections/,
  );
  assert.deepEqual([rateText(5, 1000), rateText(60, 2000), rateText(1, 0)], ['5.00', '30', '-']);
});

test('report --compare tells it in both formats, and names the database that is not there', t => {
  const cwd = folder(t);
  pawscope(cwd, ['analyze', '-q', '--db', 'before.db', fixture('lab-recycle-two-hosts.pcap')]);
  pawscope(cwd, ['analyze', '-q', '--db', 'after.db', fixture('healthy-traffic.pcap')]);
  const html = pawscope(cwd, ['report', 'after.db', '--compare', 'before.db']).stdout;
  assert.match(html, /id="compared"[\s\S]*<td>gone<\/td><td>critical<\/td>/);
  const md = pawscope(cwd, ['report', 'after.db', '--compare', 'before.db', '--format', 'md']).stdout;
  assert.match(md, /## Before and after[\s\S]*\| gone \| critical \|/);
  const { status, stderr } = pawscope(cwd, ['report', 'after.db', '--compare', 'none.db']);
  assert.deepEqual([status, /none\.db: there is no such database/.test(stderr)], [2, true]);
});
