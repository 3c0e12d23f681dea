/** One connection as the clock rules see it: when its client first and last told its TSval, and what its SYN was like. */
import type { Nanos } from '../base/time.ts';

/** 32-bit values may be signed or unsigned. */
export interface ClockSample {
  /** The client's SYN and its TSval. */
  at: Nanos;
  tsval: number;
  /** The newest TSval of the client, and when it was captured. */
  lastAt: Nanos;
  lastTsval: number;
  clientPort: number;
  serverPort: number;
  isn: number;
  /** TSecr of the SYN; not 0 when the client took its own TIME_WAIT over (docs/rules.md F4). */
  tsecr: number;
  ttl: number;
  /** 0 = none. */
  mss: number;
  windowScale: number;
  /** Order of the SYN's options (wire/tcp-options.ts), 0 = unknown. */
  options: number;
  /** The SYN as a packet. */
  flags: number;
  length: number;
  capture: number;
  frame: number;
}

/** The two ports: with one client and one server they are the tuple. */
export const tupleOf = ({ clientPort, serverPort }: ClockSample): number => clientPort * 65_536 + serverPort;
