/** Completions as bash itself computes them. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { rules } from '../../../src/cli/rules.ts';
import { program } from '../../build/manual.ts';
import { written } from './script.ts';

const COMMANDS = program().commands.map(command => command.name());

/** What bash would offer after these words, the last of which is being typed. */
function bash(cwd: string, script: string, words: readonly string[]): string[] {
  const text = `source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _pawscope; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr } = spawnSync('bash', ['--norc', '-uc', text, 'bash', script, ...words], {
    cwd,
    encoding: 'utf8',
  });
  assert.equal(stderr, '');
  return stdout.split('\n').filter(line => line !== '');
}

test('bash completes commands, options, words, lists of rules and files', t => {
  const { cwd, script } = written(t, 'bash');
  const complete = (...words: string[]): string[] => bash(cwd, script, ['pawscope', ...words]);
  assert.deepEqual(complete('an'), ['analyze']);
  assert.deepEqual(complete('').sort(), [...COMMANDS, 'help'].sort());
  assert.deepEqual(complete('--v'), ['--version']);
  for (const command of program().commands) {
    const options = command.options.map(({ long }) => long!);
    assert.deepEqual(complete(command.name(), '--').sort(), [...options, '--help'].sort(), command.name());
  }
  assert.deepEqual(complete('analyze', 'x.pcap', '--format', 'js'), ['json']);
  assert.deepEqual(complete('analyze', '--format', '=', 'nd'), ['ndjson']);
  assert.deepEqual(complete('analyze', '--format', '=').length, 8);
  assert.deepEqual(complete('analyze', '--rule', 'port-'), ['port-reuse', 'port-exhaustion']);
  assert.deepEqual(complete('analyze', '--rule', 'reset-close,port-r'), ['reset-close,port-reuse']);
  assert.deepEqual(complete('analyze', '--expect', 'port-r'), ['port-reuse=']);
  assert.deepEqual(complete('analyze', '--sysctl', 'tcp_tw_rec'), ['tcp_tw_recycle=']);
  assert.deepEqual(complete('analyze', '--profile', 'free'), ['freebsd']);
  assert.deepEqual(complete('analyze', '-r', 'my'), ['my capture.pcap']);
  assert.deepEqual(complete('analyze', 'my'), ['my capture.pcap']);
  assert.deepEqual(complete('report', '--format', ''), ['html', 'md']);
  assert.deepEqual(
    complete('explain', '').sort(),
    rules()
      .map(({ id }) => id)
      .sort(),
  );
  assert.deepEqual(complete('completion', 'f'), ['fish']);
  assert.deepEqual(complete('analyze', '--time-wait', ''), []);
  assert.ok(complete('live', '-i', '').includes('any'));
});
