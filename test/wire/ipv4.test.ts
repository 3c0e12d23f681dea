import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PADDED, raw } from '../build/links.ts';
import { frame, frameOf, ip, PROTOCOL } from '../build/packet.ts';
import { udp } from '../build/tunnels.ts';
import { readFrames } from '../capture/read.ts';
import { SYN, SYN_TEXT } from '../capture/sample.ts';

const one = async (made: ReturnType<typeof frame>) => {
  const { rows, skipped } = await readFrames([made]);
  return { row: rows[0], skipped };
};

test('IPv4: a plain segment', async () => {
  const { row } = await one(frame({ ...SYN, payload: 100 }));
  assert.deepEqual([row!.text, row!.length, row!.captured, row!.scope], [SYN_TEXT, 120, 120, 0]);
});

test('IPv4: Ethernet padding is no part of the segment', async () => {
  const { row } = await one(frame(SYN, PADDED));
  assert.deepEqual([row!.length, row!.captured], [20, 20]);
});

test('IPv4: options stand before TCP', async () => {
  const { row } = await one(frame({ ...SYN, ipOptions: new Array(40).fill(1) }));
  assert.deepEqual([row!.text, row!.length], [SYN_TEXT, 20]);
});

test('IPv4: total length 0 goes to the end of the frame, which may have been cut', async () => {
  const whole = frame({ ...SYN, payload: 5000, tso: true });
  assert.deepEqual(await one(whole).then(({ row }) => [row!.length, row!.captured]), [5020, 5020]);
  const cut = { ...whole, snap: 100 };
  assert.deepEqual(await one(cut).then(({ row }) => [row!.length, row!.captured]), [5020, 66]);
});

test('IPv4: the first fragment gives a row, later ones are counted', async () => {
  const first = { ...SYN, payload: 100, fragment: { offset: 0, more: true } };
  const later = { ...SYN, payload: 100, fragment: { offset: 64, more: true } };
  const last = { ...SYN, payload: 100, fragment: { offset: 104, more: false } };
  const { rows, skipped } = await readFrames([first, later, last].map(p => frame(p)));
  assert.deepEqual(
    rows.map(r => r.frame),
    [1],
  );
  assert.deepEqual(skipped, { fragment: 2 });
});

test('IPv4: a first fragment too small for the TCP header is a fragment', async () => {
  const datagram = frame({ ...SYN, payload: 100, fragment: { offset: 0, more: true } }).bytes.slice(14, 14 + 20 + 8);
  datagram[3] = 28; // total length
  assert.deepEqual(await one(frameOf(0, datagram, raw())).then(r => r.skipped), { fragment: 1 });
});

test('IPv4: cut by the snap length before TCP ends, or before IP does', async () => {
  for (const snap of [10, 14, 20, 33, 34, 50, 53]) {
    assert.deepEqual((await one({ ...frame({ ...SYN, payload: 100 }), snap })).skipped, { 'cut-short': 1 }, `${snap}`);
  }
  const { row } = await one({ ...frame({ ...SYN, payload: 100 }), snap: 54 });
  assert.deepEqual([row!.length, row!.captured], [120, 20]);
});

test('IPv4: headers that contradict themselves', async () => {
  const change = (at: number, value: number) => {
    const made = frame({ ...SYN, payload: 100 });
    made.bytes[14 + at] = value;
    return made;
  };
  const BAD: readonly (readonly [string, number, number])[] = [
    ['header of four words', 0, 0x44],
    ['version 5', 0, 0x55],
    ['total length inside the header', 3, 19],
  ];
  for (const [name, at, value] of BAD) {
    const made = change(at, value);
    if (at === 3) made.bytes[14 + 2] = 0;
    assert.deepEqual((await one(made)).skipped, { 'bad-header': 1 }, name);
  }
  const short = change(3, 39);
  short.bytes[14 + 2] = 0;
  assert.deepEqual((await one(short)).skipped, { 'bad-header': 1 }, 'a segment of 19 bytes');
});

test('IPv4: a total length beyond the frame is believed, as the sequence numbers follow it', async () => {
  const made = frame({ ...SYN, payload: 1000 });
  const { row } = await one({ ...made, bytes: made.bytes.subarray(0, 114) });
  assert.deepEqual([row!.length, row!.captured], [1020, 80]);
});

test('IPv4: other protocols are not TCP', async () => {
  const ends = { src: SYN.src, dst: SYN.dst };
  const datagrams = [
    udp({ ...ends, sport: 53, dport: 53 }, new Uint8Array(30)),
    ip(ends, 50, new Uint8Array(60)), // ESP
    ip(ends, 89, new Uint8Array(60)), // OSPF
    ip(ends, PROTOCOL.ICMP, Uint8Array.from([8, 0, 0, 0, 0, 0, 0, 0, 1, 2])), // echo
  ];
  const { skipped } = await readFrames(datagrams.map((d, t) => frameOf(t, d)));
  assert.deepEqual(skipped, { 'not-tcp': 4 });
});

test('IPv4: an authentication header stands before TCP', async () => {
  const plain = frame({ ...SYN, payload: 10 }).bytes.subarray(14);
  const header = [PROTOCOL.TCP, 4, 0, 0, ...new Array(20).fill(9)];
  const made = ip(SYN, 51, Uint8Array.from([...header, ...plain.subarray(20)]));
  const { row } = await one(frameOf(0, made));
  assert.deepEqual([row!.text, row!.length], [SYN_TEXT, 30]);
});
