/** The pool of threads: back-pressure, and failures that must end a run with an error and never with a hang. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { analyse, type Sink } from '../../src/analyse.ts';
import { DEFAULT_PORT_RANGE } from '../../src/base/limits.ts';
import { SLAB_ROWS, type Slab } from '../../src/capture/slab.ts';
import { detectors } from '../../src/detect/index.ts';
import type { TimeWaitRows } from '../../src/flow/time-wait-rows.ts';
import { createPool, type Pool, type Receive } from '../../src/shard/pool.ts';
import { Conversation } from '../build/conversation.ts';
import { frame, frames } from '../build/packet.ts';
import { pcap, pcapHeader, pcapRecord } from '../build/pcap.ts';
import { collision } from '../build/situations/reuse.ts';
import { SYN } from '../capture/sample.ts';

const SETTINGS = {
  origin: 0,
  maxFlows: 1024,
  timeWait: 60e9,
  flows: false,
  rules: detectors.map(({ meta }) => meta.id),
  maxFindings: 100,
  portRange: DEFAULT_PORT_RANGE,
};
const EMPTY = { rows: 0, capture: 0, limit: 0, stepped: false, incomplete: false, losses: [], ordered: true };
/** A test that hangs must fail, not wait. */
const LIMIT = { timeout: 15_000 };

async function withPool(workers: number, receive: Receive, use: (pool: Pool) => Promise<void>): Promise<void> {
  const pool = await createPool(workers, SETTINGS, receive);
  try {
    await use(pool);
  } finally {
    await pool.destroy();
  }
}

test('the TIME_WAITs of a thread come in shared memory: to detach a buffer would slow down every typed array there', async () => {
  const rows: TimeWaitRows[] = [];
  const closed = new Conversation().handshake().request().response().serverCloses().packets;
  const keep = sink({ timeWaits: part => rows.push(part) });
  await analyse([{ name: 'closed.pcap', bytes: pcap(frames(closed)) }], { workers: 1 }, keep);
  assert.equal(rows.length, 1);
  for (const { buffer } of [rows[0].times, rows[0].words]) assert.ok(buffer instanceof SharedArrayBuffer);
});

test('slabs run dry: the reader waits until every shard has answered for one', LIMIT, async () => {
  await withPool(
    2,
    () => {},
    async pool => {
      const taken: Slab[] = [];
      const SLABS = 2 * 2 + 2;
      for (let i = 0; i < SLABS; i++) taken.push(await pool.slab());
      assert.equal(new Set(taken).size, SLABS);
      let got: Slab | undefined;
      const next = pool.slab().then(slab => {
        got = slab;
      });
      await sleep(50);
      assert.equal(got, undefined);
      pool.dispatch(taken[3], EMPTY);
      await next;
      assert.equal(got, taken[3], 'the slab that came back');
      await pool.finish(0);
    },
  );
});

test('every shard answers for every slab and once at the end, in order', LIMIT, async () => {
  const heard: string[][] = [[], []];
  const receive: Receive = (shard, { tally }) => heard[shard].push(tally === undefined ? 'slab' : 'end');
  await withPool(2, receive, async pool => {
    for (let i = 0; i < 20; i++) pool.dispatch(await pool.slab(), EMPTY);
    await pool.finish(0);
  });
  assert.deepEqual(
    heard,
    [0, 1].map(() => [...new Array<string>(20).fill('slab'), 'end']),
  );
});

const ACK = frame({ ...SYN, flags: 'A', ack: 1 });
const MANY_FRAMES = 12 * SLAB_ROWS;
/** An input of more slabs than are in flight at once. */
const MANY = Buffer.concat([
  pcapHeader(ACK.linkType),
  ...Array.from({ length: MANY_FRAMES }, (_, i) => pcapRecord({ ...ACK, t: i / 1e5 })),
]);

const sink = (more: Partial<Sink> = {}): Sink => ({
  begin: () => {},
  findings: () => {},
  timeWaits: () => {},
  clocks: () => {},
  curve: () => {},
  flows: () => {},
  progress: () => {},
  ...more,
});

const story = pcap(frames(collision(0.01).packets));
const INPUTS = [{ name: 'story.pcap', bytes: story }];
const boom = (): never => {
  throw new Error('disk full');
};

const EVERYTHING = ['begin', 'findings', 'timeWaits', 'flows', 'progress'] as const;
/** Threads take a while to start. */
const SOME = ['findings', 'progress'] as const;

