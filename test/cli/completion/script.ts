/** A script of `pawscope completion` in a folder with a capture, and with the command itself in `bin`. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { folder } from '../../build/store-sample.ts';
import { BIN, pawscope } from '../run.ts';

export function written(t: TestContext, shell: string): { cwd: string; script: string } {
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
