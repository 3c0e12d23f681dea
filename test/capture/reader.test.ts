/** Several captures as one stream: order, overlap, clock steps, and what the limit of a batch promises. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Reader } from '../../src/capture/reader.ts';
import { Slab } from '../../src/capture/slab.ts';
import { Locator } from '../../src/wire/locate.ts';
import { LINKTYPE } from '../build/links.ts';
import { type Frame, frames, type Packet } from '../build/packet.ts';
import { BASE_TIME, pcap, pcapHeader } from '../build/pcap.ts';
import { type Clock, Silent } from '../build/silent.ts';
import { bytesOf, type Outcome, read } from './read.ts';
import { packetsAt, SYN, stream } from './sample.ts';

const capture = (name: string, packets: readonly Packet[]) => bytesOf(pcap(frames(packets), { nanos: true }), name);
const SECOND = 1e9;
const nanos = (outcome: Outcome, at: bigint): number => Number(at - BigInt(outcome.origin) * 1_000_000_000n);

/** What a shard relies on: no row comes at or before the limit of an earlier batch of its epoch. */
function assertLimits(outcome: Outcome): void {
  let limit = -Infinity;
  let row = 0;
  for (const batch of outcome.batches) {
    if (batch.stepped) limit = -Infinity;
    for (let i = 0; i < batch.rows; i++, row++) {
      const at = nanos(outcome, outcome.rows[row].at);
      assert.ok(at > limit, `a row at ${at} after the limit ${limit}`);
    }
    limit = Math.max(limit, batch.limit);
  }
  assert.equal(outcome.batches.at(-1)!.limit, Infinity);
}

const inTime = ({ rows }: Outcome): string =>
  [...rows]
    .sort((a, b) => Number(a.at - b.at) || a.capture - b.capture || a.frame - b.frame)
    .map(r => `${r.capture}:${r.frame}`)
    .join(' ');

test('no inputs: one batch that ends the run', async () => {
  const outcome = await read([]);
  assert.deepEqual([outcome.origin, outcome.frames, outcome.batches.length], [0, 0, 1]);
  assertLimits(outcome);
});

test('rotated files given in any order are read in time order', async () => {
  const pieces = [0, 1, 2, 3].map(i => capture(`part${i}`, packetsAt(i, i + 0.5)));
  for (const order of [
    [0, 1, 2, 3],
    [3, 1, 0, 2],
  ]) {
    const outcome = await read(order.map(i => pieces[i]));
    assert.equal(outcome.origin, BASE_TIME);
    const times = outcome.rows.map(r => nanos(outcome, r.at) / SECOND);
    assert.deepEqual(times, [0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5]);
    assert.deepEqual(
      outcome.rows.map(r => r.capture),
      [0, 1, 2, 3].flatMap(i => [order.indexOf(i), order.indexOf(i)]),
    );
    assertLimits(outcome);
  }
});

test('hundreds of rotated files need few descriptors and come out in order', async () => {
  const inputs = Array.from({ length: 300 }, (_, i) => capture(`part${i}`, packetsAt(i)));
  const outcome = await read(inputs.reverse());
  assert.deepEqual(
    outcome.rows.map(r => r.capture),
    Array.from({ length: 300 }, (_, i) => 299 - i),
  );
  assertLimits(outcome);
});

test('overlapping captures: every row comes after the limits before it', async () => {
  const odd = stream(40_000).filter((_, i) => i % 2 === 1);
  const even = stream(40_000).filter((_, i) => i % 2 === 0);
  const outcome = await read([capture('even', even), capture('odd', odd), capture('late', packetsAt(20.0001, 20.5))]);
  assert.equal(outcome.rows.length, 40_002);
  assertLimits(outcome);
  assert.match(inTime(outcome), /^0:1 1:1 0:2 1:2 0:3 /);
  assert.ok(outcome.batches.length > 4, 'the captures take turns');
});

test('captures that begin at the same time stay in the order given', async () => {
  const outcome = await read([capture('a', packetsAt(0, 1)), capture('b', packetsAt(0, 1))]);
  assert.equal(inTime(outcome), '0:1 1:1 0:2 1:2');
  assertLimits(outcome);
});

test('frames out of order by up to 10 ms are no clock step', async () => {
  const outcome = await read([capture('a', packetsAt(1, 1.01, 1.0, 1.02, 1.010_000_001))]);
  assert.deepEqual(outcome.captures[0].notes, []);
  assert.equal(outcome.batches.filter(b => b.stepped).length, 0);
  assertLimits(outcome);
});

