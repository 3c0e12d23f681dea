/** What Linux makes of a SYN in TIME_WAIT (docs/rules.md B3), row by row, and RFC 6191 for the same SYN. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { before } from '../../src/base/serial.ts';
import { Flow } from '../../src/flow/flow.ts';
import { layout } from '../../src/flow/layout.ts';
import { FlowTable } from '../../src/flow/tables/flow-table.ts';
import { followsTimeWait, ISN_HZ, inTimeWait, provesOwner, rfc6191, synVerdict } from '../../src/flow/time-wait.ts';
import { Timestamps } from '../../src/wire/tcp-options.ts';

const { SideBit } = layout;

/** 65535 + 2 (B3). */
const ISN_STEP = 65_537;
const RCV_NXT = 0x7000_0000;
const TS_RECENT = 0xc000_0000;
const HALF = 2 ** 31;

interface Old {
  rcvNxt?: number;
  tsRecent?: number;
  /** Whether the old connection used timestamps; undefined when its options were cut off. */
  timestamps?: boolean | undefined;
}

/** The bucket at the server (B) of a connection that A opened and closed. */
function bucket(old: Old): Flow {
  const table = new FlowTable(1);
  const flow = new Flow(table).at(table.allocate());
  const timestamps = 'timestamps' in old ? old.timestamps : true;
  const option = timestamps === undefined ? SideBit.TS_CUT : timestamps ? SideBit.TS_ON_SYN : 0;
  flow.a.set(SideBit.SPOKE | SideBit.SYN | SideBit.FIN | option);
  flow.b.set(SideBit.SPOKE | SideBit.SYN_ACK | SideBit.FIN | SideBit.FIN_ACKED | SideBit.TIME_WAIT | option);
  flow.a.finEnd = (old.rcvNxt ?? RCV_NXT) | 0;
  if (timestamps) flow.a.noteTimestamp((old.tsRecent ?? TS_RECENT) | 0, 0);
  return flow;
}

interface Syn {
  /** Added to rcv_nxt, and to ts_recent; a SYN without `ts` has no timestamps. */
  seq: number;
  ts?: number;
  /** Options were cut off. */
  cut?: boolean;
}

const synOf = ({ seq, ts, cut }: Syn, old: Old) => ({
  seq: ((old.rcvNxt ?? RCV_NXT) + seq) | 0,
  timestamps: cut ? Timestamps.UNKNOWN : ts === undefined ? Timestamps.ABSENT : Timestamps.PRESENT,
  tsval: ((old.tsRecent ?? TS_RECENT) + (ts ?? 0)) | 0,
});

const linux = (syn: Syn, old: Old = {}): unknown => {
  const flow = bucket(old);
  return synVerdict(flow, flow.a, synOf(syn, old));
};
const rfc = (syn: Syn, old: Old = {}): unknown => {
  const flow = bucket(old);
  return rfc6191(flow, flow.a, synOf(syn, old));
};

/** Case, SYN, old connection, Linux, RFC 6191. */
const ROWS: readonly (readonly [string, Syn, Old, string | undefined, string | undefined])[] = [
  ['newer timestamp, lower number', { seq: -5000, ts: 1 }, {}, 'ACCEPT_TS', 'honor'],
  ['newer timestamp, the number expected', { seq: 0, ts: 1 }, {}, 'ACCEPT_TS', 'honor'],
  ['newer timestamp, higher number', { seq: 1, ts: 1 }, {}, 'ACCEPT_SEQ', 'honor'],
  ['equal timestamp, higher number', { seq: 1, ts: 0 }, {}, 'ACCEPT_SEQ', 'honor'],
  ['equal timestamp, the number expected', { seq: 0, ts: 0 }, {}, 'ACK_SEQ', 'drop'],
  ['equal timestamp, lower number', { seq: -1, ts: 0 }, {}, 'ACK_SEQ', 'drop'],
  ['timestamp older by one, higher number', { seq: 1, ts: -1 }, {}, 'ACK_PAWS', 'drop'],
  ['timestamp older by one, lower number', { seq: -1, ts: -1 }, {}, 'ACK_PAWS', 'drop'],
  ['no timestamps, higher number', { seq: 1 }, {}, 'ACCEPT_SEQ', 'honor'],
  ['no timestamps, the number expected', { seq: 0 }, {}, 'ACK_SEQ', 'drop'],
  ['no timestamps, lower number', { seq: -1 }, {}, 'ACK_SEQ', 'drop'],
  ['new timestamps only, lower number', { seq: -1, ts: 5 }, { timestamps: false }, 'ACK_SEQ', 'honor'],
  ['new timestamps only, higher number', { seq: 1, ts: -5 }, { timestamps: false }, 'ACCEPT_SEQ', 'honor'],
  ['no timestamps in either, higher number', { seq: 1 }, { timestamps: false }, 'ACCEPT_SEQ', 'honor'],
  ['no timestamps in either, lower number', { seq: -1 }, { timestamps: false }, 'ACK_SEQ', 'drop'],
  ['timestamp 2^31 − 1 ahead', { seq: -1, ts: HALF - 1 }, {}, 'ACCEPT_TS', 'honor'],
  ['timestamp exactly 2^31 ahead', { seq: -1, ts: HALF }, {}, 'ACCEPT_TS', 'drop'],
  ['timestamp 2^31 + 1 ahead', { seq: -1, ts: HALF + 1 }, {}, 'ACK_PAWS', 'drop'],
  ['number 2^31 − 1 ahead', { seq: HALF - 1 }, {}, 'ACCEPT_SEQ', 'honor'],
  ['number exactly 2^31 ahead', { seq: HALF }, {}, 'ACCEPT_SEQ', 'honor'],
  ['number 2^31 + 1 ahead', { seq: HALF + 1 }, {}, 'ACK_SEQ', 'drop'],
  ['ts_recent 0 switches PAWS off: higher number', { seq: 1, ts: -9 }, { tsRecent: 0 }, 'ACCEPT_SEQ', 'drop'],
  ['ts_recent 0 switches PAWS off: lower number', { seq: -1, ts: -9 }, { tsRecent: 0 }, 'ACK_SEQ', 'drop'],
  ['ts_recent 0 and a newer timestamp', { seq: -1, ts: 9 }, { tsRecent: 0 }, 'ACCEPT_TS', 'honor'],
  ['options of the SYN cut off', { seq: 1, cut: true }, {}, undefined, undefined],
  ['options of the old connection cut off', { seq: 1, ts: 1 }, { timestamps: undefined }, undefined, undefined],
];

