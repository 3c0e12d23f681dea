import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  asksToJoin,
  NO_WINDOW_SCALE,
  type OptionFields,
  orderOf,
  parseOptions,
  parseSyn,
  type SynSignature,
  Timestamps,
  USUAL_WINDOW_SCALE,
} from '../../src/wire/tcp-options.ts';
import { u32 } from '../build/bytes.ts';

const END = 0;
const NOP = 1;
const MSS = [2, 4, 5, 180];
const SACK_PERMITTED = [4, 2];
const scale = (shift: number): number[] => [3, 3, shift];
const stamps = (tsval: number, tsecr: number): number[] => [8, 10, ...u32(tsval), ...u32(tsecr)];

/** Before and behind the options lies what must not be read. */
const MARGIN = 16;
const POISON = 8;

function parse(options: readonly number[], captured = options.length): OptionFields {
  const bytes = new Uint8Array(options.length + 2 * MARGIN).fill(POISON);
  bytes.set(options.slice(0, captured), MARGIN);
  const out = { timestamps: 99, tsval: 0, tsecr: 0, windowScale: 99 };
  parseOptions(new DataView(bytes.buffer), MARGIN, MARGIN + options.length, MARGIN + captured, out);
  return out;
}

const LINUX_SYN = [...MSS, ...SACK_PERMITTED, ...stamps(7, 0), NOP, ...scale(7)];

test('the SYN of a Linux host', () => {
  assert.deepEqual(parse(LINUX_SYN), { timestamps: Timestamps.PRESENT, tsval: 7, tsecr: 0, windowScale: 7 });
});

test('TSvals above 2^31 and their echoes', () => {
  const { tsval, tsecr } = parse([NOP, NOP, ...stamps(0xffff_fffe, 0x8000_0000)]);
  assert.deepEqual([tsval >>> 0, tsecr >>> 0], [0xffff_fffe, 0x8000_0000]);
});

test('a window scale above 14 counts as 14', () => {
  for (const [shift, meant] of [
    [0, 0],
    [14, 14],
    [15, 14],
    [255, 14],
  ] as const) {
    assert.equal(parse([NOP, ...scale(shift)]).windowScale, meant);
  }
});

test('what follows the end of the list is padding', () => {
  assert.equal(parse([END, NOP, ...stamps(1, 2)]).timestamps, Timestamps.ABSENT);
  // Also where it was not captured.
  assert.equal(parse([NOP, END, 0, 0, 0, 0, 0, 0], 4).timestamps, Timestamps.ABSENT);
});

const MALFORMED: readonly (readonly [string, readonly number[]])[] = [
  ['of length 0', [200, 0, ...stamps(1, 2)]],
  ['of length 1', [200, 1, ...stamps(1, 2)]],
  ['that reaches past the header', [200, 13, ...stamps(1, 2)]],
  ['that is a kind without a length, last', [NOP, NOP, NOP, 8]],
];
for (const [name, options] of MALFORMED) {
  test(`an option ${name} ends the walk: no timestamps`, () => {
    assert.deepEqual(parse(options).timestamps, Timestamps.ABSENT);
  });
}

test('timestamps that end beyond the header are unknown: some stacks write them so, and others read them', () => {
  const synAck = [...MSS, NOP, ...scale(3), ...SACK_PERMITTED, NOP, NOP, ...stamps(17_321, 17_495)].slice(0, 20);
  assert.equal(parse(synAck).timestamps, Timestamps.UNKNOWN);
});

test('a timestamp option of another length is none, and what follows it counts', () => {
  for (const length of [2, 3, 8, 12]) {
    const odd = [8, length, ...new Array<number>(length - 2).fill(5)];
    assert.equal(parse([...odd, ...scale(3)]).timestamps, Timestamps.ABSENT, `length ${length}`);
    assert.equal(parse([...odd, ...scale(3)]).windowScale, 3, `length ${length}`);
    assert.equal(parse([...odd, ...stamps(5, 6)]).tsval, 5, `length ${length}`);
  }
});

test('a window scale option of another length is none', () => {
  assert.equal(parse([3, 4, 7, 0]).windowScale, NO_WINDOW_SCALE);
});

test('unknown options are passed over by their length', () => {
  assert.equal(parse([253, 6, 0xf9, 0x89, 8, 10, ...stamps(11, 12)]).tsval, 11);
});

test('cut off at any byte before its timestamps end, a SYN has unknown timestamps, never absent ones', () => {
  const end = MSS.length + SACK_PERMITTED.length + 10;
  for (let captured = 0; captured < LINUX_SYN.length; captured++) {
    const { timestamps } = parse(LINUX_SYN, captured);
    assert.equal(timestamps, captured < end ? Timestamps.UNKNOWN : Timestamps.PRESENT, `${captured} bytes`);
  }
});

test('cut off before its window scale, a SYN is taken to have the usual one', () => {
  for (let captured = 0; captured < LINUX_SYN.length; captured++) {
    const cut = [...LINUX_SYN.slice(0, -1), 9];
    assert.equal(parse(cut, captured).windowScale, USUAL_WINDOW_SCALE, `${captured} bytes`);
  }
});

test('cut off at any byte, the plain timestamp option is unknown', () => {
  const plain = [NOP, NOP, ...stamps(1, 2)];
  for (let captured = 0; captured < plain.length; captured++) {
    assert.equal(parse(plain, captured).timestamps, Timestamps.UNKNOWN, `${captured} bytes`);
  }
});

