/** No input may crash: captures cut at every place, frames cut at every byte, and bytes that were flipped. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { PawscopeError } from '../src/base/errors.ts';
import { collect } from './build/collect.ts';
import { bytesOf, fixtureNamed } from './build/fixtures.ts';
import { frames, type Packet } from './build/packet.ts';
import { pcap } from './build/pcap.ts';
import { records } from './build/records.ts';
import { captures } from './build/situations/captures.ts';
import { links } from './build/situations/links.ts';
import { collision, RETRY } from './build/situations/reuse.ts';

/** One of each format and link layer. */
const SAMPLES = [...captures, ...links].map(({ file }) => file);

/** Analyses, or is told in one sentence why not; anything else is thrown on. */
async function attempt(bytes: Uint8Array): Promise<string> {
  try {
    return (await collect([{ name: 'sample', bytes }])).status;
  } catch (error) {
    if (!(error instanceof PawscopeError)) throw error;
    assert.match(error.message, /^sample: .+/);
    assert.doesNotMatch(error.message, /\n/);
    return 'unreadable';
  }
}

for (const name of SAMPLES) {
  const whole = bytesOf(fixtureNamed(name));
  test(`${name} cut at every 61st byte`, async () => {
    for (let length = whole.length % 61; length < whole.length; length += 61) await attempt(whole.slice(0, length));
  });
}

test('a pcap cut at every byte of its header and first records', async () => {
  const whole = bytesOf(fixtureNamed('time-wait-collision-one-second.pcap'));
  const { header, records: all } = records(whole);
  const ends = new Set([header.length]);
  for (const record of all) ends.add([...ends].at(-1)! + record.length);
  for (let length = 0; length < 400; length++) {
    const expected = length < header.length ? 'unreadable' : ends.has(length) ? 'done' : 'damaged';
    assert.equal(await attempt(whole.slice(0, length)), expected, `cut at byte ${length}`);
  }
});

test('a capture that ends in the middle of a record is analysed to its last whole frame', async () => {
  const fixture = fixtureNamed('cut-mid-record.pcap');
  const { status, captures: read } = await collect(fixture.inputs);
  assert.equal(status, 'damaged');
  assert.equal(read[0]?.frames, records(bytesOf(fixture)).records.length);
  assert.deepEqual(
    read[0]?.notes.map(note => note.kind),
    ['truncated'],
  );
});

for (const ipv6 of [false, true]) {
  test(`every IPv${ipv6 ? 6 : 4} frame snapped at every length`, async () => {
    const setup = ipv6 ? { server: '[2001:db8:80::1]:443', client: '[2001:db8::10]:40000' } : {};
    const story = collision(RETRY.LINUX, setup).packets;
    const extended = (p: Packet): Packet => (ipv6 ? { ...p, extensions: [{ header: 0 }, { header: 60 }] } : p);
    for (let snaplen = 0; snaplen < 150; snaplen++) {
      assert.equal(await attempt(pcap(frames(story.map(extended)), { snaplen })), 'done');
    }
  });
}

test('flipped bytes', async () => {
  const flip = fc.record({ place: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), value: fc.nat(255) });
  const property = fc.asyncProperty(
    fc.constantFrom(...SAMPLES),
    fc.array(flip, { minLength: 1, maxLength: 20 }),
    async (name, flips) => {
      const bytes = Uint8Array.from(bytesOf(fixtureNamed(name)));
      for (const { place, value } of flips) bytes[Math.floor(place * bytes.length)] = value;
      await attempt(bytes);
    },
  );
  await fc.assert(property, { numRuns: 500 });
});

test('noise', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 400 }), async bytes => {
      await attempt(bytes);
    }),
    { numRuns: 300 },
  );
});
