/** Processes, files and namespaces that a bench makes and removes again. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Scope } from '../../test/build/netns.ts';

/** Runs `work` and then removes everything that it made, in reverse order. */
export async function scoped(work: (scope: Scope, scratch: string) => Promise<void>): Promise<void> {
  const scratch = mkdtempSync(join(tmpdir(), 'pawscope-bench-'));
  const ends: (() => void)[] = [() => rmSync(scratch, { recursive: true, force: true })];
  try {
    await work({ after: end => ends.push(end) }, scratch);
  } finally {
    for (const end of ends.reverse()) end();
  }
}
