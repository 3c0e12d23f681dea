/**
 * Joins the modules of the command, and those of its threads, into one file each. Loading three hundred of them took
 * longer than the rest of a run over a small capture. They take the place of the entries that were compiled, and are what
 * these import and nothing else: with or without this step the same is done. `npm run build` ends with it.
 */
const ENTRIES = ['cli/main', 'shard/worker', 'capture/inflate-worker'];

const esbuild = await import('esbuild').catch(() => undefined);
if (esbuild === undefined) process.stderr.write('esbuild is not installed (npm ci): the command begins more slowly\n');
await esbuild?.build({
  entryPoints: ENTRIES.map(entry => `dist/src/${entry}.js`),
  outbase: 'dist/src',
  outdir: 'dist/src',
  allowOverwrite: true,
  bundle: true,
  packages: 'external',
  format: 'esm',
  platform: 'node',
});
