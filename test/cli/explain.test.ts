import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { detectors } from '../../src/detect/index.ts';
import { Store } from '../../src/store/store.ts';
import { finding, folder, newRun, packet } from '../build/store-sample.ts';
import { pawscope, ROOT } from './run.ts';

function database(path: string, ...runs: string[][]): void {
  for (const ids of runs) {
    const store = new Store(path, newRun());
    store.findings(ids.map((id, i) => finding({ id, at: i, packets: [packet({ at: i })] })));
    store.finish('done', 0n, {});
    store.close();
  }
}

test('without a word the rules are listed', t => {
  const { status, stdout } = pawscope(folder(t), ['explain']);
  assert.equal(status, 0);
  for (const { meta } of detectors) assert.match(stdout, new RegExp(`${meta.id} +${meta.title}`));
});

test('README.md shows what analyze and explain print', t => {
  const cwd = folder(t);
  const capture = 'fixtures/time-wait-collision-one-second.pcap';
  mkdirSync(join(cwd, 'fixtures'));
  copyFileSync(join(ROOT, capture), join(cwd, capture));
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
  const [analyzed = '', explained = ''] = Array.from(readme.matchAll(/```text\n(.*?)\n```/gs), ([, text]) => text);
  assert.equal(pawscope(cwd, ['analyze', capture]).stdout.trimEnd(), analyzed);
  // The golden is in 80 columns, as README.md is, and begins with what that shows.
  const golden = readFileSync(join(ROOT, capture.replace('.pcap', '.explain.txt')), 'utf8');
  const shown = explained.replace(capture, capture.slice('fixtures/'.length));
  assert.equal(golden.slice(golden.indexOf('warning, '), golden.indexOf('warning, ') + shown.length), shown);
});

test('a rule is its page: for the terminal, as it is, or in a document', t => {
  const cwd = folder(t);
  const page = readFileSync(join(ROOT, 'docs/detectors/port-reuse.md'), 'utf8');
  const text = pawscope(cwd, ['explain', 'port-reuse']);
  assert.equal(text.status, 0);
  assert.match(text.stdout, /^port-reuse\n\n {2}A SYN uses a 5-tuple again/);
  assert.equal(pawscope(cwd, ['explain', 'port-reuse', '--format', 'md']).stdout, page);
  const document = JSON.parse(pawscope(cwd, ['explain', 'port-reuse', '--format', 'json']).stdout);
  assert.deepEqual([document.id, document.page], ['port-reuse', page]);
});

test('an unknown word is one sentence that names near ones, and 2', t => {
  const cwd = folder(t);
  for (const [word, sentence] of [
    ['port-reus', /did you mean port-reuse\?/],
    ['reset', /did you mean reset-close\?/],
    ['tw-assassination', /the page of reset-close mentions it/],
    ['nonsense', /the rules are timestamp-regress, /],
    ['04f', /too short .* at least 4/],
  ] as const) {
    const { status, stdout, stderr } = pawscope(cwd, ['explain', word]);
    assert.deepEqual([status, stdout], [2, '']);
    assert.match(stderr, sentence);
    assert.match(stderr, /^pawscope: [^\n]+\n$/);
  }
});

test('a finding is told by its id or the beginning of it, of the newest run', t => {
  const cwd = folder(t);
  database(join(cwd, 'x.db'), ['0123456789abcdef', 'fedcba9876543210'], ['0123456789abcdef']);
  for (const word of ['0123456789abcdef', '0123']) {
    const { status, stdout, stderr } = pawscope(cwd, ['explain', word, '--db', 'x.db', '--format', 'json']);
    assert.equal(status, 0, stderr);
    const document = JSON.parse(stdout);
    assert.deepEqual([document.finding.id, document.finding.run_id], ['0123456789abcdef', 2]);
    assert.ok(document.advice.checks.length > 0);
    assert.equal(document.tshark.length, 1);
  }
  assert.match(pawscope(cwd, ['explain', 'FEDC', '--db', 'x.db']).stdout, /fedcba9876543210/);
});

test('an ambiguous or unknown id is one sentence, and 2', t => {
  const cwd = folder(t);
  database(join(cwd, 'pawscope.db'), ['aaaa000000000001', 'aaaa000000000002']);
  for (const [word, sentence] of [
    ['aaaa', /aaaa begins the ids of 2 findings: aaaa000000000001, aaaa000000000002/],
    ['bbbb', /there is no finding whose id begins with bbbb/],
  ] as const) {
    const { status, stderr } = pawscope(cwd, ['explain', word]);
    assert.equal(status, 2);
    assert.match(stderr, sentence);
  }
  const missing = pawscope(cwd, ['explain', 'aaaa', '--db', 'none.db']);
  assert.deepEqual([missing.status, /there is no such database/.test(missing.stderr)], [2, true]);
  const markdown = pawscope(cwd, ['explain', 'aaaa000000000001', '--format', 'md']);
  assert.deepEqual([markdown.status, /text or json/.test(markdown.stderr)], [2, true]);
});

test('colour follows --color and never changes the text', t => {
  const cwd = folder(t);
  database(join(cwd, 'pawscope.db'), ['aaaa000000000001']);
  const plain = pawscope(cwd, ['explain', 'aaaa', '--color', 'never']).stdout;
  const colored = pawscope(cwd, ['explain', 'aaaa', '--color', 'always']).stdout;
  assert.notEqual(colored, plain);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what colour is
  assert.equal(colored.replace(/\x1b\[\d+m/g, ''), plain);
});
