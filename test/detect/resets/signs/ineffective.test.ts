/** RSTs that their receiver ignores, of a sender that knows the connection. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { adviceFor } from '../../../../src/detect/advice/index.ts';
import { exchange } from '../../../build/conversation.ts';
import { advised, told } from '../told.ts';

test('each segment of a burst is answered at what it acknowledges: nobody guesses numbers, nor does a device', async () => {
  const c = exchange();
  const acks = [c.client.rcvNxt];
  for (const payload of [35, 1, 31]) acks.push(c.send('server', 'PA', { payload }).client.rcvNxt);
  c.fin('server');
  for (const ack of acks) c.send('client', 'PA', { payload: 32, ack, lost: true });
  for (const seq of acks) c.bareRst('server', { seq });
  const findings = await told(c);
  assert.deepEqual(
    findings.map(f => f.evidence.class),
    ['after-own-fin', 'repeat'],
  );
  assert.doesNotMatch(findings.map(f => f.title + adviceFor(f).askNext).join(), /guess|security|stepping|device/);
});

test('a bare RST at a number that was acknowledged before: it answers an earlier segment', async () => {
  const c = exchange();
  const seq = c.client.rcvNxt;
  const { finding, said } = await advised(c.response().bareRst('server', { seq }));
  assert.deepEqual([finding.evidence.class, finding.evidence.knows_connection], ['ineffective', true]);
  assert.match(finding.title, /^An RST outside the client's window, .* it answers an earlier segment/);
  assert.doesNotMatch(said, /security/);
});
