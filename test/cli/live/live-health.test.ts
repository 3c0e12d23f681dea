import assert from 'node:assert/strict';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { InterfaceStatus } from '../../../src/capture/live/live.ts';
import { LiveHealth } from '../../../src/cli/live/live-health.ts';
import { DatabaseFile } from '../../../src/store/database-file.ts';
import { folder } from '../../build/store-sample.ts';

const status = (fields: Partial<InterfaceStatus> = {}): InterfaceStatus => ({
  name: 'eth0',
  state: 'capturing',
  packets: 0,
  dropped: 0,
  interfaceDropped: 0,
  backlog: 0,
  ...fields,
});

test('an interface that is not captured on is trouble until it is again', () => {
  const health = new LiveHealth();
  assert.deepEqual(health.troubles([status()]), []);
  assert.deepEqual(health.troubles([status(), status({ name: 'eth1', state: 'lost' })]), [
    'eth1 is lost: nothing is captured there',
  ]);
  assert.deepEqual(health.troubles([status({ state: 'down' })]), ['eth0 is down: nothing is captured there']);
  assert.deepEqual(health.troubles([status()]), []);
});

test('dropped packets are trouble for a minute', () => {
  const health = new LiveHealth();
  const at = (second: number, dropped: number): string[] => {
    const kernel = Math.min(dropped, 1_500);
    const now = [status({ dropped: kernel, interfaceDropped: dropped - kernel }), status({ name: 'eth1', dropped: 2 })];
    health.sample(second * 1e3, now);
    return health.troubles(now);
  };
  assert.deepEqual(at(0, 0), []);
  for (let second = 1; second < 100; second++) assert.deepEqual(at(second, 0), []);
  assert.deepEqual(at(100, 1_500), ['1,500 packets dropped in the last minute']);
  assert.deepEqual(at(130, 1_501), ['1,501 packets dropped in the last minute']);
  assert.deepEqual(at(159, 1_501), ['1,501 packets dropped in the last minute']);
  for (let second = 160; second < 190; second++) {
    assert.deepEqual(at(second, 1_501), ['1 packet dropped in the last minute'], String(second));
  }
  assert.deepEqual(at(190, 1_501), []);
});

test('what was dropped while nobody could look counts from when it was seen', () => {
  const health = new LiveHealth();
  health.sample(0, [status()]);
  health.sample(600_000, [status({ dropped: 5 })]);
  assert.deepEqual(health.troubles([status({ dropped: 5 })]), ['5 packets dropped in the last minute']);
});

test('a database that was removed or replaced is trouble until it is back', t => {
  const path = join(folder(t), 'a.db');
  writeFileSync(path, '');
  const health = new LiveHealth();
  health.watch(new DatabaseFile(path));
  assert.deepEqual(health.troubles([]), []);
  renameSync(path, `${path}.1`);
  const [gone = ''] = health.troubles([]);
  assert.match(gone, /a\.db was removed or replaced: /);
  writeFileSync(path, '');
  assert.deepEqual(health.troubles([]), [gone]);
  rmSync(path);
  renameSync(`${path}.1`, path);
  assert.deepEqual(health.troubles([]), []);
});

test('an analysis that stands still is trouble, and none once it goes on', () => {
  const health = new LiveHealth();
  health.reach(0, 100);
  health.reach(20_000, 100);
  assert.deepEqual(health.troubles([]), []);
  health.reach(31_000, 100);
  assert.deepEqual(health.troubles([]), ['the analysis has stood still for 31 s']);
  health.reach(32_000, 101);
  assert.deepEqual(health.troubles([]), []);
});