/** Options as a list, by the rules of RFC 9293 §3.2 in the plainest words. */
function reference(options: readonly number[], captured: number): OptionFields {
  const out: OptionFields = { timestamps: Timestamps.ABSENT, tsval: 0, tsecr: 0, windowScale: NO_WINDOW_SCALE };
  const cut = captured < options.length;
  const unknown = (): OptionFields => {
    if (cut && out.timestamps === Timestamps.ABSENT) out.timestamps = Timestamps.UNKNOWN;
    if (cut && out.windowScale === NO_WINDOW_SCALE) out.windowScale = USUAL_WINDOW_SCALE;
    return out;
  };
  for (let at = 0; at < options.length; ) {
    if (at >= captured) return unknown();
    const kind = options[at];
    if (kind === END) return out;
    if (kind === NOP) {
      at += 1;
      continue;
    }
    if (at + 1 >= captured) return unknown();
    const length = options[at + 1];
    if (length < 2 || at + length > options.length) {
      if (kind === 8 && length === 10) out.timestamps = Timestamps.UNKNOWN;
      return out;
    }
    if (at + length > captured) return unknown();
    const value = options.slice(at + 2, at + length);
    if (kind === 8 && length === 10) {
      const view = new DataView(Uint8Array.from(value).buffer);
      out.timestamps = Timestamps.PRESENT;
      out.tsval = view.getInt32(0);
      out.tsecr = view.getInt32(4);
    }
    if (kind === 3 && length === 3) out.windowScale = Math.min(value[0], 14);
    at += length;
  }
  return out;
}

const values = ({ timestamps, tsval, tsecr, windowScale }: OptionFields): unknown =>
  timestamps === Timestamps.PRESENT ? { timestamps, tsval, tsecr, windowScale } : { timestamps, windowScale };

const byte = fc.oneof(fc.constantFrom(0, 1, 2, 3, 8, 10), fc.nat(255));
const option = fc.oneof(
  fc.constantFrom([NOP], [END], MSS, SACK_PERMITTED, [8, 10], [8, 0], [3, 3]),
  fc.tuple(fc.integer(), fc.integer()).map(([tsval, tsecr]) => stamps(tsval, tsecr)),
  fc.nat(255).map(scale),
  fc.array(byte, { maxLength: 6 }),
);
const optionList = fc.array(option, { maxLength: 8 }).map(options => options.flat().slice(0, 40));

test('any bytes, cut anywhere, mean what the plain rules say', () => {
  const same = fc.property(optionList, fc.nat(40), (options, captured) => {
    const end = Math.min(captured, options.length);
    assert.deepEqual(values(parse(options, end)), values(reference(options, end)));
  });
  fc.assert(same, { numRuns: 5000 });
});

test('the usual layout has a path of its own, which says what the walk says', () => {
  const same = fc.property(fc.integer(), fc.integer(), (tsval, tsecr) => {
    const usual = [NOP, NOP, ...stamps(tsval, tsecr)];
    // Four bytes of padding more, and the walk is taken.
    assert.deepEqual(parse(usual), parse([...usual, NOP, NOP, NOP, NOP]));
    assert.deepEqual(values(parse(usual)), values(reference(usual, usual.length)));
  });
  fc.assert(same);
});

function signature(options: readonly number[], captured = options.length): SynSignature {
  const bytes = new Uint8Array(options.length + 2 * MARGIN).fill(POISON);
  bytes.set(options.slice(0, captured), MARGIN);
  const out = { mss: 99, synOptions: 99 };
  parseSyn(new DataView(bytes.buffer), MARGIN, MARGIN + options.length, MARGIN + captured, out);
  return out;
}

test('a SYN is known by its MSS and the order of its options', () => {
  assert.deepEqual(signature(LINUX_SYN), { mss: 1460, synOptions: 0x3_1842 });
  assert.deepEqual(signature([...MSS, NOP, ...scale(8), NOP, NOP, ...SACK_PERMITTED]).synOptions, 0x41_1312);
});

test('a SYN without options, or with some of them cut off, has no signature', () => {
  assert.deepEqual(signature([]), { mss: 0, synOptions: 0 });
  assert.deepEqual(signature(LINUX_SYN, LINUX_SYN.length - 1), { mss: 0, synOptions: 0 });
});

test('a SYN that asks to join an MPTCP connection is told from one that begins one, and has the order of its stack', () => {
  const mptcp = (subtype: number): number => signature([...MSS, 30, 4, subtype << 4, 0]).synOptions;
  assert.deepEqual([mptcp(0), mptcp(1)], [0xf2, 0xd2]);
  assert.deepEqual([asksToJoin(mptcp(0)), asksToJoin(mptcp(1))], [false, true]);
  assert.equal(orderOf(mptcp(1)), mptcp(0));
  assert.equal(signature([13, 2, NOP, NOP]).synOptions, 0x11f, 'another option does not look like it');
  assert.equal(signature([NOP, NOP, 30, 2]).synOptions, 0xf11, 'an option without a subtype');
});

test('kinds without a place of their own, more options than fit, lengths that lie', () => {
  assert.equal(signature([254, 4, 0, 0, NOP]).synOptions, 0x1f);
  assert.equal(signature(new Array<number>(20).fill(NOP)).synOptions, 0x1111_1111);
  for (const length of [0, 1, 200]) assert.equal(signature([NOP, 30, length, NOP]).synOptions, 0xf1);
});