test('the first frame need not be the earliest', async () => {
  const outcome = await read([capture('a', packetsAt(1.005, 0.999, 1.1))]);
  assert.equal(outcome.origin, BASE_TIME + 1);
  assert.equal(nanos(outcome, outcome.captures[0].firstNs!), -1e6);
  assert.equal(nanos(outcome, outcome.captures[0].lastNs!), 1e8);
});

test('a step back by more than 10 ms is noted, ends the slab and begins an epoch', async () => {
  const outcome = await read([capture('a', packetsAt(5, 6, 5.989_999_999, 7))]);
  assert.deepEqual(
    outcome.batches.map(b => [b.rows, b.stepped]),
    [
      [2, false],
      [2, true],
    ],
  );
  assert.deepEqual(outcome.captures[0].notes, [
    {
      kind: 'clock-step',
      text:
        'the clock steps back by 0.010000001 s at frame 3, ' +
        'from 2023-11-14T22:13:26.000000000Z to 2023-11-14T22:13:25.989999999Z',
      frame: 3,
    },
  ]);
  assertLimits(outcome);
  assert.equal(nanos(outcome, outcome.captures[0].lastNs!), 2e9);
});

test('frames that are not TCP move the clock as well', async () => {
  const packets = frames(packetsAt(1, 100, 50));
  packets[1] = { ...packets[1], bytes: new Uint8Array(60) };
  const outcome = await read([bytesOf(pcap(packets))]);
  assert.deepEqual(
    outcome.captures[0].notes.map(n => n.kind),
    ['clock-step'],
  );
  assert.equal(outcome.captures[0].frames, 3);
});

test('many clock steps: twenty notes and a count', async () => {
  const outcome = await read([capture('a', packetsAt(...Array.from({ length: 100 }, (_, i) => 1000 - i)))]);
  const { notes } = outcome.captures[0];
  assert.equal(notes.length, 21);
  assert.deepEqual(notes[20], { kind: 'clock-step', text: 'the clock steps back 79 more times', count: 79 });
  assert.equal(outcome.rows.length, 100);
  assertLimits(outcome);
});

test('a step in one capture while another is open', async () => {
  const outcome = await read([capture('a', packetsAt(1, 5, 2, 6)), capture('b', packetsAt(3, 4, 7))]);
  assert.equal(outcome.rows.length, 7);
  assert.equal(outcome.batches.filter(b => b.stepped).length, 1);
});

test('a file that begins where the one before it ends is read behind it, whatever earlier times that one steps to', async () => {
  const outcome = await read([
    capture('a', packetsAt(100, 200)),
    capture('b', packetsAt(201, 300, 50, 60)),
    capture('c', packetsAt(61, 90)),
  ]);
  assert.deepEqual(
    outcome.rows.map(r => r.capture),
    [0, 0, 1, 1, 1, 1, 2, 2],
  );
  assert.equal(outcome.batches.filter(b => b.stepped).length, 1);
  assert.deepEqual(outcome.captures[2].notes, []);
  assert.equal(nanos(outcome, outcome.captures[2].lastNs!) / SECOND, 90 - 61);
});

test('captures of several places are told from a rotation: each is read on beside the others', async () => {
  const outcome = await read([
    capture('eth0-1', packetsAt(0, 10, 20)),
    capture('eth0-2', packetsAt(21, 30, 5, 6)),
    capture('eth1-1', packetsAt(0.5, 9)),
    capture('eth1-2', packetsAt(11, 29)),
  ]);
  assert.equal(outcome.batches.filter(b => b.stepped).length, 1);
  const times = outcome.rows.filter(r => r.capture >= 2).map(r => nanos(outcome, r.at) / SECOND);
  assert.deepEqual(times, [0.5, 9, 11, 29]);
});

