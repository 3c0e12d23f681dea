/** Completions as the shells themselves compute them. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { rules } from '../../src/cli/rules.ts';
import { program } from '../build/manual.ts';
import { folder } from '../build/store-sample.ts';
import { BIN, pawscope } from './run.ts';

const COMMANDS = program().commands.map(command => command.name());

function written(t: TestContext, shell: string): { cwd: string; script: string } {
  const cwd = folder(t);
  const { status, stdout } = pawscope(cwd, ['completion', shell]);
  assert.equal(status, 0);
  const script = join(cwd, '_pawscope');
  writeFileSync(script, stdout);
  writeFileSync(join(cwd, 'my capture.pcap'), '');
  mkdirSync(join(cwd, 'bin'));
  writeFileSync(join(cwd, 'bin', 'pawscope'), `#!/bin/sh\nexec '${process.execPath}' '${BIN}' "$@"\n`, { mode: 0o755 });
  return { cwd, script };
}

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

test('fish completes the same', t => {
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

test('zsh completes the same', t => {
  const { cwd } = written(t, 'zsh');
  if (spawnSync('zsh', ['--version']).error !== undefined) {
    t.skip('needs zsh');
    return;
  }
  // Completion of zsh runs in its line editor only: one in a terminal of its own, spoken to when the editor has begun a
  // line. What is typed there is echoed, with the quotes that part the words waited for.
  // npm sets EDITOR to vi, and with it the keys would be vi's.
  const driver = `
    zmodload zsh/zpty
    zpty shell zsh -f -i
    zpty -w shell "PS1= PROMPT_EOL_MARK=; fpath=($PWD \\$fpath); autoload -U compinit; compinit -u -D; unsetopt LIST_AMBIGUOUS; zstyle ':completion:*' menu no; bindkey -e; bindkey '^I' complete-word; zle-line-init() { print REA''DY }; zle -N zle-line-init"
    zpty -r shell out '*READY*'
    zpty -w -n shell "$1"$'\\t'
    zpty -w -n shell $'\\C-a'"print -r -- ANS''WER: "$'\\n'
    zpty -r shell out $'*\\nANSWER: *\\n'
    print -r -- "\${out##*$'\\n'ANSWER: }"
    zpty -d shell`;
  const complete = (line: string): string => {
    const { stdout } = spawnSync('zsh', ['-fc', driver, 'zsh', line], { cwd, encoding: 'utf8', timeout: 60_000 });
    return stdout.replace(/\r/g, '').trim();
  };
  assert.equal(complete('pawscope ana'), 'pawscope analyze');
  assert.equal(complete('pawscope analyze --format js'), 'pawscope analyze --format json');
  assert.equal(complete('pawscope analyze --fai'), 'pawscope analyze --fail-on');
  assert.equal(
    complete('pawscope analyze --rule reset-close,port-r'),
    'pawscope analyze --rule reset-close,port-reuse',
  );
  assert.equal(complete('pawscope explain port-r'), 'pawscope explain port-reuse');
  assert.equal(complete('pawscope analyze my'), 'pawscope analyze my capture.pcap');
});
