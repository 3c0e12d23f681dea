/** The formats that CI servers and tickets read: SARIF, JUnit, GitHub's annotations, Markdown. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import type { CaptureNote } from '../../../src/capture/capture-info.ts';
import type { Finding } from '../../../src/detect/finding.ts';
import { detectors } from '../../../src/detect/index.ts';
import { commandMessage, commandProperty, markdownCell, xml } from '../../../src/report/escape.ts';
import { github } from '../../../src/report/list/github.ts';
import { junit } from '../../../src/report/list/junit.ts';
import { markdownList } from '../../../src/report/list/markdown.ts';
import { sarif } from '../../../src/report/list/sarif.ts';
import { MOST_RESULTS } from '../../../src/report/list/sarif-log.ts';
import { readCaptures, readFindings, readRuns } from '../../../src/store/reader.ts';
import { Store } from '../../../src/store/store.ts';
import { parseSarif } from '../../build/sarif-log.ts';
import { captureInfo, finding, findings, newRun, packet } from '../../build/store-sample.ts';
import { parseXml } from '../../build/xml.ts';

const HOSTILE = '::error::x|<b>&"\'`\x1b[31m\u202e\ufffe@all\n%0A](http://x){0}';

interface Sample {
  sources?: string[];
  notes?: CaptureNote[];
}

function stored(t: TestContext, all: readonly Finding[], { sources = ['office.pcap'], notes = [] }: Sample = {}) {
  const captures = sources.map(source => captureInfo({ source, notes }));
  const store = new Store(':memory:', newRun({ captures }));
  t.after(() => store.close());
  store.findings(all);
  store.finish(notes.length > 0 ? 'damaged' : 'done', 0n, {});
  const db = store.database;
  const rows = (): ReturnType<typeof readFindings> => readFindings(db, {});
  return { rows, captures: readCaptures(db, [1]), runs: readRuns(db) };
}

const MIXED = (['critical', 'error', 'warning', 'notice', 'info'] as const).map((severity, i) =>
  finding({ id: `f${i}`, severity, at: i }),
);

test('SARIF has the shape of its schema, every rule with help, and each finding with its fingerprint', t => {
  const { rows, captures, runs } = stored(t, MIXED, { sources: ['rotated/a b#1.pcap'] });
  const [run] = parseSarif([...sarif(rows(), captures, runs, '1.2.3')].join('')).runs;
  assert.deepEqual(
    run.tool.driver.rules.map(({ id }) => id),
    detectors.map(({ meta }) => meta.id),
  );
  for (const { help } of run.tool.driver.rules) assert.match(help.text, /What to change: [\s\S]*What not to do: /);
  assert.deepEqual(
    run.results.map(({ level }) => level),
    ['error', 'error', 'warning', 'note', 'note'],
  );
  const [first] = run.results;
  assert.equal(first.ruleId, 'port-reuse');
  assert.equal(first.partialFingerprints.primaryLocationLineHash, 'f0:1');
  const { artifactLocation, region } = first.locations[0].physicalLocation;
  assert.deepEqual([artifactLocation.uri, region.startLine], ['rotated/a%20b%231.pcap', 1]);
  assert.equal(run.artifacts[0].location.uri, artifactLocation.uri);
  assert.equal(run.invocations[0].executionSuccessful, true);
});

test('SARIF without findings, of damaged captures and of rules that are not known has the same shape', t => {
  const none = stored(t, []);
  assert.deepEqual(parseSarif([...sarif(none.rows(), none.captures, none.runs, '1.2.3')].join('')).runs[0].results, []);
  const notes: CaptureNote[] = [{ kind: 'truncated', text: 'ends in the middle of a record', offset: 99 }];
  const other = stored(t, [finding({ rule: 'of-another-version', packets: [] })], {
    notes,
    sources: ['/captures/x.pcap'],
  });
  const [run] = parseSarif([...sarif(other.rows(), other.captures, other.runs, '1.2.3')].join('')).runs;
  assert.equal(run.results[0].ruleIndex, undefined);
  assert.equal(run.artifacts[0].location.uri, 'file:///captures/x.pcap');
  const [{ message }] = run.invocations[0].toolExecutionNotifications;
  assert.equal(message.text, '/captures/x.pcap: ends in the middle of a record (byte 99)');
});

test('SARIF holds no more results than code scanning takes, and says how many it left out', t => {
  const { rows, captures, runs } = stored(t, findings(MOST_RESULTS + 7));
  const [run] = parseSarif([...sarif(rows(), captures, runs, '1.2.3')].join('')).runs;
  assert.equal(run.results.length, MOST_RESULTS);
  assert.equal(run.invocations[0].toolExecutionNotifications[0].message.text, '7 more results were left out');
});

test('JUnit has a case a capture: what is severe enough fails it, the rest is told', t => {
  const second = finding({ id: 'e', severity: 'info', packets: [packet({ capture: 1 })] });
  const notes: CaptureNote[] = [{ kind: 'dropped', text: '5 packets were dropped', count: 5 }];
  const { rows, captures } = stored(t, [...MIXED, second], { sources: ['a.pcap', '-'], notes });
  const [suite] = parseXml([...junit(rows(), captures, 'error')].join('')).children;
  assert.deepEqual(suite.attributes, { name: 'pawscope', tests: '2', failures: '1', errors: '0', skipped: '0' });
  const [a, stdin] = suite.children;
  assert.deepEqual([a.attributes.name, stdin.attributes.name], ['a.pcap', 'standard input']);
  const [failure, out, err] = a.children;
  assert.equal(failure.attributes.message, '5 findings: 1 critical, 1 error, 1 warning, 1 notice, 1 info');
  assert.deepEqual(failure.text.match(/\[f\d\]/g), ['[f0]', '[f1]']);
  assert.deepEqual(out.text.match(/\[f\d\]/g), ['[f2]', '[f3]', '[f4]']);
  assert.equal(err.text, 'a.pcap: 5 packets were dropped');
  assert.deepEqual(
    stdin.children.map(({ name }) => name),
    ['system-out', 'system-err'],
  );
});

test('JUnit keeps some lines of each capture and counts all, also findings that no capture is known of', t => {
  const all = [...findings(250), finding({ id: 'x', packets: [] })];
  const { rows, captures } = stored(t, all);
  const [suite] = parseXml([...junit(rows(), captures, 'warning')].join('')).children;
  const [office, unknown] = suite.children;
  assert.match(office.children[0].text, /\nand 150 more findings$/);
  assert.equal(office.children[0].attributes.message, '250 findings: 250 warning');
  assert.equal(unknown.attributes.name, 'captures that are not known');
});

test('annotations name file, frame and finding; ten of a level, and the last line counts all', t => {
  const { rows, captures } = stored(t, [...MIXED, ...findings(20, { at: 2e9 })]);
  const lines = [...github(rows(), captures)].join('').trimEnd().split('\n');
  assert.equal(
    lines[0],
    '::error file=office.pcap,line=1,title=port-reuse (critical%2C strong)::the client opened the tuple again 12.5 s ' +
      'after its close%0A192.0.2.10:40000 → 198.51.100.80:80, finding f0',
  );
  const of = (level: string): number => lines.filter(line => line.startsWith(`::${level} `)).length;
  assert.deepEqual([of('error'), of('warning'), of('notice')], [2, 10, 2]);
  assert.match(lines.at(-1)!, /^pawscope: 25 findings: 1 critical, .*; annotated are 10 of a level$/);
  assert.deepEqual([...github([], captures)], ['pawscope: No findings\n']);
});

test('Markdown is a table of one row a finding, then the sums', t => {
  const { rows, captures } = stored(t, MIXED);
  const lines = [...markdownList(rows(), captures)].join('').split('\n');
  assert.match(lines[0], /^\| severity \| evidence \| rule \|/);
  const row =
    '| critical | strong | port-reuse | 2023-11-14T22:13:20.000000000Z | 192.0.2.10:40000 → 198.51.100.80:80 | ' +
    'the client opened the tuple again 12.5 s after its close | 1 of office.pcap | f0 |';
  assert.equal(lines[2], row);
  assert.equal(lines.at(-2), '5 findings: 1 critical, 1 error, 1 warning, 1 notice, 1 info.');
  assert.match([...markdownList(rows(), captures, 2)].join(''), /; 3 rows left out\.\n$/);
  assert.equal([...markdownList([], captures)].join(''), 'No findings.\n');
});

test('what a capture or its name says stays text in every format', t => {
  const { rows, captures, runs } = stored(t, [finding({ title: HOSTILE })], { sources: [HOSTILE] });
  const annotations = [...github(rows(), captures)].join('');
  assert.equal(annotations.match(/^::/gm)?.length, 1);
  const [row] = [...markdownList(rows(), captures)].slice(1);
  assert.equal(row.trimEnd().match(/(?<!\\)\|/g)?.length, 9, 'as many bars as the header');
  assert.doesNotMatch(row, /(?<!\\)[<`@]/);
  const [suite] = parseXml([...junit(rows(), captures, 'info')].join('')).children;
  assert.match(suite.children[0].attributes.name, /^::error::x\|<b>&"'`\\x1b\[31m\\u202e/);
  const [run] = parseSarif([...sarif(rows(), captures, runs, '1')].join('')).runs;
  assert.match(run.results[0].message.text, /\\\]\(http:\/\/x\)\{\{0\}\}/);
  for (const text of [annotations, row]) assert.ok(!text.includes('\x1b') && !text.includes('\u202e'));
});

test('any text is well-formed XML, one cell, one command', () => {
  const anything = fc.string({ unit: 'binary', maxLength: 20 });
  fc.assert(
    fc.property(anything, text => {
      parseXml(`<a b="${xml(text)}">${xml(text)}</a>`);
      assert.doesNotMatch(markdownCell(text), /\n|(?<!\\)(?:\\\\)*[|<>`]/);
      assert.doesNotMatch(commandMessage(text), /[\r\n]/);
      assert.doesNotMatch(commandProperty(text), /[\r\n:,]/);
    }),
  );
});
