/** A disk that is soon full: a tmpfs, which needs root. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

/** Its folder, in which everybody may write; `size` as mount has it. */
export function smallDisk(t: TestContext, size: string): string {
  const path = mkdtempSync(join(tmpdir(), 'pawscope-disk-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size},mode=777`, 'none', path]);
  t.after(() => {
    execFileSync('umount', [path]);
    rmdirSync(path);
  });
  return path;
}
