import assert from 'node:assert/strict';
import { test } from 'node:test';
import { foldIPv6, hostPairHash } from '../../src/wire/host-pair.ts';
import { addressBytes } from '../build/bytes.ts';

const ipv4 = (address: string): number => new DataView(Uint8Array.from(addressBytes(address)).buffer).getInt32(0);
const ipv6 = (address: string): number => foldIPv6(new DataView(Uint8Array.from(addressBytes(address)).buffer), 0);

test('both directions of a host pair have one hash, below 2^31', () => {
  for (const [a, b] of [
    [ipv4('10.0.0.1'), ipv4('203.0.113.9')],
    [ipv4('200.1.2.3'), ipv4('200.1.2.4')],
    [ipv4('127.0.0.1'), ipv4('127.0.0.1')],
    [ipv6('2001:db8::1'), ipv6('2001:db8::2')],
    [0, -1],
  ] as const) {
    assert.equal(hostPairHash(a, b), hostPairHash(b, a));
    assert.ok(hostPairHash(a, b) >= 0 && hostPairHash(a, b) < 2 ** 31);
  }
});

/** Largest share of any shard over the fair one. */
function imbalance(hashes: readonly number[], shards: number): number {
  const counts = new Array<number>(shards).fill(0);
  for (const hash of hashes) counts[hash % shards]++;
  return (Math.max(...counts) * shards) / hashes.length;
}

const SERVER = ipv4('192.0.2.1');
const PATTERNS: readonly (readonly [string, (i: number) => number])[] = [
  ['clients of one network', i => hostPairHash(ipv4('10.0.0.0') + i, SERVER)],
  ['clients in steps of 256', i => hostPairHash(ipv4('10.0.0.1') + i * 256, SERVER)],
  ['neighbours that talk to one another', i => hostPairHash(ipv4('10.0.0.0') + i, ipv4('10.0.0.1') + i)],
  ['even addresses only', i => hostPairHash(ipv4('10.0.0.0') + i * 2, SERVER)],
  ['IPv6 hosts of one /64', i => hostPairHash(ipv6(`2001:db8::${i.toString(16)}`), ipv6('2001:db8:1::80'))],
  ['IPv6 networks', i => hostPairHash(ipv6(`2001:db8:${i.toString(16)}::1`), ipv6('2001:db8:1::80'))],
];

for (const [name, hash] of PATTERNS) {
  test(`shards share the load evenly: ${name}`, () => {
    const hashes = Array.from({ length: 10_000 }, (_, i) => hash(i));
    for (const shards of [2, 3, 4, 7, 8, 16]) {
      assert.ok(imbalance(hashes, shards) < 1.15, `${shards} shards: ${imbalance(hashes, shards)}`);
    }
  });
}
