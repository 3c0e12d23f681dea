/** What is counted of ports in words is what objects would have counted. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SECOND } from '../../../src/base/time.ts';
import { planFor } from '../../../src/detect/ports/port-capacity.ts';
import { PortCounts } from '../../../src/detect/ports/port-counts.ts';
import { PortUse } from '../../../src/detect/ports/port-use.ts';
import type { Opened } from '../../../src/flow/events.ts';
import { TIME_WAIT } from '../../../src/flow/time-wait.ts';
import { Segment } from '../../../src/wire/segment.ts';
import { Flag } from '../../../src/wire/tcp.ts';
import { Timestamps } from '../../../src/wire/tcp-options.ts';

const PLAN = planFor([32_768, 60_999], TIME_WAIT);

function opened(port: number, at: number, stamped: boolean, clientIsB: boolean, serverPort = 80): Opened {
  const timestamps = stamped ? { timestamps: Timestamps.PRESENT, tsval: -5, tsecr: 7 } : {};
  const syn = {
    at: at * SECOND,
    flags: Flag.SYN,
    seq: -9,
    frame: 0xffff_fffd,
    capture: 40_000,
    length: 12,
    ...timestamps,
  };
  const flow = { port: (isB: boolean) => (isB === clientIsB ? port : serverPort) };
  return { flow, clientIsB, segment: Object.assign(new Segment(), syn), tracker: { epoch: 3 } } as unknown as Opened;
}

test('as words and as objects, ports of every kind in any order', () => {
  const port = fc.oneof(fc.integer({ min: 32_768, max: 60_999 }), fc.integer({ min: 1, max: 65_535 }));
  const syns = fc.array(fc.tuple(port, fc.boolean(), fc.boolean()), { minLength: 1, maxLength: 80 });
  fc.assert(
    fc.property(syns, fc.nat(30), (list, before) => {
      const counts = new PortCounts();
      const [other, row] = [counts.add(), counts.add()];
      const use = new PortUse(80, 3, 0, before);
      for (const [i, [client, stamped, clientIsB]] of list.entries()) {
        const event = opened(client, i, stamped, clientIsB);
        assert.ok(counts.take(row, event, before, PLAN));
        assert.ok(counts.take(other, opened(40_001, i, true, false), 0, PLAN));
        use.take(event, PLAN);
      }
      assert.deepEqual(counts.leave(row), [use]);
    }),
  );
});

test('a second server port, a port that comes back, and ports enough for a window take objects', () => {
  const counts = new PortCounts();
  const take = (row: number, event: Opened, before = 0): boolean => counts.take(row, event, before, PLAN);
  const row = counts.add();
  assert.ok(take(row, opened(40_000, 1, true, false)));
  assert.ok(!take(row, opened(40_000, 2, true, false, 443)));
  assert.ok(!take(row, { ...opened(40_000, 2, true, false), older: {} } as Opened));
  assert.equal(counts.leave(row)[0]?.opened, 1);
  assert.ok(!take(row, opened(40_002, 3, true, false)), 'from now on');
  counts.drop(row);
  assert.equal(counts.add(), row);
  assert.ok(!take(row, opened(40_002, 3, true, false), PLAN.watchFrom - 1));
});
