/**
 * A connection attempt over all the ports from which it is sent. A NAT that has forgotten it, with the client's RST, sends
 * its next SYN from another port, or from one that others have had in between: each is an attempt of its own for the
 * tracker. What makes them one is the ISN, 32 bits that one client does not draw twice within minutes.
 */
import { appended } from '../base/appended.ts';
import { s32 } from '../base/serial.ts';
import { type Nanos, SECOND } from '../base/time.ts';
import { ATTEMPT_SILENCE, type Attempt, LONGEST_ATTEMPT } from '../flow/attempt.ts';
import type { Opened } from '../flow/events.ts';
import type { Segment } from '../wire/segment.ts';
import { Timestamps } from '../wire/tcp-options.ts';

/** Unaccepted attempts of one client and server that are remembered: the newest. */
const KEPT = 64;
/** Each takes a SYN, and Linux sends 7 (tcp_syn_retries = 6). Whoever goes on begins another. */
const MOST_LEGS = 32;
/** Ticks a second of the clocks there are, but for one that ticks in microseconds; and ticks that rounding costs. */
const USUAL_HZ = 1000;
const FAST_HZ = 1_000_000;
const TOLERANCE = 100;

declare module '../flow/attempt.ts' {
  interface Remarks {
    /** The one that it is of, where it may have gone on from another port. */
    chain?: Chain;
  }
}

export class Chain {
  /** The attempt of each tuple, in the order in which they began. */
  readonly legs: Attempt[] = [];
  /** The capture has cut options off: whether there are timestamps is unknown. */
  private isCut = false;

  constructor(first: Attempt, isCut: boolean) {
    this.add(first, isCut);
  }

  add(leg: Attempt, isCut: boolean): void {
    this.legs.push(leg);
    leg.remarks.chain = this;
    this.isCut ||= isCut;
  }

  get ports(): number {
    return new Set(this.legs.map(({ ends }) => ends.clientPort)).size;
  }

  get syns(): number {
    return this.legs.reduce((sum, { syns }) => sum + syns, 0);
  }

  /** No timestamps help to say that all is of one host. */
  get byIsnAlone(): boolean {
    return this.isCut || this.legs[0].syn.tsval === null;
  }

  /** The leg that says what became of it: accepted, or the last to send a SYN. A NAT may come back to a port. */
  get told(): Attempt {
    const { legs } = this;
    return legs.find(wasAccepted) ?? legs.reduce((last, leg) => (lastSyn(leg) > lastSyn(last) ? leg : last));
  }

  /** From the first SYN to the SYN-ACK, if that was captured. */
  get delay(): Nanos | undefined {
    const { syn, delay } = this.told;
    return delay === undefined ? undefined : syn.at + delay - this.legs[0].syn.at;
  }

  /** The port of the next SYN after those of this leg. */
  portAfter(leg: Attempt): number {
    let next = this.told;
    let nextAt = Number.POSITIVE_INFINITY;
    for (const other of this.legs) {
      const at = other === leg ? undefined : other.sentAt.find(at => at > lastSyn(leg));
      if (at === undefined || at >= nextAt) continue;
      next = other;
      nextAt = at;
    }
    return next.ends.clientPort;
  }

  /** A SYN later than this is of another attempt. */
  get over(): Nanos {
    const touched = Math.max(...this.legs.map(({ touchedAt }) => touchedAt));
    return Math.min(touched + ATTEMPT_SILENCE, this.legs[0].since + LONGEST_ATTEMPT);
  }

  /** This is a further SYN of it: its ISN says so, and its clock does not speak against it. */
  goesOnWith({ segment, flow, clientIsB }: Opened): boolean {
    const { syn, ends } = this.legs[0];
    return (
      syn.seq === segment.seq >>> 0 &&
      ends.serverPort === flow.port(!clientIsB) &&
      this.legs.length < MOST_LEGS &&
      segment.at <= this.over &&
      this.isOfOneClock(segment)
    );
  }

  /** The TSval goes on from the one before as a clock does. Where none is known, only an old ACK explains a further SYN. */
  private isOfOneClock({ timestamps, tsval, at }: Segment): boolean {
    const { syn } = this.legs.at(-1)!;
    const isUnknown = this.isCut || timestamps === Timestamps.UNKNOWN;
    if (isUnknown || (syn.tsval === null && timestamps === Timestamps.ABSENT)) {
      return this.legs.some(({ oldAcks }) => oldAcks > 0);
    }
    if (syn.tsval === null || timestamps !== Timestamps.PRESENT) return false;
    const ticks = s32(tsval, syn.tsval);
    const apart = (at - syn.at) / SECOND;
    const isUsual = ticks >= 0 && ticks <= USUAL_HZ * apart + TOLERANCE;
    return isUsual || Math.abs(ticks - FAST_HZ * apart) <= TOLERANCE + 0.05 * FAST_HZ * apart;
  }
}

/** The chains of a client and a server that may go on, oldest first. */
export class Chains {
  private open: readonly Chain[] = [];

  /** The attempt may go on from another port. */
  begin(attempt: Attempt, isCut: boolean): void {
    const fresh = this.open.findIndex(({ over }) => over >= attempt.touchedAt);
    const going = fresh < 0 ? [] : this.open.slice(fresh);
    this.open = appended(going.slice(1 - KEPT), new Chain(attempt, isCut));
  }

  of(event: Opened): Chain | undefined {
    return this.open.findLast(chain => chain.goesOnWith(event));
  }

  clear(): void {
    this.open = [];
  }

  end(chain: Chain): void {
    this.open = this.open.filter(other => other !== chain);
  }
}

/** Its client goes on, whether the SYN-ACK was captured or not. */
export const wasAccepted = ({ steps }: Attempt): boolean => steps.at(-1)?.startsWith('accepted') === true;

/** Or refused: no SYN of it follows. */
export const wasDecided = (attempt: Attempt): boolean => wasAccepted(attempt) || attempt.steps.at(-1) === 'refused';

const lastSyn = ({ sentAt }: Attempt): Nanos => sentAt.at(-1)!;
