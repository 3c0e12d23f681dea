/**
 * A cursor over one flow record, for code that runs a few times per connection (handshake, close, reset, detectors). What
 * every segment passes through (advance.ts) uses the words directly.
 */
import type { Nanos } from '../base/time.ts';
import { layout } from './layout.ts';
import type { FlowTable } from './tables/flow-table.ts';

const { L, FlowBit, SideBit } = layout;

export class Side {
  base = 0;
  private readonly table: FlowTable;

  constructor(table: FlowTable) {
    this.table = table;
  }

  // What the side has done (SideBit).
  has(bit: number): boolean {
    return (this.table.words[this.base + L.BITS] & bit) !== 0;
  }
  set(bit: number): void {
    this.table.words[this.base + L.BITS] |= bit;
  }
  clear(bit: number): void {
    this.table.words[this.base + L.BITS] &= ~bit;
  }

  // Sequence numbers.
  get isn(): number {
    return this.table.words[this.base + L.ISN];
  }
  set isn(seq: number) {
    this.table.words[this.base + L.ISN] = seq;
  }
  get nxt(): number {
    return this.table.words[this.base + L.NXT];
  }
  set nxt(seq: number) {
    this.table.words[this.base + L.NXT] = seq;
  }
  get acked(): number {
    return this.table.words[this.base + L.ACKED];
  }
  set acked(ack: number) {
    this.table.words[this.base + L.ACKED] = ack;
  }
  get finEnd(): number {
    return this.table.words[this.base + L.FIN_END];
  }
  set finEnd(seq: number) {
    this.table.words[this.base + L.FIN_END] = seq;
  }

  // TSvals: that of the SYN or SYN-ACK, the newest, and when the newest came.
  get synTsval(): number {
    return this.table.words[this.base + L.SYN_TSVAL];
  }
  get tsRecent(): number {
    return this.table.words[this.base + L.TS_RECENT];
  }
  get tsAt(): Nanos {
    return this.table.doubles[(this.base + L.TS_AT) >> 1];
  }
  /** Sets the newest TSval of this side. */
  noteTimestamp(tsval: number, at: Nanos): void {
    this.table.words[this.base + L.TS_RECENT] = tsval;
    this.table.doubles[(this.base + L.TS_AT) >> 1] = at;
  }

  // Windows, in bytes.
  advertise(bytes: number): void {
    const { words } = this.table;
    words[this.base + L.WINDOW] = bytes;
    if (bytes > words[this.base + L.MAX_WINDOW]) words[this.base + L.MAX_WINDOW] = bytes;
  }
  get window(): number {
    return this.table.words[this.base + L.WINDOW];
  }
  get maxWindow(): number {
    return this.table.words[this.base + L.MAX_WINDOW];
  }
  /** Shift of RFC 7323 §2; 15 if the SYN had no such option or was not captured. */
  get windowScale(): number {
    return (this.table.words[this.base + L.BITS] >>> L.SCALE_SHIFT) & 15;
  }
  set windowScale(shift: number) {
    const at = this.base + L.BITS;
    this.table.words[at] = (this.table.words[at] & ~(15 << L.SCALE_SHIFT)) | (shift << L.SCALE_SHIFT);
  }

  // Totals of what it has sent, and how fast it answers.
  get packets(): number {
    return this.table.words[this.base + L.PACKETS];
  }
  get bytes(): number {
    return this.table.doubles[(this.base + L.BYTES) >> 1];
  }
  get ttl(): number {
    return this.table.words[this.base + L.TTL_ID] >>> 16;
  }
  /** IPv4 identification of its last packet. */
  get ipId(): number {
    return this.table.words[this.base + L.TTL_ID] & 0xffff;
  }
  get rtt(): Nanos {
    return this.table.floats[this.base + L.RTT];
  }
  get leastAnswer(): Nanos {
    return this.table.floats[this.base + L.LEAST_ANSWER];
  }
  set leastAnswer(span: Nanos) {
    this.table.floats[this.base + L.LEAST_ANSWER] = span;
  }
  noteRtt(span: Nanos): void {
    this.table.floats[this.base + L.RTT] = span;
    this.leastAnswer = span;
  }

  // TIME_WAIT: when it was entered, and when its timer was last started.
  get entered(): Nanos {
    return this.table.doubles[(this.base + L.TW_ENTERED) >> 1];
  }
  set entered(at: Nanos) {
    this.table.doubles[(this.base + L.TW_ENTERED) >> 1] = at;
  }
  get timerStart(): Nanos {
    return this.table.doubles[(this.base + L.TW_START) >> 1];
  }
  set timerStart(at: Nanos) {
    this.table.doubles[(this.base + L.TW_START) >> 1] = at;
  }

  // The last packet that it sent; offsets are those of layout.ts that begin with SENT_.
  get sentAt(): Nanos {
    return this.table.doubles[(this.base + L.SENT_AT) >> 1];
  }
  sent(offset: number): number {
    return this.table.words[this.base + offset];
  }
  get sentFlags(): number {
    return this.table.words[this.base + L.SENT_FLAGS] & 0xff;
  }
}

export class Flow {
  base = -1;
  readonly a: Side;
  readonly b: Side;
  readonly table: FlowTable;

  constructor(table: FlowTable) {
    this.table = table;
    this.a = new Side(table);
    this.b = new Side(table);
  }

