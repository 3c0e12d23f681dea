import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type HeldTimeWaits, mergeOccupancies } from '../../src/shard/occupancy.ts';

const held = (client: string, count: number, owner: HeldTimeWaits['owner'] = 'client'): HeldTimeWaits => ({
  client,
  server: '10.0.0.80',
  serverPort: 443,
  owner,
  count,
});

test('a client whose VLANs fall to several shards has the TIME_WAITs of all of them, and may come first by that', () => {
  const shards = [
    { total: 9, top: [held('10.0.0.1', 5), held('10.0.0.2', 4)] },
    { total: 5, top: [held('10.0.0.2', 3), held('10.0.0.3', 2)] },
  ];
  assert.deepEqual(mergeOccupancies(shards, 2), { total: 14, top: [held('10.0.0.2', 7), held('10.0.0.1', 5)] });
});

test('what the client holds and what the server holds are told apart, and equal numbers come in one order', () => {
  const [client, server] = [held('10.0.0.1', 1), held('10.0.0.1', 1, 'server')];
  const merged = { total: 2, top: [client, server] };
  assert.deepEqual(mergeOccupancies([{ total: 2, top: [server, client] }], 10), merged);
  assert.deepEqual(
    mergeOccupancies(
      [
        { total: 1, top: [server] },
        { total: 1, top: [client] },
      ],
      10,
    ),
    merged,
  );
});
