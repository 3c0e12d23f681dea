/** `npm run bench -- [NAME] [options]`: runs one of the benches, `analyze` if none is named, with the options. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const BENCHES = ['analyze', 'stages', 'startup', 'store', 'sweep', 'live', 'flood', 'kill', 'soak'];

const [first = '', ...rest] = process.argv.slice(2);
const [bench, args] = BENCHES.includes(first) ? [first, rest] : ['analyze', process.argv.slice(2)];
const script = fileURLToPath(new URL(import.meta.url.replace(/main\.(ts|js)$/, `${bench}.$1`)));
process.exitCode = spawnSync(process.execPath, [script, ...args], { stdio: 'inherit' }).status ?? 1;
