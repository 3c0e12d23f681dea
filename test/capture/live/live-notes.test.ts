/** Notes of a live input that goes on for months. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CaptureNote } from '../../../src/capture/capture-info.ts';
import { DownTimes } from '../../../src/capture/live/down-times.ts';
import { LiveNotes } from '../../../src/capture/live/live-notes.ts';
import type { Live } from '../../../src/capture/source.ts';

/** A live input to which this happens. */
const input = (happened: CaptureNote[], dropped = 0, interfaceDropped = 0): Live => ({
  linkType: 1,
  snaplen: 128,
  startedNs: 0n,
  settledNs: 0n,
  dropped,
  interfaceDropped,
  incomplete: true,
  losses: [],
  settle: () => true,
  takeNotes: () => happened.splice(0),
});

const losses = (from: number, count: number): CaptureNote[] =>
  Array.from({ length: count }, (_, i) => ({ kind: 'source-lost', text: `loss ${from + i}` }));

test('an interface that keeps coming and going is told 20 times, then counted', () => {
  const notes: CaptureNote[] = [];
  const live = new LiveNotes(notes);
  for (let i = 1; i <= 1_000; i++) live.update(input(losses(i, 1)));
  assert.deepEqual(notes.slice(0, 20), losses(1, 20));
  assert.deepEqual(notes.slice(20), [
    { kind: 'source-lost', text: 'the interface was lost 980 more times', count: 980 },
  ]);
});

test('a machine that sleeps each night is told 20 times, then counted; losses are counted beside it', () => {
  const notes: CaptureNote[] = [];
  const live = new LiveNotes(notes);
  const slept: CaptureNote = { kind: 'clock-step', text: 'the machine slept' };
  for (let night = 0; night < 100; night++) live.update(input([slept]));
  live.update(input(losses(1, 1)));
  assert.equal(notes.length, 22);
  assert.deepEqual(notes[20], {
    kind: 'clock-step',
    text: 'the machine slept, or its clock was set, 80 more times',
    count: 80,
  });
  assert.deepEqual(notes[21], losses(1, 1)[0]);
});

test('drops are a note that grows for each place where packets are lost', () => {
  const notes: CaptureNote[] = [];
  const live = new LiveNotes(notes);
  live.update(input([], 5));
  live.update(input([], 9, 2));
  live.update(input([], 9, 4));
  assert.deepEqual(
    notes.map(({ kind, count }) => [kind, count]),
    [
      ['dropped', 9],
      ['dropped', 4],
    ],
  );
  assert.match(notes[0].text, /^9 packets were dropped by the kernel/);
  assert.match(notes[1].text, /^4 packets were dropped by the network card or its driver/);
});

test('an interface that goes down again and again is one note: how often, and for how long', () => {
  const down = new DownTimes();
  const said = (): string => down.note!.text;
  assert.equal(down.begin(0), true);
  assert.equal(said(), 'the interface has been down since 1970-01-01T00:00:00.000000000Z: nothing is captured');
  down.end(1_500);
  assert.equal(said(), 'nothing was captured for 1.5 s from 1970-01-01T00:00:00.000000000Z: the interface was down');
  for (let day = 1; day <= 11; day++) {
    assert.equal(down.begin(day * 86_400_000), false);
    if (day === 10) assert.match(said(), / \(11th time\): nothing is captured$/);
    down.end(day * 86_400_000 + 1_000);
  }
  assert.equal(
    said(),
    'nothing was captured for 12.5 s in all: the interface was down 12 times, the last time for 1.0 s from 1970-01-12T00:00:00.000000000Z',
  );
  assert.equal(down.note!.count, 12);
});
