/** What a bench makes of processes, files and namespaces, and removes again. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Scope } from '../../test/build/netns.ts';

/** Everything that `work` made is gone when it ends: what came last goes first. */
export async function scoped(work: (scope: Scope, scratch: string) => Promise<void>): Promise<void> {
  const scratch = mkdtempSync(join(tmpdir(), 'pawscope-bench-'));
  const ends: (() => void)[] = [() => rmSync(scratch, { recursive: true, force: true })];
  try {
    await work({ after: end => ends.push(end) }, scratch);
  } finally {
    for (const end of ends.reverse()) end();
  }
}
