/** The plain Ethernet frame has a path of its own: it must say what the general walk says. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ETHERNET, raw, vlan } from '../build/links.ts';
import { frame, type Packet } from '../build/packet.ts';
import { pcap } from '../build/pcap.ts';
import { bytesOf, read, readFrames } from '../capture/read.ts';
import { SYN, SYN6 } from '../capture/sample.ts';

const PACKETS: readonly Packet[] = [
  SYN,
  { ...SYN, payload: 1400 },
  { ...SYN, payload: 1400, snap: 70 },
  { ...SYN, payload: 1400, snap: 54 },
  { ...SYN, payload: 1400, snap: 53 },
  { ...SYN, payload: 90, tso: true },
  { ...SYN, payload: 90, ipOptions: [1, 1, 1, 0] },
  { ...SYN, payload: 90, fragment: { offset: 0, more: true } },
  { ...SYN, payload: 90, fragment: { offset: 40, more: true } },
];

test('a plain frame gives the same row as one behind a priority tag', async () => {
  for (const packet of PACKETS) {
    const plain = await readFrames([frame(packet, ETHERNET)]);
    // The tag is four bytes longer and changes nothing.
    const tagged = frame(packet, vlan(0));
    const walked = await readFrames([packet.snap === undefined ? tagged : { ...tagged, snap: packet.snap + 4 }]);
    assert.deepEqual(plain.rows, walked.rows, JSON.stringify(packet));
    assert.deepEqual(plain.skipped, walked.skipped, JSON.stringify(packet));
  }
});

test('the shard of a host pair depends on its innermost addresses only', async () => {
  const links = [ETHERNET, vlan(7), raw()];
  for (const packet of [SYN, SYN6]) {
    const shards: number[] = [];
    for (const link of links) {
      const { rows } = await read([bytesOf(pcap([frame(packet, link)]))], 64);
      shards.push(rows[0].shard);
    }
    assert.equal(new Set(shards).size, 1);
  }
});