for (const [name, syn, old, verdict, honor] of ROWS) {
  test(`SYN into TIME_WAIT: ${name}`, () => {
    assert.equal(linux(syn, old), verdict);
    assert.equal(rfc(syn, old), honor);
  });
}

test('options cut off from a SYN do not matter where the old connection had no timestamps', () => {
  assert.equal(linux({ seq: 1, cut: true }, { timestamps: false }), 'ACCEPT_SEQ');
  assert.equal(linux({ seq: -1, cut: true }, { timestamps: false }), 'ACK_SEQ');
});

const u32 = fc.nat(2 ** 32 - 1);

test('the verdict depends on distances only, wherever the numbers lie', () => {
  const shifted = fc.property(fc.constantFrom(...ROWS), u32, u32, ([, syn, old, verdict], rcvNxt, tsRecent) => {
    fc.pre(tsRecent !== 0 && old.tsRecent === undefined);
    assert.equal(linux(syn, { ...old, rcvNxt, tsRecent }), verdict);
  });
  fc.assert(shifted, { numRuns: 500 });
});

test('a SYN is accepted exactly when tcp_timewait_state_process would', () => {
  const s32 = (a: number, b: number): number => Number(BigInt.asIntN(32, BigInt(a) - BigInt(b)));
  const kernel = fc.property(u32, u32, u32, u32, fc.boolean(), (rcvNxt, seq, tsRecent, tsval, saw) => {
    const paws = saw && tsRecent !== 0 && s32(tsRecent, tsval) > 0;
    const accepted = !paws && (before(rcvNxt, seq) || (saw && s32(tsRecent, tsval) < 0));
    const flow = bucket({ rcvNxt, tsRecent });
    const syn = { seq: seq | 0, timestamps: saw ? Timestamps.PRESENT : Timestamps.ABSENT, tsval: tsval | 0 };
    assert.equal(synVerdict(flow, flow.a, syn)!.startsWith('ACCEPT'), accepted);
  });
  fc.assert(kernel, { numRuns: 1000 });
});

test('the ISN that follows a TIME_WAIT is the old snd_nxt + 65537, and 1 where that is 0', () => {
  assert.ok(followsTimeWait(1000 + ISN_STEP, 1000));
  assert.ok(!followsTimeWait(1000 + ISN_STEP + 1, 1000));
  assert.ok(followsTimeWait(5, (5 - ISN_STEP) | 0));
  assert.ok(followsTimeWait(1, -ISN_STEP | 0));
  assert.ok(!followsTimeWait(2, (1 - ISN_STEP) | 0));
});

test('the ISN clock of the tuple proves the host for three hours, and no random number after days', () => {
  const old = bucket({ timestamps: false });
  old.a.isn = 1000;
  const HOUR = 3600e9;
  const syn = (at: number, off = 0) => ({
    at,
    seq: (1000 + Math.round((at / 1e9) * ISN_HZ) + off) | 0,
    timestamps: Timestamps.ABSENT,
    tsval: 0,
  });
  assert.ok(provesOwner(old, old.a, syn(60e9)));
  assert.ok(!provesOwner(old, old.a, syn(60e9, 2 ** 24)));
  assert.ok(provesOwner(old, old.a, syn(2 * HOUR)));
  assert.ok(!provesOwner(old, old.a, syn(72 * HOUR)));
});

test('a bucket is held until its timer, and not once a packet has ended it', () => {
  const { b } = bucket({});
  b.timerStart = 5;
  assert.ok(inTimeWait(b, 64.9, 60));
  assert.ok(!inTimeWait(b, 65, 60));
  b.set(SideBit.TIME_WAIT_OVER);
  assert.ok(!inTimeWait(b, 6, 60));
});
