import assert from 'node:assert/strict';
import { test } from 'node:test';
import { erasOf } from '../../../src/report/explain/eras.ts';
import { decisionsOf } from '../../../src/report/explain/what-decided.ts';
import { stored } from '../../build/explained.ts';

test('a clock that is behind across the wrap is told so that the sentence can be read', async () => {
  const { finding } = await stored('lab-recycle-modern-host.pcap', 'recycle-signature');
  const [decision] = decisionsOf(finding, erasOf(finding));
  assert.match(decision!.text, /ticks behind it \(across the wrap at 2\^32\): more than 1 tick, within 60 s\.$/);
});
