import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SECOND } from '../../../src/base/time.ts';
import type { Circumstances } from '../../../src/detect/attempts/syn-cause.ts';
import { Suspicions } from '../../../src/detect/recycle/recycle-suspicion.ts';
import type { Ends } from '../../../src/flow/ends.ts';
import type { Packet } from '../../../src/flow/packet.ts';
import { Attempt } from '../../../src/flow/stories/attempt.ts';

const SYN: Packet = {
  capture: 0,
  frame: 1,
  at: 0,
  fromB: false,
  flags: 2,
  seq: 1,
  ack: 0,
  tsval: 5,
  tsecr: 0,
  length: 0,
};
const ENDS: Ends = { pair: 0, scope: 0, clientIsB: false, client: 10, clientPort: 40_000, server: 20, serverPort: 80 };
const NOTHING_KNOWN: Circumstances = {
  tried: undefined,
  trial: undefined,
  reuse: undefined,
  serverHeard: true,
  around: undefined,
  waiting: undefined,
  isLocal: false,
};

test('suspicions for which there is no room are refused, and those before stay', () => {
  const suspicions = new Suspicions(2);
  const added = [10, 11, 12].map(client => suspicions.add(new Attempt(SYN, { ...ENDS, client }), NOTHING_KNOWN));
  assert.deepEqual(added, [true, true, false]);
  assert.deepEqual(
    [...suspicions.judged(0, true)].map(([{ ends }, { name }]) => [ends.client, name]),
    [
      [10, 'unknown'],
      [11, 'unknown'],
    ],
  );
  const hosts: number[] = [];
  suspicions.forEachHost(host => hosts.push(host));
  assert.deepEqual(hosts, [10, 20, 11, 20]);
});

test('while the run goes on a suspicion is settled after five minutes, and makes room', () => {
  const suspicions = new Suspicions(2);
  const add = (client: number, at: number): boolean => {
    const attempt = new Attempt({ ...SYN, at }, { ...ENDS, client });
    attempt.settledAt = at;
    return suspicions.add(attempt, NOTHING_KNOWN);
  };
  const judged = (now: number, last = false): [number, boolean][] =>
    [...suspicions.judged(now, last)].map(([{ ends }, , isSettled]) => [ends.client, isSettled]);
  const minute = 60 * SECOND;
  assert.deepEqual([add(10, 0), add(11, 3 * minute), add(12, 4 * minute)], [true, true, false]);
  assert.deepEqual(judged(4 * minute), [
    [10, false],
    [11, false],
  ]);
  assert.deepEqual(judged(5 * minute), [
    [10, true],
    [11, false],
  ]);
  assert.deepEqual([add(12, 5 * minute), judged(6 * minute).length], [true, 2]);
  assert.deepEqual(
    judged(60 * minute, true),
    [
      [11, false],
      [12, false],
    ],
    'at the end of a run all are judged once more',
  );
});
