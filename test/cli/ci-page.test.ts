/** docs/ci.md runs as it stands. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { parseSarif } from '../build/sarif-log.ts';
import { folder } from '../build/store-sample.ts';
import { parseXml } from '../build/xml.ts';
import { BIN, fixture, ROOT } from './run.ts';

const PAGE = readFileSync(join(ROOT, 'docs', 'ci.md'), 'utf8');
const scripts = [...PAGE.matchAll(/^```sh\n([\s\S]*?)^```/gm)].map(([, script]) => script!);
const steps = [...PAGE.matchAll(/^ {6}- run: (.*pawscope.*)$/gm)].map(([, step]) => step!);

/** A checkout with captures, and the commands that a CI machine has. */
function checkout(t: TestContext, nightly: string): (script: string) => number | null {
  const cwd = folder(t);
  for (const path of ['captures', 'bin']) mkdirSync(join(cwd, path));
  copyFileSync(fixture(nightly), join(cwd, 'captures', 'nightly.pcap'));
  copyFileSync(fixture('lab-tw-reuse.pcap'), join(cwd, 'captures', 'reuse.pcap'));
  const command = (name: string, text: string): void =>
    writeFileSync(join(cwd, 'bin', name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  command('pawscope', `exec '${process.execPath}' '${BIN}' "$@"`);
  command('npx', 'exec "$@"');
  command('git', 'exit 0');
  const env = { ...process.env, PATH: `${join(cwd, 'bin')}:${process.env.PATH}`, GITHUB_STEP_SUMMARY: 'summary.md' };
  return script => {
    const { status, stderr } = spawnSync('sh', ['-ec', script], { cwd, env, encoding: 'utf8' });
    assert.equal(stderr, '');
    // A script ends at its first command that fails.
    for (const name of readdirSync(cwd)) {
      if (name.endsWith('.xml')) parseXml(readFileSync(join(cwd, name), 'utf8'));
      if (name.endsWith('.sarif')) parseSarif(readFileSync(join(cwd, name), 'utf8'));
    }
    return status;
  };
}

test('with goldens and without faults every script and step of the page passes', t => {
  const run = checkout(t, 'healthy-traffic.pcap');
  assert.deepEqual([scripts.length, steps.length], [4, 2]);
  for (const script of [...scripts, ...steps]) assert.equal(run(script), 0, script);
});

test('with a fault every script and step that has a threshold fails, before there are goldens the others do', t => {
  const run = checkout(t, 'nat-second-client-unanswered.pcap');
  for (const script of [...scripts.slice(1), ...steps]) assert.equal(run(script), 1, script);
});
