/**
 * What leaves a shard besides findings: TIME_WAIT intervals as typed columns (a healthy capture has one per
 * connection, so no object each), and flows as objects, only when they were asked for.
 */
import type { Nanos } from '../base/time.ts';

export const ENDINGS = ['timer', 'rst', 'syn', 'reuse', 'capture-end'] as const;
export type Ending = (typeof ENDINGS)[number];

/** Columns of one time_wait row each; addresses are four 32-bit words, an IPv4 address is the first of them. */
export interface TimeWaitRows {
  count: number;
  /** entered, start, end: three instants (Nanos) a row. */
  times: Float64Array;
  /**
   * owner (4 words), peer (4 words), owner port << 16 | peer port, and capture << 6 | 1 << 5 where another host may
   * have ended it | 1 << 4 where the owner is the client | ending << 1 | IPv6: ten words a row.
   */
  words: Int32Array;
  /** How long one lasts that nothing ends before. */
  timeWait: Nanos;
}
export const TIME_WAIT_TIMES = 3;
export const TIME_WAIT_WORDS = 10;
/** Places in the last word of a row. */
export const OWNER_IS_CLIENT = 1 << 4;
/** Another host behind the owner's address may have used the port again: then the owner holds on, unseen. */
export const MAY_HOLD_ON = 1 << 5;
export const TIME_WAIT_CAPTURE_SHIFT = 6;

/** Rows of table `time_wait_curve` for one owner and peer: TIME_WAITs open from one second of change to the next. */
export interface CurveSeries {
  owner: string;
  /** Empty: all peers of the owner together, where there were too many to tell apart. */
  peer: string;
  /** The server's port where the owner is the client, whose ports towards it can run out; 0: any port of the peer. */
  peerPort: number;
  /** When it changes, in whole seconds from the run's origin, ascending; what changes up to the next step counts. */
  seconds: readonly number[];
  /** TIME_WAITs open after the changes that begin at this second. */
  open: readonly number[];
  /**
   * Rows of table `time_wait_hidden`: how many more hosts behind the owner's address may hold, whose ports have gone to
   * other connections since. Empty for most.
   */
  hidden: { seconds: readonly number[]; count: readonly number[] };
}

/** One row of table `flow`, stored with --flows. */
export interface FlowRow {
  capture: number;
  client: string;
  clientPort: number;
  server: string;
  serverPort: number;
  /** VLAN and tunnel number as in the slab, without the IPv6 bit. */
  scope: number;
  firstAt: Nanos;
  lastAt: Nanos;
  clientPackets: number;
  serverPackets: number;
  clientBytes: number;
  serverBytes: number;
  /** Zeek's conn_state and history. */
  connState: string;
  history: string;
  /** How it ended: fin, rst, refused, unanswered, open, … */
  close: string;
  /** 1:… (Community ID v1, seed 0). */
  communityId: string;
}

/** What the TSvals of a client towards a server say of the clocks behind its address (docs/rules.md D1.4). */
export const REGIMES = ['single', 'interleaved', 'per-connection', 'restart', 'none'] as const;
export type Regime = (typeof REGIMES)[number];

/** One row of table `clock`. */
export interface ClockRow {
  client: string;
  server: string;
  /** Ticks a second; null when no rate fits. */
  hz: number | null;
  regime: Regime;
  /** Bounds on the number of hosts; null where the packets give none. */
  hostsLow: number | null;
  hostsHigh: number | null;
  lines: readonly Readonly<Record<string, unknown>>[];
}

/** What a live run knows of a clock meanwhile: it takes the place of what stood there before. */
export interface ClockSoFar {
  place: number;
  row: ClockRow;
}
