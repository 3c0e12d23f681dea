/** What other attempts of the same client and server have shown, for the causes of this one (syn-cause.ts). */
import { s32 } from '../base/serial.ts';
import { type Nanos, SECOND } from '../base/time.ts';
import type { Attempt } from '../flow/attempt.ts';
import type { Stall } from '../flow/handshake-stall.ts';
import { Chains } from './syn-chain.ts';

/** A full accept queue shows itself within this of an attempt that it lets down. */
export const NEAR: Nanos = 10 * SECOND;
/** Overflows, and attempts, that are remembered: the newest. */
const KEPT = 4;
/** SYN-ACKs that look like SYN cookies before they are taken for them: four of eight do by chance in 10^-6 of cases. */
const LEAST_COOKIES = 4;
const MOST_ANSWERS = 8;
/** Ticks of the server's clock: what is answered in fewer has the same TSval, or one that follows from it (docs/rules.md F14). */
const APART = 64;
/** Answers that came so long before the newest say nothing of the queues any more. */
const RECENT: Nanos = 60 * SECOND;

/** A SYN-ACK that accepted an attempt late. */
interface LateAnswer {
  at: Nanos;
  tsval: number;
  likeCookie: boolean;
}

export class OtherAttempts {
  /** The client goes on without a word of the server: its answers pass elsewhere. */
  answersElsewhere = false;
  /** Attempts that were accepted after several SYNs, newest last. */
  private readonly repeated: Attempt[] = [];
  private readonly overflows: { port: number; from: Nanos; to: Nanos }[] = [];

  /** On the last port that had one, newest last: of those whose TSvals lie near each other the first. */
  private lateAnswers: LateAnswer[] = [];
  private answeringPort = -1;

  /** Handshakes that stall, newest last; how they end is not known. */
  private readonly stalls: Stall[] = [];

  /** Attempts that were not accepted, and may go on from other ports. */
  readonly chains = new Chains();

  /** The clock has stepped back: what has a time means nothing any more. */
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

  /** The same as far as it is known of handshakes that stall: the server leaves data unanswered again and again. */
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

  private answeredLate({ ends, since, delay, answerTsval: tsval, likeCookie }: Attempt): void {
    if (delay === undefined || tsval === undefined) return;
    if (this.answeringPort !== ends.serverPort) this.lateAnswers = [];
    this.answeringPort = ends.serverPort;
    const at = since + delay;
    const recent = this.lateAnswers.filter(answer => at - answer.at <= RECENT);
    if (recent.every(answer => Math.abs(s32(tsval, answer.tsval)) >= APART)) recent.push({ at, tsval, likeCookie });
    this.lateAnswers = recent.slice(-MOST_ANSWERS);
  }

  /** So many of the late answers on this port look like SYN cookies that they are: by chance one in 64 does. */
  sendsCookies(port: number): boolean {
    const alike = this.lateAnswers.filter(({ likeCookie }) => likeCookie).length;
    return this.answeringPort === port && alike >= LEAST_COOKIES && alike * 2 >= this.lateAnswers.length;
  }

  /** SYNs of the connection that stalls. */
  synsOf({ synAt, ends }: Stall): number {
    return this.repeated.find(a => a.since === synAt && a.ends.clientPort === ends.clientPort)?.syns ?? 1;
  }
}
