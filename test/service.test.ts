import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { needsNamespaces } from './build/netns.ts';
import { folder } from './build/store-sample.ts';
import { pawscope, ROOT } from './cli/run.ts';

const UNIT = join(ROOT, 'systemd', 'pawscope.service');

test('systemd has nothing to say against the unit', t => {
  const { error, status, stdout, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', UNIT], {
    encoding: 'utf8',
  });
  if (error !== undefined) {
    t.skip('needs systemd-analyze');
    return;
  }
  const about = `${stdout}${stderr}`.split('\n').filter(line => line.includes('pawscope.service'));
  assert.deepEqual([status, about], [0, []]);
});

test('the service may capture and nothing else', () => {
  const unit = readFileSync(UNIT, 'utf8');
  for (const name of ['AmbientCapabilities', 'CapabilityBoundingSet']) {
    assert.match(unit, new RegExp(`^${name}=CAP_NET_RAW$`, 'm'));
  }
});

test('what the service starts is understood, and bounded', { skip: needsNamespaces }, t => {
  const unit = readFileSync(UNIT, 'utf8');
  const variables: Record<string, string> = { STATE_DIRECTORY: folder(t) };
  for (const [, name, value] of unit.matchAll(/^Environment=(\w+)=(.*)$/gm)) variables[name!] = value!;
  variables.INTERFACE = 'eth99';
  const [, words = ''] = /^ExecStart=\/usr\/bin\/env pawscope (.*)$/m.exec(unit) ?? [];
  const args = words.replace(/\$\{(\w+)\}/g, (_, name) => variables[name]).split(' ');
  const { status, stderr } = pawscope(folder(t), args);
  assert.equal(status, 2);
  assert.match(stderr, /^pawscope: eth99: there is no such interface; [^\n]+\n$/);
  for (const [option, value] of [
    ['--keep', '7d'],
    ['--max-db', '1GB'],
  ]) {
    assert.equal(args[args.indexOf(option!) + 1], value);
  }
  // It may wait for its interface for ever, but not busily.
  assert.match(unit, /^StartLimitIntervalSec=0$/m);
  assert.ok(Number(/^RestartSec=(\d+)$/m.exec(unit)?.[1]) >= 30);
});
