import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ROOT } from './cli/run.ts';

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
