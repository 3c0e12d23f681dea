/** Which silences are those of known idle timers, and where no timer is named. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Conversation, clientCloses, exchange } from '../../build/conversation.ts';
import { advised, hints, told } from './told.ts';

test('idle-timer: within 2 % of the timers of load balancers', async () => {
  for (const [silence, expected] of [
    [60, true],
    [61.1, true],
    [58.9, true],
    [62, false],
    [240, true],
    [350, true],
    [357.5, false],
    [100, false],
  ] as const) {
    const found = await hints(exchange().wait(silence).rstFrom('server'));
    assert.equal(found.includes('idle-timer'), expected, `${silence} s`);
  }
});

test('idle-timer: the request that is answered with an RST does not count as activity', async () => {
  const late = exchange().wait(350).send('client', 'PA', { payload: 5 }).bareRst('server');
  const [finding] = await told(late);
  assert.ok((finding!.evidence.hints as string[]).includes('idle-timer'));
  assert.ok(Math.abs((finding!.evidence.idle as number) - 350) < 0.1);
});

test('no timer is named where the RST only answers something: a SYN given up after 60 s, an RST after the close', async () => {
  for (const story of [
    new Conversation().syn().wait(60).bareRst('client'),
    clientCloses().wait(70).bareRst('server'),
  ]) {
    const { said } = await advised(story);
    assert.doesNotMatch(said, /balancers and NATs use|Keep-alives/);
  }
});
