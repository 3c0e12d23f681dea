/** The silence before an RST, where the capture shows it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exchange } from '../../build/conversation.ts';
import { advised, told } from './told.ts';

test('idle: not where the capture begins with what the RST answers, as after a NAT that has forgotten it', async () => {
  const story = exchange().wait(5);
  story.packets.length = 0;
  const { finding, said } = await advised(story.send('client', 'PA', { payload: 2 }).bareRst('server'));
  assert.deepEqual([finding.evidence.class, finding.evidence.idle], ['no-state', undefined]);
  assert.match(
    finding.title,
    /^The server likely knows no connection of these addresses and ports, nor does this capture show/,
  );
  assert.match(finding.title, /; or a NAT or balancer lost its entry or let it expire, or a firewall/);
  assert.match(said, /from another port/);
  assert.doesNotMatch(said, /no usual idle timer/);
  assert.match(said, /nf_conntrack_tcp_timeout_established/);
  const two = exchange().wait(5).send('client', 'PA', { payload: 2 });
  two.packets.splice(0, two.packets.length - 2);
  assert.ok(Math.abs(Number((await told(two.bareRst('server')))[0].evidence.idle) - 5) < 0.1);
});
