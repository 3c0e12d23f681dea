/** Completions as fish itself computes them. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { written } from './script.ts';

test('fish completes commands, options, words, lists of rules and files', t => {
  const { cwd, script } = written(t, 'fish');
  if (spawnSync('fish', ['--version']).error !== undefined) {
    t.skip('needs fish');
    return;
  }
  const complete = (line: string): string[] => {
    const text = `source $argv[1]; complete -C $argv[2]`;
    const env = { ...process.env, HOME: cwd, XDG_CONFIG_HOME: cwd, PATH: `${join(cwd, 'bin')}:${process.env.PATH}` };
    const { stdout, stderr } = spawnSync('fish', ['-c', text, script, line], { cwd, env, encoding: 'utf8' });
    assert.equal(stderr, '');
    return stdout
      .split('\n')
      .filter(each => each !== '')
      .map(each => each.split('\t')[0]);
  };
  assert.deepEqual(complete('pawscope an'), ['analyze']);
  assert.deepEqual(complete('pawscope analyze --format js'), ['json']);
  assert.deepEqual(
    complete('pawscope analyze --format=nd').map(each => each.replace('--format=', '')),
    ['ndjson'],
  );
  assert.deepEqual(complete('pawscope analyze --fai'), ['--fail-on']);
  assert.deepEqual(complete('pawscope analyze --rule reset-close,port-r'), ['reset-close,port-reuse']);
  assert.deepEqual(
    complete('pawscope analyze my').map(each => each.replace('\\', '')),
    ['my capture.pcap'],
  );
  assert.deepEqual(complete('pawscope explain port-r'), ['port-reuse']);
  assert.deepEqual(complete('pawscope report --format ').sort(), ['html', 'md']);
});
