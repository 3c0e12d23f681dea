import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Flag, flagLetters, headerLength, TcpHeader } from '../../src/wire/tcp.ts';
import { tcp } from '../build/packet.ts';
import { SYN } from '../capture/sample.ts';

test('flags are letters in the order S F R P A U E C', () => {
  assert.equal(flagLetters(0xff), 'SFRPAUEC');
  assert.equal(flagLetters(0), '');
  assert.equal(flagLetters(Flag.SYN | Flag.ACK), 'SA');
  assert.equal(flagLetters(Flag.FIN | Flag.ACK), 'FA');
  assert.equal(flagLetters(Flag.RST), 'R');
  assert.equal(flagLetters(Flag.SYN | Flag.ECE | Flag.CWR), 'SEC');
  assert.equal(flagLetters(Flag.PSH | Flag.ACK | Flag.URG), 'PAU');
});

test('each set of flags has letters of its own', () => {
  const all = new Set(Array.from({ length: 256 }, (_, flags) => flagLetters(flags)));
  assert.equal(all.size, 256);
});

test('a built header has the length that it says', () => {
  for (const options of [[], [1, 1, 1, 1], new Array<number>(40).fill(1)]) {
    const segment = tcp({ ...SYN, options, payload: 7 });
    assert.equal(headerLength(segment, 0, segment.length), TcpHeader.MIN_LENGTH + options.length);
  }
});

/** A header whose data offset is `words`, in a segment of `length` bytes. */
const claimed = (words: number, length: number): number => {
  const bytes = new Uint8Array(60);
  bytes[12] = words << 4;
  return headerLength(bytes, 0, length);
};

test('a header shorter than 20 bytes is none', () => {
  for (let words = 0; words < 5; words++) assert.equal(claimed(words, 60), 0);
  assert.equal(claimed(5, 60), 20);
});

test('a header longer than its segment is none', () => {
  assert.equal(claimed(15, 60), 60);
  assert.equal(claimed(15, 59), 0);
  assert.equal(claimed(6, 23), 0);
});

test('the reserved bits beside the data offset are not part of it', () => {
  const bytes = new Uint8Array(20);
  bytes[12] = 0x5f;
  assert.equal(headerLength(bytes, 0, 20), 20);
});
