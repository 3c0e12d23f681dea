/** One connection as the clock rules see it: the client's first and newest TSval, and the properties of its SYN. */
import type { Nanos } from '../../base/time.ts';

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
  /** TSecr of the SYN; not 0 if the client took over its own TIME_WAIT (docs/rules.md F4). */
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

/** The two ports. Within one client and server they identify the tuple. */
export const tupleOf = ({ clientPort, serverPort }: ClockSample): number => clientPort * 65_536 + serverPort;
