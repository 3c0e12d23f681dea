import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { shellFile, tsharkCommands } from '../../src/report/tshark.ts';
import type { CaptureRow, PacketRow } from '../../src/store/rows.ts';

const capture = (id: number, source: string, format = 'pcap') => ({ id, source, format }) as CaptureRow;
const packet = (capture_id: number, frame: number) => ({ capture_id, frame }) as PacketRow;

test('frames of one capture are one sorted set', () => {
  assert.deepEqual(tsharkCommands([packet(1, 12), packet(1, 3), packet(1, 9), packet(1, 3)], [capture(1, 'x.pcap')]), [
    `tshark -r x.pcap -Y 'frame.number in {3, 9, 12}'`,
  ]);
});

test('a finding that spans rotated captures has a command for each', () => {
  const captures = [capture(1, 'cap1'), capture(2, 'cap2.xz', 'xz+pcap'), capture(3, '-')];
  assert.deepEqual(tsharkCommands([packet(1, 1), packet(2, 2), packet(3, 3)], captures), [
    `tshark -r cap1 -Y 'frame.number in {1}'`,
    `xz -dc cap2.xz | tshark -r - -Y 'frame.number in {2}'`,
    `tshark -r - -Y 'frame.number in {3}'   # the capture that was read from a pipe`,
  ]);
});

test('a file name is one word to the shell, whatever is in it', () => {
  assert.equal(shellFile('a-b_c.pcap'), 'a-b_c.pcap');
  for (const name of [
    'a b.pcap',
    "it's.pcap",
    '$(reboot).pcap',
    '`x`;ls',
    'Büro.pcap',
    '\u001b[31m\n.pcap',
    'a\\b\u0007',
  ]) {
    const echoed = execFileSync('bash', ['-c', `printf %s ${shellFile(name)}`], { encoding: 'utf8' });
    assert.equal(echoed, name);
  }
  assert.equal(shellFile('-x.pcap'), './-x.pcap');
});
