/** How many waiting stories are looked at, when many connections of two hosts wait at a time. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Unacknowledged } from '../../../src/flow/stories/unacknowledged.ts';
import { Witnesses } from '../../../src/flow/stories/witnesses.ts';
import { type Conversation, exchange } from '../../build/conversation.ts';
import { evidence, follow } from '../follow.ts';

/** Counts how often anybody asks for the ports of a story that waits. */
async function countVisits(work: () => Promise<void>): Promise<number> {
  const { seekFor } = Witnesses.prototype;
  const counted = new Set<Unacknowledged>();
  let visits = 0;
  Witnesses.prototype.seekFor = function (t, story) {
    if (!counted.has(story)) {
      counted.add(story);
      const { ports } = story;
      const get = (): number => {
        visits++;
        return ports;
      };
      Object.defineProperty(story, 'ports', { get });
    }
    seekFor.call(this, t, story);
  };
  try {
    await work();
  } finally {
    Witnesses.prototype.seekFor = seekFor;
  }
  assert.equal(counted.size, CONNECTIONS);
  return visits;
}

const CONNECTIONS = 50;
const TIMES = 6;

/** Requests of one client that one server leaves unanswered, a millisecond apart. */
const outage = (): Conversation[] =>
  Array.from({ length: CONNECTIONS }, (_, i) => {
    const c = exchange({ clientPort: 40_000 + i, at: i / 1000 });
    c.wait(10).send('client', 'PA', { payload: 100, lost: true });
    const { seq } = c.last;
    for (let n = 0; n < TIMES; n++) c.wait(0.2 * 2 ** n).send('client', 'PA', { seq, payload: 100, lost: true });
    return c;
  });

test('in an outage no connection that retransmits is compared with the others', async () => {
  const visits = await countVisits(async () => {
    assert.equal(evidence(await follow(outage()), 'unanswered-data').length, CONNECTIONS);
  });
  assert.equal(visits, 0);
});

test('a segment of the host that is waited for is a witness for each once, and for none again until it is sent again', async () => {
  const talk = exchange({ clientPort: 50_000, at: 11 });
  for (let i = 0; i < 500; i++) talk.wait(0.02).response();
  const visits = await countVisits(async () => {
    const found = evidence(await follow([...outage(), talk]), 'unanswered-data');
    assert.deepEqual(
      found.map(({ heard_elsewhere: times }) => times),
      // Between the second retransmission and the last: what comes after that one is no evidence.
      Array.from({ length: CONNECTIONS }, () => TIMES - 2),
    );
  });
  assert.ok(visits <= CONNECTIONS * TIMES, `${visits} visits`);
});
