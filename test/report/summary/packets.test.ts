import assert from 'node:assert/strict';
import { test } from 'node:test';
import { packetLines } from '../../../src/report/summary/packets.ts';
import { stored } from '../../build/explained.ts';

test('a table of packets is never wider than the terminal: its notes go below where they do not fit', async () => {
  const { finding, captures } = await stored('lab-recycle-two-hosts.pcap', 'recycle-signature');
  for (const width of [90, 100, 120]) {
    const lines = packetLines(finding, captures, '    ', width);
    assert.ok(
      lines.every(line => line.length <= width),
      `${width}`,
    );
    assert.equal(lines.length, 1 + 2 * finding.packets.length);
  }
  assert.equal(packetLines(finding, captures, '    ', 200).length, 1 + finding.packets.length);
});
