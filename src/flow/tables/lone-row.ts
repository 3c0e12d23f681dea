/** Converts the records of a lone SYN's flow and host pair into a row of 64 bytes, and back. */
import { orderedPorts } from '../../wire/fingerprint.ts';
import { NO_WINDOW_SCALE, Timestamps } from '../../wire/tcp-options.ts';
import { layout } from '../layout.ts';
import type { FlowTable } from './flow-table.ts';
import { PAIR_WORDS, PairLayout, type Pairs } from './pairs.ts';

const { L, Phase, FlowBit, SideBit } = layout;
const P = PairLayout;

/** STATE of such a flow, without the epoch and the bits CLIENT_IS_B and TOLD. */
export const ALONE = Phase.SYN_SENT | FlowBit.INDEXED | FlowBit.CLIENT_KNOWN;

/** Offsets of the words of a row; the time is a double. */
const AT = 0;
const FRAME = 2;
const HOST_A = 3;
const HOST_B = 4;
const PORTS = 5;
const SCOPE = 6;
const SEQ = 7;
const TSVAL = 8;
/** Window << 16 | TTL << 8 | flags. */
const WINDOW_TTL_FLAGS = 9;
const CAPTURE = 10;
/** IPv4 identification << 16 | window scale << 8 | LoneBit | timestamps state. */
const OPTIONS = 11;
const CLOCK_SAMPLE = 12;
/** SERIAL of the pair. */
const SERIAL = 13;
/** Number of its entry in the queue in which it waits; in a free row the next free row, plus one. */
const PLACE = 14;
const WORDS = 16;

export const LoneBit = {
  /** The row is in use. */
  LIVE: 1 << 2,
  CLIENT_IS_B: 1 << 3,
  TOLD: 1 << 4,
  /** It is counted in TRIED_LOST of the pair. */
  LOST: 1 << 5,
} as const;
const { LIVE, CLIENT_IS_B, TOLD, LOST } = LoneBit;

/** Offsets of what is read in a row without making its records. */
export const LoneRow = { AT, HOST_A, HOST_B, PORTS, SCOPE, OPTIONS, PLACE, WORDS } as const;

export class LoneRecords {
  /** The records that `make` made last. */
  readonly flow = new Int32Array(L.FLOW_WORDS);
  readonly pair = new Int32Array(PAIR_WORDS);
  /** The epoch of all rows: none of them survives a step of the clock. */
  epoch = 0;
  private readonly flowDoubles = new Float64Array(this.flow.buffer);
  private readonly pairDoubles = new Float64Array(this.pair.buffer);

  /** Writes the row from the records of its flow and pair. */
  write(own: Int32Array, doubles: Float64Array, row: number, table: FlowTable, pairs: Pairs, base: number): void {
    const { words } = table;
    const pairSlot = words[base + L.PAIR];
    const state = words[base + L.STATE];
    const clientIsB = (state & FlowBit.CLIENT_IS_B) !== 0;
    const side = base + (clientIsB ? L.SIDE_B : L.SIDE_A);
    doubles[(row + AT) >> 1] = table.doubles[(base + L.OPENED) >> 1];
    own[row + FRAME] = words[side + L.SENT_FRAME];
    own[row + HOST_A] = words[base + L.HOST_A];
    own[row + HOST_B] = words[base + L.HOST_B];
    own[row + PORTS] = words[base + L.PORTS];
    own[row + SCOPE] = words[base + L.SCOPE];
    own[row + SEQ] = words[side + L.ISN];
    own[row + TSVAL] = words[side + L.SENT_TSVAL];
    const ttlId = words[side + L.TTL_ID];
    const flags = words[side + L.SENT_FLAGS];
    own[row + WINDOW_TTL_FLAGS] = (words[side + L.WINDOW] << 16) | ((ttlId >>> 16) << 8) | (flags & 0xff);
    own[row + CAPTURE] = words[base + L.CAPTURE];
    const scale = (words[side + L.BITS] >>> L.SCALE_SHIFT) & 15;
    const lost = pairs.words[pairs.direction(pairSlot, clientIsB) + P.TRIED_LOST] === 0 ? 0 : LOST;
    const bits = LIVE | (clientIsB ? CLIENT_IS_B : 0) | ((state & FlowBit.TOLD) === 0 ? 0 : TOLD) | lost;
    own[row + OPTIONS] = (ttlId << 16) | (scale << 8) | bits | ((flags >>> 8) & 3);
    own[row + CLOCK_SAMPLE] = words[base + L.CLOCK_SAMPLE];
    own[row + SERIAL] = pairs.serial(pairSlot);
  }

