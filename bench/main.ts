/** `npm run bench`: everything that is measured, one table after the other. Arguments go to each. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

for (const bench of ['analyze', 'stages', 'startup']) {
  process.stdout.write(`\n== ${bench}\n`);
  const script = fileURLToPath(new URL(import.meta.url.replace(/main\.(ts|js)$/, `${bench}.$1`)));
  const { status } = spawnSync(process.execPath, [script, ...process.argv.slice(2)], { stdio: 'inherit' });
  if (status !== 0) process.exitCode = 1;
}
