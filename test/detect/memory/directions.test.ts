import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SECOND } from '../../../src/base/time.ts';
import { Directions } from '../../../src/detect/memory/directions.ts';
import { pairHash } from '../../../src/flow/tables/pairs.ts';
import type { Tracker } from '../../../src/flow/tracker.ts';
import { Conversation, type Setup, setBack } from '../../build/conversation.ts';
import { observed } from '../../flow/observe.ts';

/** Counts connections by direction, remembering so many directions. */
async function counted(setups: readonly Setup[], capacity?: number) {
  const gone: number[] = [];
  let missed = 0;
  const directions = new Directions(() => ({ flows: 0 }), {
    evicted: ({ flows }) => gone.push(flows),
    missed: () => missed++,
    capacity,
  });
  const packets = setups.flatMap(setup => new Conversation(setup).handshake().packets);
  await observed({ opened: ({ flow, tracker }) => directions.of(flow, tracker).flows++ }, packets);
  return { counts: [...directions].map(([{ clientPort }, { flows }]) => `${clientPort}: ${flows}`), gone, missed };
}

const A = '192.0.2.10';
const B = '198.51.100.80';

test('connections of one client to one server are one direction, those the other way another', async () => {
  const { counts } = await counted([
    { client: `${A}:1000`, server: `${B}:80` },
    { client: `${A}:1001`, server: `${B}:443`, at: 1 },
    { client: `${B}:1002`, server: `${A}:80`, at: 2 },
  ]);
  assert.deepEqual(counts, ['1000: 2', '1002: 1']);
});

test('a pair that comes back after its flows are forgotten is known again', async () => {
  const { counts } = await counted([
    { client: `${A}:1000`, server: `${B}:80` },
    { client: '192.0.2.11:1001', server: `${B}:80`, at: (1000 * SECOND) / SECOND },
    { client: `${A}:1002`, server: `${B}:80`, at: 2000 },
  ]);
  assert.deepEqual(counts.toSorted(), ['1000: 2', '1001: 1']);
});

test('the one long unused goes when there are too many', async () => {
  const clients = ['192.0.2.1', '192.0.2.2', '192.0.2.1', '192.0.2.3', '192.0.2.1', '192.0.2.2'];
  const setups = clients.map((client, i) => ({ client: `${client}:${1000 + i}`, server: `${B}:80`, at: i }));
  const { counts, gone, missed } = await counted(setups, 2);
  assert.deepEqual(gone, [1, 1]);
  assert.deepEqual(counts, ['1000: 3', '1005: 1']);
  assert.equal(missed, 1, '192.0.2.2 has come again');
});

test('what went and never came again is not missed, and what came again is missed each time', async () => {
  const visits = async (clients: readonly number[]): Promise<[gone: number, missed: number]> => {
    const setups = clients.map((host, i) => ({ client: `192.0.2.${host}:${1000 + i}`, server: `${B}:80`, at: i }));
    const { gone, missed } = await counted(setups, 2);
    return [gone.length, missed];
  };
  assert.deepEqual(await visits(Array.from({ length: 40 }, (_, i) => i + 1)), [38, 0]);
  assert.deepEqual(await visits([1, 2, 3, 1, 2, 3, 1, 2, 3]), [7, 6]);
});

test('what is remembered from before a step of the clock hears of the step when it is next asked for, once', async () => {
  const stepped: number[] = [];
  const directions = new Directions(() => ({ flows: 0 }), { stepped: ({ flows }) => stepped.push(flows) });
  const at = [0, 1, 51, 52];
  const stories = at.map((at, i) =>
    new Conversation({ client: `${A}:${1000 + i}`, server: `${B}:80`, at }).handshake(),
  );
  stories.push(new Conversation({ client: '192.0.2.11:5', server: `${B}:80`, at: 53 }).handshake());
  const packets = setBack(
    stories.flatMap(story => story.packets),
    50,
    60,
  );
  await observed({ opened: ({ flow, tracker }) => directions.of(flow, tracker).flows++ }, packets);
  assert.deepEqual([stepped, [...directions].map(([, { flows }]) => flows)], [[2], [4, 1]]);
});

test('what was looked for and not there is found once it is', async () => {
  const directions = new Directions(() => ({ flows: 0 }), {});
  const found: (number | undefined)[] = [];
  const packets = ['192.0.2.1', '192.0.2.2', '192.0.2.2', '192.0.2.2', '192.0.2.2'].flatMap(
    (client, i) => new Conversation({ client: `${client}:${1000 + i}`, server: `${B}:80`, at: i }).handshake().packets,
  );
  let opened = 0;
  await observed(
    {
      opened: ({ flow, tracker }) => {
        found.push(directions.known(flow, tracker)?.flows);
        // The first makes room for the others.
        if (opened === 0 || opened > 2) directions.of(flow, tracker).flows++;
        opened++;
      },
    },
    packets,
  );
  assert.deepEqual(found, [undefined, undefined, undefined, undefined, 1]);
});

test('a direction whose hash is 0 is missed only when it was there before, like others', () => {
  const tracker = { epoch: 1, pairs: { serial: () => 0 } } as unknown as Tracker;
  let missed = 0;
  const directions = new Directions(() => ({}), { missed: () => missed++, capacity: 1 });
  const see = (client: number, scope: number): void => {
    const ports = { clientPort: 1000, serverPort: 80 };
    directions.of({ pair: client, scope, clientIsB: false, client, server: 2, ...ports }, tracker);
  };
  const scope = scopeOfHash0(7, 2);
  assert.equal(pairHash(7, 2, scope), 0);
  for (const client of [1, 3, 4]) see(client, 0);
  see(7, scope);
  assert.equal(missed, 0);
  see(3, 0);
  see(7, scope);
  assert.equal(missed, 2);
});

/** Undoes the last steps of pairHash, of which the scope decides the outcome. */
function scopeOfHash0(hostA: number, hostB: number): number {
  const INVERSE = 0x7ed1b41d; // of 0xc2b2ae35, modulo 2^32
  let h = pairHash(hostA, hostB, 0);
  h = Math.imul(h ^ (h >>> 16), INVERSE);
  return h ^ (h >>> 13) ^ (h >>> 26);
}