  /** Makes the records as `open` (tracker.ts) and `openBySyn` (syn.ts) do for the SYN, without the slot of the pair. */
  make(from: Int32Array, doubles: Float64Array, row: number): void {
    const { flow, flowDoubles, pair, pairDoubles } = this;
    const at = doubles[(row + AT) >> 1];
    const options = from[row + OPTIONS];
    const clientIsB = (options & CLIENT_IS_B) !== 0;
    const window = from[row + WINDOW_TTL_FLAGS] >>> 16;
    const ttl = (from[row + WINDOW_TTL_FLAGS] >>> 8) & 0xff;
    const flags = from[row + WINDOW_TTL_FLAGS] & 0xff;
    const capture = from[row + CAPTURE] & ~0xffff;
    const ipId = options >>> 16;
    const scale = (options >>> 8) & 0xff;
    const timestamps = options & 3;
    const seq = from[row + SEQ];
    const tsval = from[row + TSVAL];

    flow.fill(0);
    flow[L.HOST_A] = from[row + HOST_A];
    flow[L.HOST_B] = from[row + HOST_B];
    flow[L.PORTS] = from[row + PORTS];
    flow[L.SCOPE] = from[row + SCOPE];
    flow[L.STATE] =
      (this.epoch << L.EPOCH_SHIFT) |
      ALONE |
      (clientIsB ? FlowBit.CLIENT_IS_B : 0) |
      (options & TOLD ? FlowBit.TOLD : 0);
    flow[L.CAPTURE] = from[row + CAPTURE];
    flow[L.CLOCK_SAMPLE] = from[row + CLOCK_SAMPLE];
    flowDoubles[L.OPENED >> 1] = at;
    flowDoubles[L.LAST >> 1] = at;
    const side = clientIsB ? L.SIDE_B : L.SIDE_A;
    flow[(clientIsB ? L.SIDE_A : L.SIDE_B) + L.BITS] = NO_WINDOW_SCALE << L.SCALE_SHIFT;
    let bits = SideBit.SPOKE | SideBit.SYN | (ipId === 0 ? 0 : SideBit.IP_ID);
    if (timestamps === Timestamps.PRESENT) {
      bits |= SideBit.TS_ON_SYN;
      flow[side + L.TS_RECENT] = tsval;
      flowDoubles[(side + L.TS_AT) >> 1] = at;
      flow[side + L.SYN_TSVAL] = tsval;
    } else if (timestamps === Timestamps.UNKNOWN) bits |= SideBit.TS_CUT;
    flow[side + L.BITS] = (scale << L.SCALE_SHIFT) | bits;
    flow[side + L.ISN] = seq;
    flow[side + L.NXT] = (seq + 1) | 0;
    flow[side + L.WINDOW] = window;
    flow[side + L.MAX_WINDOW] = window;
    flow[side + L.PACKETS] = 1;
    flow[side + L.TTL_ID] = (ttl << 16) | ipId;
    flowDoubles[(side + L.SENT_AT) >> 1] = at;
    flow[side + L.SENT_FRAME] = from[row + FRAME];
    flow[side + L.SENT_FLAGS] = capture | (timestamps << 8) | flags;
    flow[side + L.SENT_SEQ] = seq;
    flow[side + L.SENT_TSVAL] = tsval;

    pair.fill(0);
    pair[P.HOST_A] = from[row + HOST_A];
    pair[P.HOST_B] = from[row + HOST_B];
    pair[P.SCOPE] = from[row + SCOPE];
    pair[P.FLOWS] = 1;
    pair[P.HEARD] = (this.epoch << 2) | (clientIsB ? 2 : 1);
    pair[P.SERIAL] = from[row + SERIAL];
    const block = P.DIRECTIONS + (clientIsB ? P.DIRECTION_WORDS : 0);
    pair[block + P.OPENED] = 1;
    pair[block + P.TRIED_LOST] = (options & LOST) === 0 ? 0 : 1;
    if (timestamps !== Timestamps.PRESENT) return;
    pairDoubles[(block + P.S_AT) >> 1] = at;
    pair[block + P.S_TS] = tsval;
    pair[block + P.S_FRAME] = from[row + FRAME];
    pair[block + P.S_PORTS] = orderedPorts(from[row + PORTS], clientIsB);
    pair[block + P.S_SEQ] = seq;
    pair[block + P.S_FLAGS] = capture | P.S_VALID | flags;
  }
}
