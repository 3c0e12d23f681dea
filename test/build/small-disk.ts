/** A file system that is quickly full: a small tmpfs, which needs root. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

/** Mounts it and returns its folder, which everybody may write to; `size` as for mount. */
export function smallDisk(t: TestContext, size: string): string {
  const path = mkdtempSync(join(tmpdir(), 'pawscope-disk-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size},mode=777`, 'none', path]);
  t.after(() => {
    execFileSync('umount', [path]);
    rmdirSync(path);
  });
  return path;
}
