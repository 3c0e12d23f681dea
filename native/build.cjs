/**
 * Compiles the addon for this machine, unless the packaged binary runs here or the one compiled before is newer than
 * all sources. Needs only a C compiler, not even libpcap. Never fails: without the addon everything works except
 * `live`, `interfaces` and --filter, which then say what is missing; TypeScript decodes and stores instead, more
 * slowly. `--prebuild` compiles into prebuilds/, for npm pack.
 */
const { execFileSync } = require('node:child_process');
const { existsSync, mkdirSync, readdirSync, rmSync, statSync } = require('node:fs');
const { dirname, join } = require('node:path');

const NAME = 'pawscope.node';
const PREBUILT = join(__dirname, 'prebuilds', `${process.platform}-${process.arch}`, NAME);
const BUILT = join(__dirname, 'build', NAME);

/**
 * Whether the binary loads. Tried in a separate process: a binary for another machine may crash instead of throwing.
 */
function runs(binary) {
  try {
    execFileSync(process.execPath, ['-e', 'require(process.argv[1])', binary], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

const sourcesEndingIn = ending =>
  readdirSync(__dirname)
    .filter(name => ending.test(name))
    .map(name => join(__dirname, name));

function compile(binary) {
  mkdirSync(dirname(binary), { recursive: true });
  const compiler = process.env.CC || 'cc';
  const headers = [
    require('node-api-headers').include_dir,
    join(dirname(require.resolve('better-sqlite3/package.json')), 'deps', 'sqlite3'),
  ].map(folder => `-I${folder}`);
  const flags = ['-std=gnu11', '-O2', '-Wall', '-Wextra', '-fPIC', '-fvisibility=hidden', '-shared', '-pthread', '-s'];
  const files = sourcesEndingIn(/\.c$/);
  execFileSync(compiler, [...flags, ...headers, '-o', binary, ...files, '-ldl'], { stdio: 'pipe' });
}

/** Compiles `binary`; returns undefined if it then runs, else why not. */
function problem(binary) {
  if (process.platform !== 'linux') return 'it is for Linux only';
  try {
    compile(binary);
  } catch (error) {
    rmSync(binary, { force: true });
    if (error.code === 'ENOENT') return 'there is no C compiler (Debian: apt install gcc libc6-dev)';
    return `the compiler says: ${firstError(String(error.stderr || error.message))}`;
  }
  if (runs(binary)) return undefined;
  rmSync(binary, { force: true });
  return 'the compiled binary does not load';
}

const firstError = text => text.split('\n').find(line => /error/i.test(line)) ?? text.trim().split('\n')[0];

/** Whether the binary is newer than all its sources, and runs. */
function isCurrent(binary) {
  const newest = Math.max(...sourcesEndingIn(/\.(c|h|cjs)$/).map(file => statSync(file).mtimeMs));
  return existsSync(binary) && statSync(binary).mtimeMs > newest && runs(binary);
}

const isThere = () => (existsSync(PREBUILT) && runs(PREBUILT)) || isCurrent(BUILT);

const prebuild = process.argv.includes('--prebuild');
if (prebuild || !isThere()) {
  const why = problem(prebuild ? PREBUILT : BUILT);
  if (why)
    console.log(`pawscope: no addon, so live, interfaces and --filter do not work, and the rest is slower: ${why}`);
  if (why && prebuild) process.exitCode = 1;
}