test('between files that dumpcap or editcap numbered the clock may step: one at the seam is noted', async () => {
  const outcome = await read([
    capture('/x/base_00001_20231114221320.pcap', packetsAt(100, 200)),
    capture('/x/base_00002_20231114221500.pcap', packetsAt(50, 60)),
    capture('/x/base_00003_20231114221600.pcap', packetsAt(61, 150)),
  ]);
  assert.deepEqual(
    outcome.rows.map(r => r.capture),
    [0, 0, 1, 1, 2, 2],
  );
  assert.deepEqual(
    outcome.captures.map(({ notes }) => notes.map(note => note.text)),
    [
      [],
      [
        'the clock steps back by 150 s at frame 1, from 2023-11-14T22:16:40.000000000Z to 2023-11-14T22:14:10.000000000Z',
      ],
      [],
    ],
  );
  assert.equal(outcome.captures[1].lastNs! - outcome.captures[1].firstNs!, 10_000_000_000n);
});

test('more rows than a slab holds: nothing is lost where slabs meet', async () => {
  const outcome = await read([capture('a', stream(50_000, 0))]);
  assert.deepEqual(
    outcome.rows.map(r => r.frame),
    Array.from({ length: 50_000 }, (_, i) => i + 1),
  );
  assert.equal(outcome.frames, 50_000);
});

test('more bytes than a slab holds: nothing is lost where slabs meet', async () => {
  const outcome = await read([capture('a', stream(5_000, 1460))]);
  assert.equal(outcome.rows.length, 5_000);
  assert.ok(outcome.batches.length >= 4);
  assert.ok(outcome.rows.every(r => r.length === 1480 && r.captured === 1480));
});

test('both directions of a host pair are one shard, and shards share the work', async () => {
  const pairs = Array.from({ length: 200 }, (_, i) => ({ ...SYN, src: `10.1.${i >> 4}.${i}`, t: i }));
  const answers = pairs.map(p => ({ ...p, src: p.dst, dst: p.src, sport: p.dport, dport: p.sport, flags: 'SA' }));
  const outcome = await read([capture('a', pairs), capture('b', answers)], 4);
  const byCapture = [0, 1].map(c => outcome.rows.filter(r => r.capture === c).map(r => r.shard));
  assert.deepEqual(byCapture[0], byCapture[1]);
  assert.deepEqual(new Set(byCapture[0]), new Set([0, 1, 2, 3]));
});

test('the unreadable among several inputs is named', async () => {
  const good = capture('good.pcap', [SYN]);
  await assert.rejects(read([good, bytesOf(new Uint8Array(0), 'empty.pcap')]), {
    name: 'CaptureError',
    message: 'empty.pcap: is empty (byte 0)',
  });
});

test('more captures than a flow can name are refused before any is opened', async () => {
  const missing = { name: 'a.pcap', path: '/none/a.pcap' };
  await assert.rejects(read(new Array(65_537).fill(missing)), {
    name: 'PawscopeError',
    message: '65537 captures were given; one run takes at most 65536: join some with mergecap -a',
  });
});

test('an empty capture among others changes nothing', async () => {
  const outcome = await read([bytesOf(pcapHeader(LINKTYPE.ETHERNET), 'empty'), capture('a', packetsAt(0, 1))]);
  assert.equal(outcome.origin, BASE_TIME);
  assert.equal(outcome.rows.length, 2);
  assert.equal(outcome.captures[0].frames, 0);
  assertLimits(outcome);
});

test('a capture without one usable link type is unreadable; one frame of a usable type makes it readable', async () => {
  const can: Frame[] = frames(packetsAt(1, 2)).map(f => ({ ...f, linkType: 227 }));
  await assert.rejects(read([bytesOf(pcap(can))]), {
    name: 'CaptureError',
    message: 'test.pcap: unsupported link type 227 (CAN_SOCKETCAN): no TCP can be read from it (byte 24)',
  });
  assert.equal((await read([bytesOf(pcapHeader(227))])).frames, 0);
});

test('of several silent interfaces one is waited for, and time goes on in all', async () => {
  const clock: Clock = { ns: BigInt(BASE_TIME) * 1_000_000_000n, waits: 0 };
  const inputs = ['eth0', 'eth1', 'eth2', 'eth3'].map(name => ({ name, live: new Silent(clock) }));
  const reader = await Reader.open(inputs, new Locator());
  const slab = new Slab();
  for (let waits = 1; waits <= 3; waits++) {
    const batch = await reader.fill(slab, 1);
    assert.equal(clock.waits, waits);
    const reached = Number(clock.ns - BigInt(BASE_TIME) * 1_000_000_000n);
    assert.ok(batch!.limit > reached - SECOND / 20, `${batch!.limit} of ${reached}`);
  }
  reader.close();
});
