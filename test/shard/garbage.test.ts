import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { garbageCollector } from '../../src/shard/garbage.ts';

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
