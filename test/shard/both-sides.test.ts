/** Findings that are told for both sides of a NAT, and those that only look like it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Finding } from '../../src/detect/finding.ts';
import { BothSides } from '../../src/shard/both-sides.ts';
import { collect } from '../build/collect.ts';
import { Conversation } from '../build/conversation.ts';
import { fixtureNamed } from '../build/fixtures.ts';
import { follow } from '../flow/follow.ts';

test('a capture on all interfaces of a gateway tells the same twice, and says so; one of the server side does not', async () => {
  const twice = async (name: string): Promise<unknown> => {
    const { tally } = await collect(fixtureNamed(name).inputs);
    return tally['both-sides.findings'];
  };
  assert.equal(await twice('lab-nat-older-any.pcap'), 2, 'unanswered-syn and the RST');
  assert.equal(await twice('lab-nat-older.pcap'), undefined);
  assert.equal(await twice('lab-same-client-newer-any.pcap'), undefined, 'no NAT');
});

const found = async (client: string, changes = {}): Promise<Finding> => {
  const attempt = new Conversation({ client, clientIsn: 4_000_000, serverIsn: 9_000_000 }).syn(changes).refuse();
  return (await follow(attempt)).findings[0];
};

test('a finding counts once, however many sides it is told for, and a repetition on its own tuple does not', async () => {
  const sides = new BothSides();
  const stamp = { tsval: 77_000 };
  const inner = await found('10.0.0.2:40000', stamp);
  for (const finding of [inner, inner]) sides.note(finding);
  assert.equal(sides.twice, 0);
  for (const side of ['192.0.2.10:51000', '198.51.100.7:1024']) sides.note(await found(side, stamp));
  sides.note(inner);
  assert.equal(sides.twice, 1);
  sides.note(await found('192.0.2.10:51000', { tsval: 77_001 }));
  assert.equal(sides.twice, 1);
});

test('scans send the same numbers from many places, without timestamps: nothing is said of them', async () => {
  const sides = new BothSides();
  for (const client of ['10.0.0.2:40000', '10.0.0.3:40000']) sides.note(await found(client, { bare: true }));
  assert.equal(sides.twice, 0);
});
