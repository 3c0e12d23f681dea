/** Completions as zsh itself computes them. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { written } from './script.ts';

test('zsh completes commands, options, words, lists of rules and files', t => {
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
