import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Finding } from '../../src/detect/finding.ts';
import { MEMORY } from '../../src/store/database.ts';
import { readLifelines } from '../../src/store/lifelines.ts';
import { Store } from '../../src/store/store.ts';
import { finding, newRun } from '../build/store-sample.ts';

const reuse = (clientPort: number, second: number, age: number, more: Partial<Finding> = {}): Partial<Finding> => ({
  clientPort,
  firstAt: second * 1e9,
  lastAt: second * 1e9,
  evidence: { class: 'in-time-wait', age, outcome: 'accepted' },
  ...more,
});

function stored(all: readonly Partial<Finding>[]): Store {
  const store = new Store(MEMORY, newRun());
  store.findings(all.map((difference, i) => finding({ ...difference, id: String(i).padStart(16, '0') })));
  return store;
}

test('the tuple that was used again most often comes first, with its reuses in the order of time', () => {
  const store = stored([reuse(1, 5, 1), reuse(2, 30, 10), reuse(2, 20, 4), reuse(2, 10, 2)]);
  const [first, second] = readLifelines(store.database, store.runId, 5, 2);
  store.close();
  assert.deepEqual([first.client_port, first.count, second.client_port, second.count], [2, 3, 1, 1]);
  assert.deepEqual(
    first.reuses.map(({ age }) => age),
    [2, 4],
  );
  assert.equal(first.reuses[1].at - first.reuses[0].at, 10);
});

test('others are of the same two hosts and server port, and of no other rule', () => {
  const store = stored([
    reuse(1, 5, 1),
    reuse(1, 6, 1),
    reuse(2, 7, 1, { client: '203.0.113.77' }),
    reuse(3, 8, 1, { serverPort: 9 }),
    reuse(4, 9, 1, { rule: 'reset-close' }),
    reuse(5, 10, 1),
  ]);
  const lives = readLifelines(store.database, store.runId, 5, 60);
  store.close();
  assert.deepEqual(
    lives.map(life => life.client_port),
    [1, 5],
  );
});
