/**
 * Joins the modules of the command, and those of each kind of its threads, into one file each: loading 450
 * modules took longer than the rest of a run over a small capture. Each joined file replaces its compiled entry module
 * and contains that and its imports only, so the program behaves the same with or without this step, the last of
 * `npm run build`.
 */
const ENTRIES = ['cli/main', 'shard/worker', 'capture/compression/inflate-worker'];

const esbuild = await import('esbuild').catch(() => undefined);
if (esbuild === undefined) process.stderr.write('esbuild is not installed (npm ci): the command starts more slowly\n');
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
