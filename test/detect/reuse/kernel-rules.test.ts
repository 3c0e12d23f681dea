/** What kernels do with a tuple that an old connection still holds, at the edges of their clocks and windows. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MILLISECOND, type Nanos, SECOND } from '../../../src/base/time.ts';
import { halfClosedVerdict, twReuse } from '../../../src/detect/reuse/kernel-rules.ts';
import type { Flow, Side } from '../../../src/flow/flow.ts';
import { layout } from '../../../src/flow/layout.ts';

const { SideBit } = layout;

const side = (fields: Partial<Side>, bits = 0): Side =>
  ({ ...fields, has: (bit: number) => (bits & bit) !== 0 }) as unknown as Side;

/** The owner came into TIME_WAIT at 0, and its peer sent its last TSval then. */
const after = (at: Nanos, bits = 0, delay?: Nanos) => twReuse(side({ entered: 0 }, bits), side({ tsAt: 0 }), at, delay);

test('kernels count whole seconds of the TSval, or from 6.14 on milliseconds of the TIME_WAIT', () => {
  for (const [at, old, newer, newest] of [
    [SECOND - 1, 'no', 'phase', 'no'],
    [SECOND, 'no', 'yes', 'no'],
    [SECOND + 1, 'phase', 'yes', 'yes'],
    [2 * SECOND - 1, 'phase', 'yes', 'yes'],
    [2 * SECOND, 'yes', 'yes', 'yes'],
  ] as const) {
    assert.deepEqual(after(at), { '<=4.18': old, '4.19': newer, '6.14': newest }, `${at} ns`);
  }
});

test('tcp_tw_reuse_delay counts from 6.14 on only', () => {
  const { '4.19': older, '6.14': newest } = after(500 * MILLISECOND, 0, 100 * MILLISECOND);
  assert.deepEqual([older, newest], ['phase', 'yes']);
});

test('a TIME_WAIT that an RST did not end is older than is known', () => {
  assert.deepEqual(after(SECOND, SideBit.TIME_WAIT_OUTLIVES_RST), {
    '<=4.18': 'phase',
    '4.19': 'yes',
    '6.14': 'phase',
  });
});

test('a FIN_WAIT2 resets a SYN in its window, and any other half-closed end answers with an ACK', () => {
  const flow = { timestampsOn: false } as Flow;
  const verdict = (seq: number, receiverBits: number, senderBits = 0): string =>
    halfClosedVerdict(flow, side({}, senderBits), side({ acked: 1_000, window: 100 }, receiverBits), {
      seq,
      tsval: null,
    } as unknown as Parameters<typeof halfClosedVerdict>[3]);
  assert.deepEqual(
    [999, 1_000, 1_099, 1_100].map(seq => verdict(seq, SideBit.FIN_ACKED)),
    ['CHALLENGE_ACK', 'FINWAIT2_RST', 'FINWAIT2_RST', 'CHALLENGE_ACK'],
  );
  assert.equal(verdict(1_000, 0), 'CHALLENGE_ACK', 'its FIN is not acknowledged');
  assert.equal(verdict(1_000, SideBit.FIN_ACKED, SideBit.FIN), 'CHALLENGE_ACK', 'the other end has closed, too');
});
