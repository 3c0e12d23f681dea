/** SYNs that wait: what is told of them does not depend on how long their queue may become. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MILLISECOND, type Nanos, SECOND } from '../../../src/base/time.ts';
import { addon, type Native } from '../../../src/capture/native.ts';
import { Tracker } from '../../../src/flow/tracker.ts';
import { fingerprint, hashTuple } from '../../../src/wire/fingerprint.ts';
import { Hosts } from '../../../src/wire/hosts.ts';
import { Segment } from '../../../src/wire/segment.ts';
import { Flag } from '../../../src/wire/tcp.ts';
import { Timestamps } from '../../../src/wire/tcp-options.ts';

const SERVER = 0x7fff_0000;
const MAX_FLOWS = 1_500;
const CLIENTS = 200;

interface Queue {
  values: Int32Array;
}

/** What is private, and what is changed here. */
const inside = ({ pending }: Tracker): { queue: Queue; givenUp: Queue; most: number } =>
  pending as unknown as { queue: Queue; givenUp: Queue; most: number };

function segment(
  tracker: Tracker,
  at: Nanos,
  client: number,
  isAnswer: boolean,
  number = 0,
  answer = Flag.RST | Flag.ACK,
): void {
  const syn = {
    at,
    src: isAnswer ? SERVER : client,
    dst: isAnswer ? client : SERVER,
    ports: isAnswer ? (80 << 16) | 40_000 : (40_000 << 16) | 80,
    seq: isAnswer ? 0 : number * 100_000,
    ack: isAnswer ? number * 100_000 + 1 : 0,
    flags: isAnswer ? answer : Flag.SYN,
    timestamps: Timestamps.ABSENT,
    window: 64_240,
    windowScale: 7,
    mss: 1460,
    ttl: 64,
    frame: 1,
  };
  Object.assign(tracker.segment, new Segment(), syn);
  hashTuple(tracker.segment);
  fingerprint(tracker.segment);
  tracker.take();
}

/** A few clients again and again, who are refused `answered` times of ten, and one that waits for its answer. */
function followed(answered: number, native: Native | undefined, most?: number) {
  const told: string[] = [];
  const tell =
    (what: string) =>
    ({ hostA, opened }: { hostA: number; opened: Nanos }): void => {
      told.push(`${what} ${hostA} ${opened}`);
    };
  const observer = { answered: tell('answered'), unanswered: tell('unanswered'), left: tell('left') };
  const options = { maxFlows: MAX_FLOWS, timeWait: 60 * SECOND, flows: false };
  const tracker = new Tracker(new Hosts(), [observer], options);
  tracker.pending.lone.native = native;
  if (most !== undefined) inside(tracker).most = most;
  segment(tracker, 0, 1, false); // waits for an answer all the time
  for (let i = 1; i < 12_000; i++) {
    const at = i * 4 * MILLISECOND;
    const client = 2 + (i % CLIENTS);
    segment(tracker, at, client, false, i);
    if ((i * 7) % 10 < answered) segment(tracker, at + MILLISECOND, client, true, i);
  }
  const { queue, givenUp } = inside(tracker);
  const lengths = [queue.values.length, givenUp.values.length];
  tracker.finish(200 * SECOND, () => {});
  return { told, lengths, counts: [tracker.opened, tracker.evicted, tracker.table.size] };
}

for (const [which, native] of [
  ['in TypeScript', undefined],
  ['in the addon', addon],
] as const) {
  for (const answered of [10, 5, 0]) {
    test(`where ${answered} of 10 SYNs are refused the queue is no longer than the flows are many: ${which}`, t => {
      if (which === 'in the addon' && addon === undefined) return t.skip('needs the addon (a C compiler)');
      const bounded = followed(answered, native);
      const unbounded = followed(answered, native, 2 ** 30);
      assert.ok(
        bounded.lengths.every(length => length <= 2_048),
        String(bounded.lengths),
      );
      // Of flows that come to something the records go into the wheel, and there is no room for more of them.
      if (answered === 0) assert.ok(unbounded.lengths[0] > 4_096, 'without a bound it is longer');
      assert.deepEqual(bounded.told, unbounded.told);
      assert.deepEqual(bounded.counts, unbounded.counts);
    });
  }
}

test('where every flow is a SYN that was told of a moment ago, one of them makes room all the same', () => {
  const tracker = new Tracker(new Hosts(), [], { maxFlows: 3, timeWait: 60 * SECOND, flows: false });
  for (let client = 1; client <= 3; client++) segment(tracker, client, client, false, client);
  for (let client = 1; client <= 3; client++) segment(tracker, 10 + client, client, true, client - 9, Flag.ACK);
  for (let client = 4; client <= 9; client++) {
    segment(tracker, 20 + client, client, false, client);
    assert.ok(tracker.table.slots <= tracker.table.capacity, `${tracker.table.slots} records`);
  }
  assert.equal(tracker.evicted, 6);
});
