/** A full table of flows: what goes, what is counted, and that no flow gets a record that is not there. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MILLISECOND, SECOND } from '../../src/base/time.ts';
import { Tracker } from '../../src/flow/tracker.ts';
import { fingerprint, hashTuple } from '../../src/wire/fingerprint.ts';
import { Hosts } from '../../src/wire/hosts.ts';
import { Segment } from '../../src/wire/segment.ts';
import { Flag } from '../../src/wire/tcp.ts';
import { Timestamps } from '../../src/wire/tcp-options.ts';
import { Conversation } from '../build/conversation.ts';
import { follow } from './follow.ts';

test('SYNs that are answered at once do not count as unanswered because the table of flows is full', async () => {
  const talks = Array.from({ length: 1_500 }, (_, i) =>
    new Conversation({ clientPort: 20_000 + i, at: i / 1_000, rtt: 20e-6 }).syn().synAck().rstFrom('client'),
  );
  for (const maxFlows of [1, 2, 10, 100]) {
    const { tally } = await follow(talks, { maxFlows });
    assert.ok(tally['evicted.flows'] > 0);
    assert.deepEqual([tally['syns.unanswered'], tally.flows], [undefined, 1_500], `${maxFlows} flows`);
  }
});

const FLAGS = [Flag.SYN, Flag.SYN | Flag.ACK, Flag.ACK, Flag.RST, Flag.RST | Flag.ACK, Flag.FIN | Flag.ACK];
const arbitrarySegment = fc.record({
  client: fc.integer({ min: 1, max: 6 }),
  port: fc.integer({ min: 0, max: 3 }),
  fromServer: fc.boolean(),
  flags: fc.constantFrom(...FLAGS),
  seq: fc.integer({ min: 0, max: 3 }),
  ack: fc.integer({ min: 0, max: 3 }),
  wait: fc.constantFrom(0, MILLISECOND, 300 * MILLISECOND, 2 * SECOND, 70 * SECOND),
});

test('whatever comes, there are no more records than there is room for', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 9 }),
      fc.array(arbitrarySegment, { minLength: 20, maxLength: 200 }),
      (maxFlows, segments) => {
        const tracker = new Tracker(new Hosts(), [], { maxFlows, timeWait: 60 * SECOND, flows: false });
        const { table } = tracker;
        let at = 0;
        for (const { client, port, fromServer, flags, seq, ack, wait } of segments) {
          at += wait;
          Object.assign(tracker.segment, new Segment(), {
            at,
            src: fromServer ? 99 : client,
            dst: fromServer ? client : 99,
            ports: fromServer ? (80 << 16) | port : (port << 16) | 80,
            seq: seq * 1_000,
            ack: ack * 1_000 + 1,
            flags,
            timestamps: Timestamps.ABSENT,
            frame: 1,
          });
          hashTuple(tracker.segment);
          fingerprint(tracker.segment);
          tracker.take();
          assert.ok(table.slots <= table.capacity, `${table.slots} records of ${table.capacity}`);
          assert.ok(table.size + table.closed + table.lone <= table.capacity);
        }
      },
    ),
    { numRuns: 500 },
  );
});
