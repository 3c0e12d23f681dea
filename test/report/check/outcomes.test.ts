/** What `check` found, as each of its formats tells it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkGithub } from '../../../src/report/check/github.ts';
import { goldenDocument } from '../../../src/report/check/golden.ts';
import type { Change } from '../../../src/report/check/golden-diff.ts';
import { checkJunit } from '../../../src/report/check/junit.ts';
import { checkMarkdown } from '../../../src/report/check/markdown.ts';
import type { Outcome } from '../../../src/report/check/outcome.ts';
import { checkSarif } from '../../../src/report/check/sarif.ts';
import { checkText } from '../../../src/report/check/text.ts';
import { plainStyle } from '../../../src/report/text-style.ts';
import { parseSarif } from '../../build/sarif-log.ts';
import { finding, ORIGIN } from '../../build/store-sample.ts';
import { parseXml } from '../../build/xml.ts';

const [document] = goldenDocument([finding()], ORIGIN);
const CHANGES: Change[] = [
  { kind: 'added', finding: document },
  { kind: 'gone', finding: document },
  { kind: 'moved', finding: document },
  { kind: 'changed', finding: document, keys: [{ key: 'evidence.age', was: undefined, is: 12.5 }] },
];
const of = (name: string): { capture: string; golden: string } => ({
  capture: `${name}.pcap`,
  golden: `${name}.findings.json`,
});
const OUTCOMES: Outcome[] = [
  { ...of('same'), verdict: 'same', findings: 2 },
  { ...of('written'), verdict: 'written', findings: 1 },
  { ...of('differs'), verdict: 'differs', findings: 3, changes: CHANGES },
  { ...of('new'), verdict: 'no-golden', findings: 1 },
  { capture: 'old.findings.json', golden: 'old.findings.json', verdict: 'no-capture' },
  { ...of('broken'), verdict: 'unreadable', problem: 'is <no> capture' },
  { ...of('fault'), verdict: 'failed', problem: 'rule x failed' },
];

test('JUnit: a case a capture, failures for differences, errors for what cannot be judged', () => {
  const [suite] = parseXml([...checkJunit(OUTCOMES)].join('')).children;
  assert.deepEqual(suite.attributes, { name: 'pawscope', tests: '7', failures: '3', errors: '2', skipped: '0' });
  assert.deepEqual(
    suite.children.map(({ children }) => children[0]?.name),
    [undefined, undefined, 'failure', 'failure', 'failure', 'error', 'error'],
  );
  const [failure] = suite.children[2].children;
  assert.equal(failure.attributes.message, '4 differences from differs.findings.json');
  assert.match(failure.text, /~ changed: port-reuse \S+, .*\n {6}evidence\.age: was absent, is 12\.5$/);
  assert.match(suite.children[3].children[0].attributes.message, /make it with: pawscope check --update new\.pcap;/);
});

test('annotations: an error for each capture that is not as it should be', () => {
  const lines = [...checkGithub(OUTCOMES)].join('').trimEnd().split('\n');
  assert.equal(lines.length, 6);
  assert.match(lines[0], /^::error file=differs\.pcap,title=pawscope check%3A differs\.pcap::4 differences from .*%0A/);
  assert.match(lines[5], /^pawscope: 6 captures: 1 is as its golden says, 1 golden was written, 1 differs, /);
  const many = [...checkGithub(Array.from({ length: 12 }, () => OUTCOMES[3]))];
  assert.equal(many.length, 11);
  assert.match(many[10], /2 of them without an annotation\n$/);
});

test('Markdown: a row for each difference', () => {
  const lines = [...checkMarkdown(OUTCOMES)].join('').trimEnd().split('\n');
  assert.match(lines[2], /^\| differs\.pcap \| added \| port-reuse \S+, 192\.\S+ → 198\.\S+ \| the client opened /);
  assert.match(lines[5], /\| evidence\.age: was absent, is 12\.5 \|$/);
  assert.equal(lines[8], '| broken.pcap | unreadable |  | is \\<no\\> capture |');
  assert.deepEqual([...checkMarkdown(OUTCOMES.slice(0, 1))], ['1 capture: 1 is as its golden says.\n']);
});

test('SARIF: a result for each difference, with the state of its baseline', () => {
  const [run] = parseSarif([...checkSarif(OUTCOMES, '1.2.3')].join('')).runs;
  assert.deepEqual(
    run.results.map(({ baselineState, ruleId }) => `${ruleId} ${baselineState}`),
    [
      ...['new', 'absent', 'updated', 'updated'].map(state => `port-reuse ${state}`),
      ...Array.from({ length: 4 }, () => 'golden undefined'),
    ],
  );
  assert.equal(new Set(run.results.map(result => result.partialFingerprints['pawscope/v1'])).size, 8);
  assert.equal(run.invocations[0].executionSuccessful, false);
});

test('text: fifty differences of a capture, all of them when asked', () => {
  const changes = Array.from({ length: 60 }, () => CHANGES[0]);
  const outcome: Outcome = { ...of('much'), verdict: 'differs', findings: 60, changes };
  assert.match(checkText([outcome], plainStyle(100)), /\n {2}and 10 more differences: --verbose shows all\n/);
  assert.doesNotMatch(checkText([outcome], { ...plainStyle(100), verbose: true }), /--verbose/);
});
