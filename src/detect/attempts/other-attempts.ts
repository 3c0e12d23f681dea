/**
 * What other attempts of the same client and server have shown. It is used to find the cause of an attempt
 * (syn-cause.ts).
 */
import { s32 } from '../../base/serial.ts';
import { type Nanos, SECOND } from '../../base/time.ts';
import type { Attempt } from '../../flow/stories/attempt.ts';
import type { Stall } from '../../flow/stories/handshake-stall.ts';
import { Chains } from './syn-chain.ts';
import { SynPatterns } from './syn-patterns.ts';

/** A sign of a full accept queue counts for attempts that are no further away in time than this. */
export const NEAR: Nanos = 10 * SECOND;
/** Number of overflows, attempts and stalls that are remembered: the newest. */
const KEPT = 4;
/**
 * SYN-ACKs that must look like SYN cookies to be taken for them, out of so many. Four of eight do so by chance in 10^-6
 * of cases.
 */
const LEAST_COOKIES = 4;
const MOST_ANSWERS = 8;
/** Ticks of the server's clock. Answers within fewer ticks have the same TSval, or related ones (docs/rules.md F14). */
const APART = 64;
/** Answers this much older than the newest one say nothing about the queues any more. */
const RECENT: Nanos = 60 * SECOND;

/** A SYN-ACK that accepted an attempt late. */
interface LateAnswer {
  at: Nanos;
  tsval: number;
  likeCookie: boolean;
}

export class OtherAttempts {
  /** The client continues although no packet of the server is seen: the server's answers take another path. */
  answersElsewhere = false;
  /** Attempts that were accepted after several SYNs, newest last. */
  private readonly repeated: Attempt[] = [];
  private readonly overflows: { port: number; from: Nanos; to: Nanos }[] = [];

  /**
   * Late answers on the port that had the last one, newest last. Of answers with TSvals close to each other only the
   * first is kept.
   */
  private lateAnswers: LateAnswer[] = [];
  private answeringPort = -1;

  /** Stalled handshakes, newest last; how they end is not known yet. */
  private readonly stalls: Stall[] = [];

  readonly patterns = new SynPatterns();

  /** Attempts that were not accepted and may continue from other ports. */
  readonly chains = new Chains();

  /** The clock has stepped back, so recorded times mean nothing any more. */
  step(): void {
    for (const list of [this.repeated, this.overflows, this.stalls, this.lateAnswers]) list.length = 0;
    this.chains.clear();
  }

  stalling(stall: Stall): void {
    if (this.stalls.push(stall) > KEPT) this.stalls.shift();
  }

  overflow(port: number, from: Nanos, to: Nanos): void {
    if (this.overflows.push({ port, from, to }) > KEPT) this.overflows.shift();
  }

  overflowed(port: number, from: Nanos, to: Nanos): boolean {
    return this.overflows.some(seen => seen.port === port && seen.to >= from - NEAR && seen.from <= to + NEAR);
  }

  /** The same, judged from stalled handshakes so far: the server repeatedly leaves data unanswered. */
  overflowing(port: number, from: Nanos, to: Nanos): boolean {
    return this.stalls.some(
      ({ place, ends, from: stalled, synAcks, hadData, dataSegments, repeated, isByDistance }) =>
        place !== undefined &&
        !isByDistance &&
        ends.serverPort === port &&
        repeated.at >= from - NEAR &&
        stalled <= to + NEAR &&
        synAcks > 1 &&
        dataSegments + (hadData ? 1 : 0) > 1,
    );
  }

  accepted(attempt: Attempt): void {
    if (attempt.syns === 1) return;
    if (this.repeated.push(attempt) > KEPT) this.repeated.shift();
    this.answeredLate(attempt);
  }

  private answeredLate({ ends, since, delay, acceptance }: Attempt): void {
    if (delay === undefined || acceptance?.tsval === undefined) return;
    const { tsval, likeCookie } = acceptance;
    if (this.answeringPort !== ends.serverPort) this.lateAnswers = [];
    this.answeringPort = ends.serverPort;
    const at = since + delay;
    const recent = this.lateAnswers.filter(answer => at - answer.at <= RECENT);
    if (recent.every(answer => Math.abs(s32(tsval, answer.tsval)) >= APART)) recent.push({ at, tsval, likeCookie });
    this.lateAnswers = recent.slice(-MOST_ANSWERS);
  }

  /** Whether so many late answers on this port look like SYN cookies that they must be. One in 64 does by chance. */
  sendsCookies(port: number): boolean {
    const alike = this.lateAnswers.filter(({ likeCookie }) => likeCookie).length;
    return this.answeringPort === port && alike >= LEAST_COOKIES && alike * 2 >= this.lateAnswers.length;
  }

  /** Number of SYNs that the stalled connection needed. */
  synsOf({ synAt, ends }: Stall): number {
    return this.repeated.find(a => a.since === synAt && a.ends.clientPort === ends.clientPort)?.syns ?? 1;
  }
}
