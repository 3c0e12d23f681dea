/** Advice on RSTs that a device may have sent. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exchange } from '../../build/conversation.ts';
import { advised } from '../resets/told.ts';

test('a bare RST with a foreign TTL asks nobody about SO_LINGER', async () => {
  const ttl = { ttl: 255 };
  for (const story of [
    exchange().request().bareRst('server', ttl),
    exchange().fin('client').bareRst('server', ttl),
    exchange().request().rstFrom('server', ttl),
  ]) {
    const { finding, said, changes } = await advised(story);
    assert.ok((finding.evidence.hints as string[]).includes('ttl'), finding.title);
    assert.doesNotMatch(said, /SO_LINGER/);
    assert.equal(changes, '');
    assert.match(said, /each device between them/);
  }
});

test('an RST of a middlebox in the midst of traffic asks for its rules, one after minutes for its timer', async () => {
  const foreign = { ttl: 255, ipId: 54_321, tsval: undefined, tsecr: undefined };
  const inUse = await advised(exchange().request().rstFrom('server', foreign));
  assert.ok((inUse.finding.evidence.hints as string[]).includes('middlebox-likely'));
  assert.doesNotMatch(inUse.changes, /Keep-alives/);
  assert.match(inUse.said, /nft list ruleset/);
  const silent = await advised(exchange().wait(300).rstFrom('server', foreign));
  assert.ok((silent.finding.evidence.hints as string[]).includes('middlebox-likely'));
  assert.match(silent.changes, /^Keep-alives/);
});
