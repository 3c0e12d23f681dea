import assert from 'node:assert/strict';
import { test } from 'node:test';
import { erasOf, raisedBy } from '../../../src/report/explain/eras.ts';
import { stored } from '../../build/explained.ts';

test('the old connection, the new one and other ports are told apart by their numbers', async () => {
  const collision = await stored('time-wait-collision-one-second.pcap', 'port-reuse');
  const eras = erasOf(collision.finding);
  assert.deepEqual(
    collision.finding.packets.map(packet => eras.of(packet)),
    ['old', 'old', 'new', 'old', 'old', 'new', 'new'],
  );
  const { finding } = await stored('lab-recycle-two-hosts.pcap', 'timestamp-regress');
  assert.equal(erasOf(finding).of(finding.packets[0]), 'other');
  const taken = await stored('reuse-by-tw-reuse-client.pcap', 'revealed-setting');
  assert.deepEqual(
    taken.finding.packets.map(packet => erasOf(taken.finding).of(packet)),
    ['old', 'new'],
  );
  const reset = await stored('reset-abort-when-idle.pcap', 'reset-close');
  assert.equal(erasOf(reset.finding).of(reset.finding.packets[0]), 'one');
  assert.equal(raisedBy(reset.finding)!.flags, 'RA');
});
