import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Reader } from '../../src/capture/reader.ts';
import { SCOPE_IPV6, Slab } from '../../src/capture/slab.ts';
import { decode } from '../../src/wire/decode.ts';
import { Hosts } from '../../src/wire/hosts.ts';
import { Locator } from '../../src/wire/locate.ts';
import { Segment } from '../../src/wire/segment.ts';
import { NO_WINDOW_SCALE, Timestamps } from '../../src/wire/tcp-options.ts';
import { collect } from '../build/collect.ts';
import { type Frame, frame, type Packet } from '../build/packet.ts';
import { pcap } from '../build/pcap.ts';
import { SYN, SYN6 } from '../capture/sample.ts';

const CAPTURE = 3;

/** The first frame as its segment, or undefined when its header is impossible. */
async function decoded(first: Frame, hosts = new Hosts()): Promise<Segment | undefined> {
  const reader = await Reader.open([{ name: 'one.pcap', bytes: pcap([first]) }], new Locator());
  const slab = new Slab();
  const batch = await reader.fill(slab, 1);
  reader.close();
  assert.equal(batch?.rows, 1);
  const segment = new Segment();
  return decode(slab, 0, CAPTURE, hosts, segment) ? segment : undefined;
}

const FULL: Packet = {
  ...SYN,
  t: 1.5,
  flags: 'SEC',
  seq: 0xffff_fff0,
  ack: 77,
  payload: 5,
  mss: 1460,
  sackPermitted: true,
  tsval: 0x9000_0000,
  tsecr: 0,
  wscale: 9,
  window: 65535,
  ttl: 61,
  ipId: 0xfffe,
};

test('every field of a SYN with options and data', async () => {
  const { at, ...s } = (await decoded(frame(FULL)))!;
  assert.equal(at, 0.5e9); // from the whole second of the first frame
  const { tuple, fingerprint, fingerprint2 } = s; // hashes: flow/duplicates.test.ts says what they tell apart
  assert.deepEqual(
    { ...s },
    {
      tuple,
      fingerprint,
      fingerprint2,
      found: 0,
      capture: CAPTURE,
      frame: 1,
      src: 0xc000_020a | 0,
      dst: 0xc633_6450 | 0,
      ports: (40000 << 16) | 80,
      scope: 0,
      seq: 0xffff_fff0 | 0,
      ack: 0, // means nothing without the flag
      flags: 0xc2,
      length: 5,
      window: 65535,
      timestamps: Timestamps.PRESENT,
      tsval: 0x9000_0000 | 0,
      tsecr: 0,
      windowScale: 9,
      mss: 1460,
      synOptions: 0x3_1842,
      ttl: 61,
      ipId: 0xfffe,
    },
  );
});

test('a header without options says so, whatever the segment before it had', async () => {
  const bare = await decoded(frame({ ...SYN, flags: 'A', ack: 5 }));
  assert.deepEqual([bare!.timestamps, bare!.windowScale, bare!.ack], [Timestamps.ABSENT, NO_WINDOW_SCALE, 5]);
});

test('an IPv6 segment: hosts are numbers of this shard, no identification', async () => {
  const hosts = new Hosts();
  const s = (await decoded(frame({ ...SYN6, ttl: 58 }), hosts))!;
  assert.equal(s.scope, SCOPE_IPV6);
  assert.deepEqual([hosts.text(s.src, s.scope), hosts.text(s.dst, s.scope)], ['2001:db8::10', '2001:db8::80']);
  assert.deepEqual([s.ttl, s.ipId], [58, 0]);
});

test('data that was not captured counts in the length', async () => {
  const s = (await decoded(frame({ ...SYN, flags: 'PA', payload: 1400, snap: 60 })))!;
  assert.equal(s.length, 1400);
});

const ETHERNET_AND_IP = 34;
const DATA_OFFSET = ETHERNET_AND_IP + 12;

/** With a data offset of so many words. */
function claiming(packet: Packet, words: number): Frame {
  const built = frame(packet);
  const bytes = Uint8Array.from(built.bytes);
  bytes[DATA_OFFSET] = words << 4;
  return { ...built, bytes };
}

test('headers that contradict their segments are counted, the others go on', async () => {
  const frames = [
    frame(SYN),
    ...[0, 4, 6, 15].map(words => claiming({ ...SYN, t: 1 }, words)),
    frame({ ...SYN, t: 2 }),
  ];
  const { tally } = await collect([{ name: 'bad.pcap', bytes: pcap(frames) }]);
  assert.equal(tally.segments, 2);
  assert.equal(tally['skipped.bad-header'], 4);
  assert.equal(tally.frames, 6);
});

test('a data offset that reaches into the payload is the header that it claims', async () => {
  const s = (await decoded(claiming({ ...SYN, payload: 12 }, 8)))!;
  assert.equal(s.length, 0);
});
