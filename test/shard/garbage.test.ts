import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { collectAtTwice, garbageCollector } from '../../src/shard/garbage.ts';

/** Some megabytes of small objects, which nothing refers to any more when the turn is over. */
const garbage = (): WeakRef<object> => new WeakRef(Array.from({ length: 100_000 }, (_, i) => ({ i })));

test('what nobody needs any more is collected once it is worth it', async () => {
  const collect = garbageCollector();
  collect();
  const one = garbage();
  await sleep(1); // the turn that made a WeakRef keeps what it refers to
  collect();
  assert.equal(one.deref(), undefined);
  const small = new WeakRef({});
  await sleep(1);
  collect();
  assert.notEqual(small.deref(), undefined, 'for so little it is not asked');
  assert.equal('gc' in globalThis, false);
});

test('an old generation grows to some twice of what is in use, whatever memory there is', () => {
  collectAtTwice();
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('globalThis.gc');
  const kept = Array.from({ length: 600_000 }, (_, i) => ({ i, text: `${i}` }));
  collect();
  const live = getHeapStatistics().used_heap_size;
  let most = 0;
  // What lives for a while and then dies: each takes the place of an older one.
  for (let i = 0; i < 6_000_000; i++) {
    kept[(i * 7919) % kept.length] = { i, text: `${i}` };
    if (i % 4096 === 0) most = Math.max(most, getHeapStatistics().used_heap_size);
  }
  assert.ok(most < 3.5 * live, `${most} for ${live}: V8's own choice would be 4.6 times as much`);
});
