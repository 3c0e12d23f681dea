/**
 * Joins the modules of the library, of the command, and of each kind of their threads into one file each: loading 450
 * modules took longer than the rest of a run over a small capture. Each joined file replaces its compiled entry module
 * and contains that and its imports only, so the program behaves the same before and after this step, the last of
 * `npm run build`. The package has the joined files only.
 */
import { build } from 'esbuild';

/** `cli/start` leaves `cli/main` where it is: `--version` does not load it. */
const ENTRIES = ['index', 'cli/main', 'shard/worker', 'capture/compression/inflate-worker'];
const START = 'cli/start';
const MAIN = '*/main.js';

const join = (entries, external) =>
  build({
    entryPoints: entries.map(entry => `dist/src/${entry}.js`),
    outbase: 'dist/src',
    outdir: 'dist/src',
    allowOverwrite: true,
    bundle: true,
    packages: 'external',
    external,
    format: 'esm',
    platform: 'node',
  });

await join(ENTRIES, []);
await join([START], [MAIN]);
