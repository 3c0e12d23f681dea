import assert from 'node:assert/strict';
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { InterfaceStatus } from '../../../src/capture/live/live.ts';
import { LiveAlarms } from '../../../src/cli/live/live-alarms.ts';
import { DatabaseFile } from '../../../src/store/database-file.ts';
import { folder } from '../../build/store-sample.ts';

const status = (name: string, dropped: number, interfaceDropped = 0): InterfaceStatus => ({
  name,
  state: 'capturing',
  packets: 0,
  dropped,
  interfaceDropped,
  backlog: 0,
});

test('dropped packets are told as soon as they are seen, and at most once a minute', () => {
  const alarms = new LiveAlarms();
  const at = (second: number, ...interfaces: InterfaceStatus[]): string[] =>
    alarms.poll(second * 1e3, interfaces, { place: undefined, stuckFor: 0 });
  assert.deepEqual(at(0, status('eth0', 0), status('eth1', 0)), []);
  assert.deepEqual(at(1, status('eth0', 0), status('eth1', 1_000, 1)), ['eth1: 1,001 packets dropped so far']);
  assert.deepEqual(at(2, status('eth0', 7), status('eth1', 1_000, 1)), []);
  assert.deepEqual(at(60, status('eth0', 8), status('eth1', 1_000, 1)), []);
  assert.deepEqual(at(61, status('eth0', 8), status('eth1', 1_000, 1)), [
    'eth0: 8 packets dropped so far',
    'eth1: 1,001 packets dropped so far',
  ]);
  assert.deepEqual(at(200, status('eth0', 8), status('eth1', 1_000, 1)), []);
});

test('a database that was renamed is told once', t => {
  const path = join(folder(t), 'a.db');
  writeFileSync(path, '');
  const place = new DatabaseFile(path);
  const alarms = new LiveAlarms();
  const look = (second: number, of: DatabaseFile | undefined = place): string[] =>
    alarms.poll(second * 1e3, [], { place: of, stuckFor: 0 });
  assert.deepEqual(look(0, undefined), []);
  assert.deepEqual(look(0), []);
  renameSync(path, `${path}.1`);
  const [told = '', ...more] = look(1);
  assert.match(told, /a\.db was removed or replaced: /);
  assert.deepEqual([more, look(2)], [[], []]);
  renameSync(`${path}.1`, path);
  assert.deepEqual([look(3), look(20), alarms.isOver], [[], [], false], 'it is back in time');
  renameSync(path, `${path}.1`);
  assert.deepEqual([look(21), look(30), alarms.isOver], [[], [], false]);
  const [over = ''] = look(31);
  assert.match(over, /a\.db has not come back: the run ends$/);
  assert.deepEqual([alarms.isOver, look(32)], [true, []]);
});

test('that nobody reads standard output is told once each time', () => {
  const alarms = new LiveAlarms();
  const look = (stuckFor: number): string[] => alarms.poll(0, [], { place: undefined, stuckFor });
  const told = [0, 9_000, 10_000, 20_000, 0, 11_000].map(stuckFor => look(stuckFor).length);
  assert.deepEqual(told, [0, 0, 1, 0, 0, 1]);
});