for (const workers of [0, 2]) {
  for (const what of workers === 0 ? EVERYTHING : SOME) {
    test(`a sink that throws in ${what} ends the run with its error, ${workers} threads`, LIMIT, async () => {
      const options = { workers, maxFlows: 1024, flows: true };
      await assert.rejects(analyse(INPUTS, options, sink({ [what]: boom })), /^Error: disk full$/);
    });
  }

  test(`a sink that is slow gets everything, ${workers} threads`, LIMIT, async () => {
    let findings = 0;
    const slow = sink({
      findings: batch => {
        findings += batch.length;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
      },
    });
    const { status } = await analyse(INPUTS, { workers, maxFlows: 1024 }, slow);
    assert.deepEqual([status, findings], ['done', 5]);
  });

  test(`an abort ends the run where it is and tells what was found, ${workers} threads`, LIMIT, async () => {
    const controller = new AbortController();
    let seen = 0;
    const once = sink({
      progress: (_consumed, _total, read) => {
        seen = read;
        controller.abort();
      },
    });
    const { status, tally } = await analyse(
      [{ name: 'many.pcap', bytes: MANY }],
      { workers, maxFlows: 1024, signal: controller.signal },
      once,
    );
    assert.equal(status, 'interrupted');
    assert.ok(seen > 0 && seen < MANY_FRAMES, `${seen} frames`);
    assert.equal(tally.frames, seen);
    assert.equal(tally.segments, seen);
  });

  test(`a run that was aborted before it began ends at once, ${workers} threads`, LIMIT, async () => {
    const { status, tally } = await analyse(INPUTS, { workers, maxFlows: 1024, signal: AbortSignal.abort() }, sink());
    assert.deepEqual([status, tally.frames], ['interrupted', 0]);
  });
}

interface Thread {
  terminate(): Promise<number>;
}

/** The threads of a pool, which only this test looks at. */
const threads = (pool: Pool): Thread[] => (pool as unknown as { piscina: { threads: Thread[] } }).piscina.threads;

/** Its threads, which have loaded their code: see `Pool.destroy`. */
async function loadedThreads(pool: Pool): Promise<Thread[]> {
  await pool.ready();
  return threads(pool);
}

test('a thread that dies while slabs are awaited: an error, not a hang', LIMIT, async () => {
  await withPool(
    2,
    () => {},
    async pool => {
      const [first] = await loadedThreads(pool);
      for (let i = 0; i < 6; i++) await pool.slab();
      const waiting = assert.rejects(pool.slab());
      await first!.terminate();
      await waiting;
    },
  );
});

test('a thread that dies before its last answer: an error, not a hang', LIMIT, async () => {
  await withPool(
    2,
    () => {},
    async pool => {
      const [, second] = await loadedThreads(pool);
      pool.dispatch(await pool.slab(), EMPTY);
      await second!.terminate();
      await assert.rejects(pool.finish(0));
    },
  );
});

test('a thread that died is not replaced: its substitute would be stopped while it loads', LIMIT, async () => {
  await withPool(
    2,
    () => {},
    async pool => {
      const [first] = await loadedThreads(pool);
      await first!.terminate();
      await assert.rejects(pool.finish(0));
      assert.equal(threads(pool).length, 1);
    },
  );
});

test('a shard that throws: its error', LIMIT, async () => {
  await withPool(
    2,
    () => {},
    async pool => {
      const slab = await pool.slab();
      slab.shard[0] = 1;
      slab.length[0] = 20;
      slab.tcpAt[0] = slab.bytes.length - 13; // the header reaches past the slab
      slab.bytes.fill(0x50, -13);
      pool.dispatch(slab, { ...EMPTY, rows: 1 });
      await assert.rejects(pool.finish(0), RangeError);
    },
  );
});

test('a shard that cannot start: its error', LIMIT, async () => {
  const pool = await createPool(2, { ...SETTINGS, rules: null as unknown as string[] }, () => {});
  await assert.rejects(pool.finish(0), TypeError);
  await pool.destroy();
});

test('a pool can be destroyed in the middle of its work', LIMIT, async () => {
  const pool = await createPool(2, SETTINGS, () => {});
  pool.dispatch(await pool.slab(), EMPTY);
  await pool.destroy();
});

test('a capture smaller than its threads are many', LIMIT, async () => {
  const one = pcap(frames(new Conversation().syn().packets));
  const { status, tally } = await analyse([{ name: 'one.pcap', bytes: one }], { workers: 3, maxFlows: 2 }, sink());
  assert.deepEqual([status, tally.segments, tally.flows], ['done', 1, 1]);
});
