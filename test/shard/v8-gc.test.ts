import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { collectEarly, garbageCollector } from '../../src/shard/v8-gc.ts';

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

/** How many times what is in use the heap has at most, where much lives for a while and then dies. */
function mostHeap(): number {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('globalThis.gc');
  const kept = Array.from({ length: 600_000 }, (_, i) => ({ i, text: `${i}` }));
  collect();
  const live = getHeapStatistics().used_heap_size;
  let most = 0;
  // Each takes the place of an older one.
  for (let i = 0; i < 6_000_000; i++) {
    kept[(i * 7919) % kept.length] = { i, text: `${i}` };
    if (i % 4096 === 0) most = Math.max(most, getHeapStatistics().used_heap_size);
  }
  return most / live;
}

test('an old generation grows less than V8 lets it by itself, whatever memory there is', () => {
  const byItself = mostHeap();
  collectEarly();
  const most = mostHeap();
  const told = `${most} times what is in use, where V8 by itself takes ${byItself}`;
  assert.ok(most < 0.9 * byItself, told);
  // Node 24 heeds the flag less (src/shard/v8-gc.ts).
  if (Number.parseInt(process.versions.node, 10) < 24) assert.ok(most < 3.5, told);
});
