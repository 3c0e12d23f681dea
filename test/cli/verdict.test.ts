/** --fail-on, --baseline and --expect of `analyze`. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { folder } from '../build/store-sample.ts';
import { parseXml } from '../build/xml.ts';
import { fixture, pawscope } from './run.ts';

const REUSE = fixture('time-wait-collision-one-second.pcap');
const OTHER = fixture('nat-second-client-unanswered.pcap');

test('with a baseline only what is new counts, and only that is exported', t => {
  const cwd = folder(t);
  const run = (...args: string[]) => pawscope(cwd, ['analyze', '-q', '--fail-on', 'warning', ...args]);
  assert.equal(run('--db', 'base.db', REUSE).status, 1);
  assert.equal(run('--baseline', 'base.db', REUSE).status, 0, 'all of it is known');
  assert.equal(run('--baseline', 'base.db', '--db', 'base.db', REUSE).status, 0, 'also into the same database');
  const some = run('--baseline', 'base.db', '--format', 'junit', REUSE, OTHER);
  assert.equal(some.status, 1);
  const [suite] = parseXml(some.stdout).children;
  assert.deepEqual(
    suite.children.map(({ children }) => children[0]?.name),
    [undefined, 'failure'],
  );
  assert.match(
    pawscope(cwd, ['findings', '--run', 'last', '--format', 'md']).stdout,
    /one-second\.pcap/,
    'all is kept',
  );
});

test('a baseline that is not there, or that nothing fails by, is refused', t => {
  const cwd = folder(t);
  const missing = pawscope(cwd, ['analyze', '--fail-on', 'error', '--baseline', 'no.db', REUSE]);
  assert.equal(missing.status, 2);
  assert.match(missing.stderr, /^pawscope: no\.db: [^\n]+\n$/);
  assert.match(pawscope(cwd, ['analyze', '--baseline', 'no.db', REUSE]).stderr, /--baseline needs --fail-on/);
});

test('what is expected of a rule is met or named, with the status of findings', t => {
  const cwd = folder(t);
  const run = (...expect: string[]) =>
    pawscope(cwd, ['analyze', '-q', '--db', ':memory:', ...expect.flatMap(text => ['--expect', text]), REUSE]);
  assert.deepEqual(run('port-reuse=1', 'reset-close>=1', 'reset-close<=2', 'reset-close=1-3', 'paws-drop=0'), {
    status: 0,
    stdout: '',
    stderr: '',
  });
  const { status, stderr } = run('port-reuse=0', 'paws-drop>=1', 'reset-close=2');
  assert.equal(status, 1);
  const sentences = ['expected port-reuse=0, but there is 1', 'expected paws-drop>=1, but there are 0'];
  assert.equal(stderr, sentences.map(sentence => `pawscope: ${sentence}\n`).join(''));
  assert.match(run('port-resue=1').stderr, /there is no rule port-resue/);
  assert.match(run('port-reuse>1').stderr, /RULE>=N/);
  const left = pawscope(cwd, ['analyze', '--rule', 'reset-close', '--expect', 'port-reuse=1', REUSE]);
  assert.match(left.stderr, /port-reuse, which --rule leaves out/);
});