  /** Points the cursor at a record. */
  at(base: number): this {
    this.base = base;
    this.a.base = base + L.SIDE_A;
    this.b.base = base + L.SIDE_B;
    return this;
  }

  // STATE: phase, bits and epoch (layout.ts).
  private get state(): number {
    return this.table.words[this.base + L.STATE];
  }
  private set state(bits: number) {
    this.table.words[this.base + L.STATE] = bits;
  }
  get phase(): number {
    return this.state & L.PHASE_MASK;
  }
  set phase(phase: number) {
    this.state = (this.state & ~L.PHASE_MASK) | phase;
  }
  get epoch(): number {
    return this.state >>> L.EPOCH_SHIFT;
  }
  has(bit: number): boolean {
    return (this.state & bit) !== 0;
  }
  set(bit: number): void {
    this.state |= bit;
  }
  clear(bit: number): void {
    this.state &= ~bit;
  }

  // The two ends: A and B in the order of their addresses, client and server by who opened the connection.
  side(isB: boolean): Side {
    return isB ? this.b : this.a;
  }
  get client(): Side {
    return this.has(FlowBit.CLIENT_IS_B) ? this.b : this.a;
  }
  get server(): Side {
    return this.has(FlowBit.CLIENT_IS_B) ? this.a : this.b;
  }
  get hostA(): number {
    return this.table.words[this.base + L.HOST_A];
  }
  get hostB(): number {
    return this.table.words[this.base + L.HOST_B];
  }
  host(isB: boolean): number {
    return isB ? this.hostB : this.hostA;
  }
  get ports(): number {
    return this.table.words[this.base + L.PORTS];
  }
  port(isB: boolean): number {
    const ports = this.table.words[this.base + L.PORTS];
    return isB ? ports & 0xffff : ports >>> 16;
  }
  get scope(): number {
    return this.table.words[this.base + L.SCOPE];
  }
  /** Slot of the record of its host pair (pairs.ts). */
  get pair(): number {
    return this.table.words[this.base + L.PAIR];
  }
  get capture(): number {
    return this.table.words[this.base + L.CAPTURE] >>> 16;
  }

  // Times.
  /** Time of its first packet; −∞ if the clock has stepped back since, as that was before any time on the new clock. */
  get opened(): Nanos {
    const stepped = (this.table.words[this.base + L.CAPTURE] & L.STEPPED) !== 0;
    return stepped ? Number.NEGATIVE_INFINITY : this.firstAt;
  }
  /** The same on the clock as it was then. */
  get firstAt(): Nanos {
    return this.table.doubles[(this.base + L.OPENED) >> 1];
  }
  get last(): Nanos {
    return this.table.doubles[(this.base + L.LAST) >> 1];
  }
  set last(at: Nanos) {
    this.table.doubles[(this.base + L.LAST) >> 1] = at;
  }
  /** Time between the last packet and the one before it. */
  get gap(): Nanos {
    return this.table.doubles[(this.base + L.GAP) >> 1];
  }
  get resetAt(): Nanos {
    return this.table.doubles[(this.base + L.RESET_AT) >> 1];
  }
  set resetAt(at: Nanos) {
    this.table.doubles[(this.base + L.RESET_AT) >> 1] = at;
  }

  // What else is known of it.
  /** Base of the older incarnation that still matters, or -1. */
  get older(): number {
    return this.table.words[this.base + L.OLDER] - 1;
  }
  set older(base: number) {
    this.table.words[this.base + L.OLDER] = base + 1;
  }
  /** Its number in open-stories.ts; 0: it has no stories. */
  get story(): number {
    return this.table.words[this.base + L.STORY];
  }
  set story(number: number) {
    this.table.words[this.base + L.STORY] = number;
  }
  /** Slot + 1 of what detect/clocks/clocks.ts keeps of the SYN, or 0. By now the slot may have been given to another SYN. */
  get clockSample(): number {
    return this.table.words[this.base + L.CLOCK_SAMPLE];
  }
  set clockSample(number: number) {
    this.table.words[this.base + L.CLOCK_SAMPLE] = number;
  }
  /** The verdict of detect/what-if/what-if.ts on the first SYN, or 0. Not needed of a closed flow, so it may be lost then. */
  get supposed(): number {
    return (this.table.words[this.base + L.CAPTURE] & L.SUPPOSED_MASK) >> L.SUPPOSED_SHIFT;
  }
  set supposed(verdict: number) {
    const at = this.base + L.CAPTURE;
    this.table.words[at] = (this.table.words[at] & ~L.SUPPOSED_MASK) | (verdict << L.SUPPOSED_SHIFT);
  }
  /**
   * Whether timestamps are in use (docs/rules.md D0.5): both SYN and SYN-ACK had the option. If one of them was not
   * captured, or its options were cut off, any later segment with the option decides. Undefined if all were cut off.
   */
  get timestampsOn(): boolean | undefined {
    const { client, server } = this;
    const sawBoth = client.has(SideBit.SYN) && server.has(SideBit.SYN_ACK | SideBit.SYN);
    if (sawBoth && !client.has(SideBit.TS_CUT) && !server.has(SideBit.TS_CUT)) {
      return client.has(SideBit.TS_ON_SYN) && server.has(SideBit.TS_ON_SYN);
    }
    if (client.has(SideBit.TS_LATER) || server.has(SideBit.TS_LATER)) return true;
    return client.has(SideBit.TS_CUT) || server.has(SideBit.TS_CUT) ? undefined : false;
  }
}
