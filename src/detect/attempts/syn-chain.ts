/**
 * A connection attempt with all ports from which it is sent. A NAT that has forgotten the attempt because of the
 * client's RST sends its next SYN from another port, or from one that others have used meanwhile. The tracker sees
 * separate attempts. The ISN joins them: a client does not draw the same 32 bits twice within minutes.
 */
import { appended } from '../../base/appended.ts';
import { s32 } from '../../base/serial.ts';
import { type Nanos, SECOND } from '../../base/time.ts';
import type { Opened } from '../../flow/events.ts';
import { ATTEMPT_SILENCE, type Attempt, LONGEST_ATTEMPT } from '../../flow/stories/attempt.ts';
import type { Segment } from '../../wire/segment.ts';
import { Timestamps } from '../../wire/tcp-options.ts';
import { remarksOf } from './remarks.ts';

/** Unaccepted attempts of one client and server that are remembered: the newest. */
const KEPT = 64;
/** Each leg needs a SYN, and Linux sends 7 (tcp_syn_retries = 6). If there are more, another chain begins. */
const MOST_LEGS = 32;
/** Most ticks per second of all clocks except those of 1 MHz; and ticks for rounding. */
const USUAL_HZ = 1000;
const FAST_HZ = 1_000_000;
const TOLERANCE = 100;
/** A SYN that was sent before the SYN-ACK came may be captured so much later. */
const UNDER_WAY: Nanos = 0.5 * SECOND;

export class Chain {
  /** The attempt of each tuple, in the order in which they began. */
  readonly legs: Attempt[] = [];
  /** The capture has cut off options, so it is unknown whether there are timestamps. */
  private isCut = false;

  constructor(first: Attempt, isCut: boolean) {
    this.add(first, isCut);
  }

  add(leg: Attempt, isCut: boolean): void {
    this.legs.push(leg);
    remarksOf(leg).chain = this;
    this.isCut ||= isCut;
  }

  get ports(): number {
    return new Set(this.legs.map(({ ends }) => ends.clientPort)).size;
  }

  get syns(): number {
    return this.legs.reduce((sum, { syns }) => sum + syns, 0);
  }

  /** No timestamps confirm that all legs are of one host. */
  get byIsnAlone(): boolean {
    return this.isCut || this.legs[0].syn.tsval === null;
  }

  /**
   * The leg that shows what became of the attempt: the accepted one, or the last to send a SYN. A NAT may return to an
   * earlier port.
   */
  get told(): Attempt {
    const { legs } = this;
    return legs.find(wasAccepted) ?? legs.reduce((last, leg) => (lastSyn(leg) > lastSyn(last) ? leg : last));
  }

  /** From the first SYN to the SYN-ACK, if that was captured. */
  get delay(): Nanos | undefined {
    const { syn, delay } = this.told;
    return delay === undefined ? undefined : syn.at + delay - this.legs[0].syn.at;
  }

  /**
   * Whether a port went on after another one was accepted: then these are two attempts, whose client gives both the same
   * ISN, as stacks with fixed ISNs do.
   */
  get isOfSeveral(): boolean {
    const { told, legs } = this;
    if (!wasAccepted(told)) return false;
    const acceptedAt = told.delay === undefined ? lastSyn(told) : told.syn.at + told.delay;
    return legs.some(leg => leg !== told && lastSyn(leg) > acceptedAt + UNDER_WAY);
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

  /** A SYN later than this belongs to another attempt. */
  get over(): Nanos {
    const touched = Math.max(...this.legs.map(({ touchedAt }) => touchedAt));
    return Math.min(touched + ATTEMPT_SILENCE, this.legs[0].since + LONGEST_ATTEMPT);
  }

  /** Whether this is a further SYN of the attempt: the ISN says so, and the clock does not contradict it. */
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

  /**
   * Whether the TSval advances from the previous one like a clock. If none is known, only an old ACK explains a further
   * SYN.
   */
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

/** The chains of a client and a server that may continue, oldest first. */
export class Chains {
  private open: readonly Chain[] = [];

  /** Begins a chain, since the attempt may continue from another port. */
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

/** The client continues, whether the SYN-ACK was captured or not. */
export const wasAccepted = ({ steps }: Attempt): boolean => steps.at(-1)?.startsWith('accepted') === true;

/** Accepted or refused, so no further SYN follows. */
export const wasDecided = (attempt: Attempt): boolean => wasAccepted(attempt) || attempt.steps.at(-1) === 'refused';

const lastSyn = ({ sentAt }: Attempt): Nanos => sentAt.at(-1)!;
