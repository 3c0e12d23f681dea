/** Runs the built command line as people do: a process, its streams, its status. */
import { type SpawnSyncOptions, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** From dist/test/cli. */
export const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
export const BIN = join(ROOT, 'bin', 'pawscope.js');
export const fixture = (name: string): string => join(ROOT, 'fixtures', name);

export interface Result {
  status: number | null;
  stdout: string;
  stderr: string;
}

/** `cwd` is where the default database would go. */
export function pawscope(cwd: string, args: readonly string[], options: SpawnSyncOptions = {}): Result {
  const env = { ...process.env, NO_COLOR: '' };
  const { status, stdout, stderr } = spawnSync(process.execPath, [BIN, ...args], {
    cwd,
    env,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    ...options,
  });
  return { status, stdout: String(stdout), stderr: String(stderr) };
}
