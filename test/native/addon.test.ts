import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, statSync, utimesSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { folder } from '../build/store-sample.ts';
import { BIN, fixture, ROOT } from '../cli/run.ts';

const BUILT = join(ROOT, 'native', 'build', 'pawscope.node');

const unshare = spawnSync('unshare', ['--mount', 'true']).status === 0;
const needsMounts = unshare ? false : 'skipped: needs root and unshare';

test('npm ci has compiled the addon, and it loads here', () => {
  assert.ok(existsSync(BUILT), `npm ci makes ${BUILT}`);
  assert.match(createRequire(import.meta.url)(BUILT).version(), /libpcap/);
});

test('the binary runs with any glibc since 2.17', () => {
  const versions = [...readFileSync(BUILT, 'latin1').matchAll(/GLIBC_2\.(\d+)/g)].map(([, minor]) => Number(minor));
  assert.ok(versions.length > 0);
  assert.ok(Math.max(...versions) <= 17, `it needs glibc 2.${Math.max(...versions)}`);
});

test('the addon loads in several threads of one process', async () => {
  const load = `require('node:worker_threads').parentPort.postMessage(require(${JSON.stringify(BUILT)}).version())`;
  const versions = await Promise.all(
    [1, 2].map(() => new Promise(resolve => new Worker(load, { eval: true }).once('message', resolve))),
  );
  assert.equal(versions[0], versions[1]);
});

test('without a compiler the installation succeeds and says in one line what is missing', t => {
  const copy = copyOfNative(folder(t));
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(copy, 'build.cjs')], {
    env: { PATH: '/nowhere' },
    encoding: 'utf8',
  });
  assert.equal(status, 0);
  assert.match(
    stdout,
    /^pawscope: no addon, so live, interfaces and --filter do not work, and the rest is slower: there is no C compiler [^\n]+\n$/,
  );
  assert.equal(stderr, '');
});

test('what does not compile is told in one line too', t => {
  const copy = copyOfNative(folder(t));
  rmSync(join(copy, 'libpcap.h'));
  const built = spawnSync(process.execPath, [join(copy, 'build.cjs')], { encoding: 'utf8' });
  assert.equal(built.status, 0);
  assert.match(built.stdout, /^pawscope: no addon, [^\n]+ libpcap\.h[^\n]+\n$/);
  assert.equal(existsSync(join(copy, 'build', 'pawscope.node')), false);
});

test('the packed binary is preferred to compiling, and one that does not load is not', t => {
  const copy = copyOfNative(folder(t));
  const run = (...args: string[]): void => {
    execFileSync(process.execPath, [join(copy, 'build.cjs'), ...args]);
  };
  run('--prebuild');
  const prebuilt = join(copy, 'prebuilds', `${process.platform}-${process.arch}`, 'pawscope.node');
  assert.ok(existsSync(prebuilt));
  run();
  assert.equal(existsSync(join(copy, 'build')), false);
  cpSync(BIN, prebuilt);
  run();
  assert.ok(existsSync(join(copy, 'build', 'pawscope.node')));
});

test('it is compiled again only after a change of its sources', t => {
  const copy = copyOfNative(folder(t));
  const binary = join(copy, 'build', 'pawscope.node');
  const changed = (): Date => {
    execFileSync(process.execPath, [join(copy, 'build.cjs')]);
    return statSync(binary).mtime;
  };
  const old = new Date(2020, 0);
  for (const name of readdirSync(copy)) utimesSync(join(copy, name), old, old);
  changed();
  const mark = new Date(2021, 0);
  utimesSync(binary, mark, mark);
  assert.deepEqual(changed(), mark);
  const later = new Date(2022, 0);
  utimesSync(join(copy, 'libpcap.h'), later, later);
  assert.notDeepEqual(changed(), mark);
});

test('without libpcap files are analysed, and live, interfaces and filters say what to install', {
  skip: needsMounts,
}, t => {
  const cwd = folder(t);
  const { version } = createRequire(import.meta.url)(BUILT);
  version();
  const library = /\/\S*libpcap\.so\S*/.exec(readFileSync('/proc/self/maps', 'latin1'))![0];
  const hidden = (...args: string[]) =>
    spawnSync(
      'unshare',
      ['--mount', 'sh', '-c', `mount --bind /dev/null ${library} && exec "$@"`, 'sh', process.execPath, BIN, ...args],
      {
        cwd,
        encoding: 'utf8',
      },
    );
  assert.equal(hidden('analyze', '-q', fixture('lab-tw-reuse.pcap')).status, 0);
  for (const [purpose, args] of [
    ['live capture', ['live', '-i', 'lo']],
    ['listing interfaces', ['interfaces']],
    ['a filter', ['analyze', fixture('lab-tw-reuse.pcap'), '--filter', 'tcp']],
  ] as const) {
    const { status, stderr } = hidden(...args);
    assert.equal(status, 2);
    assert.match(
      stderr,
      new RegExp(`^pawscope: ${purpose} needs libpcap: libpcap is not installed \\(Debian[^\n]+\n$`),
    );
  }
});

/** A copy of native/ without anything built, which finds the headers that the original finds. */
function copyOfNative(cwd: string): string {
  const copy = join(cwd, 'native');
  cpSync(join(ROOT, 'native'), copy, { recursive: true });
  for (const made of ['build', 'prebuilds']) rmSync(join(copy, made), { recursive: true, force: true });
  for (const headers of ['node-api-headers', 'better-sqlite3/package.json', 'better-sqlite3/deps/sqlite3']) {
    cpSync(join(ROOT, 'node_modules', headers), join(cwd, 'node_modules', headers), { recursive: true });
  }
  return copy;
}
