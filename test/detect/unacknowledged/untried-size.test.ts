/** Segments that the path does not carry, by their size: in vain, or until the sender tries a smaller one. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { adviceFor } from '../../../src/detect/advice/index.ts';
import type { Finding } from '../../../src/detect/finding.ts';
import { type Conversation, exchange, handshake } from '../../build/conversation.ts';
import { follow } from '../../flow/follow.ts';

async function only(...stories: Conversation[]): Promise<Finding> {
  const findings = (await follow(stories)).findings.filter(({ rule }) => rule === 'unanswered-data');
  assert.equal(findings.length, 1, 'findings');
  return findings[0];
}

/** Others of the same two hosts meanwhile. */
const others = (at: number, count = 3): Conversation[] =>
  Array.from({ length: count }, (_, i) => exchange({ clientPort: 50000 + 2 * i, at: at + 2 * i }).clientCloses());

/** A response of two full segments and a shorter one, of which only that arrives; others of the two hosts go on. */
function tooLarge(acked: number, large = 1448): Conversation {
  const c = handshake().request(300);
  if (acked > 0) c.response(acked);
  const seq = c.server.nxt;
  for (const payload of [large, large, 600]) c.send('server', 'A', { payload, lost: true });
  c.ack('client');
  for (let i = 0; i < 7; i++) c.wait(0.2 * 2 ** i).send('server', 'A', { seq, payload: large, lost: true });
  return c;
}

test('only segments of full size are not acknowledged, and none of their size ever was: the path MTU is named', async () => {
  for (const acked of [0, 1, 1400]) {
    const finding = await only(tooLarge(acked), ...others(0.5));
    assert.deepEqual([finding.evidence.untried_size, finding.confidence], [1448, 'weak'], String(acked));
    assert.match(finding.title, /too large for the path, perhaps/);
    const { meaning, checks } = adviceFor(finding);
    assert.match(meaning, /path does not carry packets of this size/);
    assert.ok(checks.some(({ command }) => command.startsWith('ping -M do')));
  }
  assert.match(
    (await only(tooLarge(1))).title,
    /or the path does not carry segments of 1448 bytes: none/,
    'nothing heard elsewhere',
  );
  for (const [story, why] of [
    [tooLarge(1448), 'as much had been acknowledged'],
    [tooLarge(1, 1000), 'they are not large'],
  ] as const) {
    const finding = await only(story, ...others(0.5));
    assert.deepEqual([finding.evidence.untried_size, finding.confidence], [undefined, 'strong'], why);
  }
});

test('several segments that the card of the sender splits are not taken for one, those of jumbo frames are', async () => {
  for (const [captured, size] of [
    [2896, 1448],
    [14_480, 1448],
    [1460, 1460],
    [8948, 8948],
  ] as const) {
    const finding = await only(tooLarge(1, captured), ...others(0.5));
    assert.deepEqual([finding.evidence.untried_size, finding.confidence], [size, 'weak'], String(captured));
  }
  assert.equal((await only(tooLarge(1448, 14_480))).evidence.untried_size, undefined, 'as much had been acknowledged');
});

test('the first smaller segment is answered at once: those before were too large, and there was no outage', async () => {
  const adapted = (tries: number, size = 1448, smaller = 1024): Conversation => {
    const c = exchange().send('client', 'A', { payload: size, lost: true });
    const { seq } = c.last;
    for (let i = 0; i < tries; i++) c.wait(0.3 * 2 ** i).send('client', 'A', { seq, payload: size, lost: true });
    c.wait(0.3 * 2 ** tries).send('client', 'PA', { seq, payload: smaller });
    c.client.nxt = seq + size;
    c.server.rcvNxt = seq + smaller;
    return c.ack('server').send('client', 'PA', { seq: seq + smaller, payload: size - smaller });
  };
  const finding = await only(adapted(4));
  assert.deepEqual(
    [finding.evidence.class, finding.evidence.untried_size, finding.severity],
    ['recovered', 1448, 'info'],
  );
  assert.match(
    finding.title,
    /segments of 1448 bytes were too large for the path, most likely, as the first of 1024 was/,
  );
  assert.doesNotMatch(finding.title + adviceFor(finding).meaning, /outage/);
  assert.match(JSON.stringify(adviceFor(finding)), /ping -M do/);
  for (const [story, why] of [
    [adapted(4, 1448, 1448), 'of the same size'],
    [adapted(4, 1000, 600), 'they were not large'],
  ] as const)
    assert.equal((await only(story)).evidence.untried_size, undefined, why);
});
