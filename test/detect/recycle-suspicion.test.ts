import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Suspicions } from '../../src/detect/recycle-suspicion.ts';
import type { Circumstances } from '../../src/detect/syn-cause.ts';
import { Attempt } from '../../src/flow/attempt.ts';
import type { Ends } from '../../src/flow/ends.ts';
import type { Packet } from '../../src/flow/packet.ts';

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
    [...suspicions.judged()].map(([{ ends }, { name }]) => [ends.client, name]),
    [
      [10, 'unknown'],
      [11, 'unknown'],
    ],
  );
  const hosts: number[] = [];
  suspicions.forEachHost(host => hosts.push(host));
  assert.deepEqual(hosts, [10, 20, 11, 20]);
});
