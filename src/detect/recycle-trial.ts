/**
 * An address and a server on trial for tcp_tw_recycle (docs/rules.md D1.5): what the rule foretells of each SYN, and
 * what became of it. An attempt counts once, by its first SYN: bad when the rule drops that, good when it lets it pass.
 * It is answered when a SYN-ACK, an RST or an ACK came back, whichever of its SYNs that was for; but a bad attempt
 * whose later SYN was answered when the rule would let it in, and not before, was dropped as foretold.
 */
import { s32 } from '../base/serial.ts';
import { MILLISECOND, type Nanos, SECOND } from '../base/time.ts';
import type { Attempt } from '../flow/attempt.ts';
import type { Packet } from '../flow/packet.ts';
import type { RecycleVerdict } from './recycle.ts';

/** A SYN that had no answer for so long counts as unanswered: no path is slower, and no capture need go on for longer. */
export const PATIENCE: Nanos = 500 * MILLISECOND;

/** The fewest attempts of either kind, and the share of good ones that may be lost (D1.5). */
const ENOUGH = 3;
const LOST_SHARE = 0.05;
/** So many ways to choose the unanswered ones among the attempts, or more: chance does not find the right one. */
const MANY_WAYS = 100;
/** Ports of the server that are told apart; dropped SYNs that are compared with later ones; attempts kept as evidence. */
const MAX_PORTS = 64;
const RECENT = 4;
const KEPT = 2;
/** Ticks a second of Linux clocks; the last is that of every Linux since 4.13. */
const RATES = [100, 250, 300, 1000] as const;
const [SLOWEST, FASTEST] = [RATES[0], RATES[3]];
/** Ticks that delay and rounding may cost. */
const TOLERANCE = 100;

/** The SYNs of an attempt: what the rule says of each, and its TSval. */
export interface Tried {
  fates: RecycleVerdict[];
  tsvals: number[];
  /** When the rule would let the sender of the newest dropped SYN in. */
  unblockAt: Nanos;
}

interface Tick {
  at: Nanos;
  tsval: number;
}

function note(ports: number[], port: number): void {
  if (ports.length < MAX_PORTS && !ports.includes(port)) ports.push(port);
}

export class Trial {
  badUnanswered = 0;
  badAnswered = 0;
  goodAnswered = 0;
  goodUnanswered = 0;
  /** Bad attempts that are still without an answer. */
  pending = 0;
  /** SYNs without timestamps that 3.17 and newer would drop. */
  bareAnswered = 0;
  bareUnanswered = 0;
  /** SYNs of which the rule says `pass` or `drop` and whose fate is known; those of them that it did not foretell. */
  syns = 0;
  against = 0;
  /** The last dropped SYN, and when the rule would let its sender in. */
  lastDrop: Nanos = Number.NaN;
  unblockAt: Nanos = Number.NaN;
  /** First attempts of each kind, as evidence: good ones from the first bad one on. */
  readonly dropped: Attempt[] = [];
  readonly passed: Packet[] = [];
  letIn: Attempt | undefined;
  /** The newest TSval of the address when the first bad SYN came. */
  newest: Packet | undefined;
  /**
   * A SYN that the rule lets pass was answered between two that it drops, or a dropped one was let in when the rule
   * says so: no outage, nor a queue that was full for a while, explains the silence.
   */
  private inTurn = false;
  private passedSinceDrop = false;
  /** The same clock, or one no further ahead, met both fates. */
  private oneClockBothFates = false;
  /** The answered SYN whose clock stands lowest, within what delay and rounding cost. */
  private lowest: Tick | undefined;
  private readonly recent: Tick[] = [];
  /** Short lists, not sets: there is a trial for every client and server, and most hold one port. */
  private readonly goodPorts: number[] = [];
  private readonly stalledPorts: number[] = [];
  private badPorts: Map<number, number> | undefined;

  /** A SYN that the rule drops has been sent. */
  drop(at: Nanos, tsval: number, port: number): void {
    this.pending++;
    this.dropAgain();
    const { lowest } = this;
    if (lowest !== undefined && notBehind(lowest, { at, tsval })) this.oneClockBothFates = true;
    if (this.recent.push({ at, tsval }) > RECENT) this.recent.shift();
    this.badPorts ??= new Map();
    if (this.badPorts.size < MAX_PORTS) this.badPorts.set(port, (this.badPorts.get(port) ?? 0) + 1);
  }

  /** The rule drops one of the later SYNs of an attempt. */
  dropAgain(): void {
    this.inTurn ||= this.passedSinceDrop;
  }

  /** A SYN that the rule lets pass was answered. */
  pass(at: Nanos, tsval: number, port: number): void {
    this.goodAnswered++;
    this.passedSinceDrop ||= this.recent.length > 0;
    note(this.goodPorts, port);
    const { lowest, recent } = this;
    if (lowest === undefined || isLower({ at, tsval }, lowest)) this.lowest = { at, tsval };
    if (recent.length > 0 && recent.some(bad => caughtUp(bad, { at, tsval }))) this.oneClockBothFates = true;
  }

  /** So many lone SYNs that the rule lets pass had no answer. */
  lose(syns: number): void {
    this.goodUnanswered += syns;
    this.syns += syns;
    this.against += syns;
  }

  stall(port: number): void {
    note(this.stalledPorts, port);
  }

  /** An attempt is over. `tried` is absent for a single SYN that the rule lets pass. */
  settle(attempt: Attempt, tried: Tried | undefined): void {
    const { syn, ends } = attempt;
    const stamped = syn.tsval !== null;
    const first = tried?.fates[0] ?? 'pass';
    const answered = answeredSyn(attempt, tried);
    const watched = attempt.settledAt - syn.at >= PATIENCE;
    this.compare(attempt, tried, answered);
    if (!stamped) {
      if (first === 'drop' && answered >= 0) this.bareAnswered++;
      else if (first === 'drop' && watched) this.bareUnanswered++;
      return;
    }
    if (first === 'drop') {
      this.pending--;
      if (answered >= 0 && tried!.fates[answered] === 'drop') this.badAnswered++;
      else if (answered >= 0 || watched) this.dropAsForetold(attempt, answered >= 0, tried!.unblockAt);
    } else if (first === 'pass') {
      if (attempt.answered) this.pass(syn.at, syn.tsval!, ends.serverPort);
      else if (watched) this.goodUnanswered++;
    }
  }

  private dropAsForetold(attempt: Attempt, letIn: boolean, unblockAt: Nanos): void {
    this.badUnanswered++;
    this.lastDrop = attempt.sentAt.at(-1)!;
    this.unblockAt = unblockAt;
    if (this.dropped.length < KEPT) this.dropped.push(attempt);
    if (!letIn) return;
    this.oneClockBothFates = true;
    this.inTurn = true;
    this.letIn ??= attempt;
  }

  /** Each SYN's fate with what the rule says of it. */
  private compare(attempt: Attempt, tried: Tried | undefined, answered: number): void {
    if (attempt.oldAcks > 0) return; // decided by a TIME_WAIT of its own tuple
    const { sentAt, settledAt } = attempt;
    const last = answered >= 0 ? answered : sentAt.length - 1;
    for (let i = 0; i <= last; i++) {
      const fate = tried?.fates[i] ?? 'pass';
      if (fate !== 'pass' && (fate !== 'drop' || attempt.syn.tsval === null)) continue;
      if (i !== answered && (sentAt[i + 1] ?? settledAt) - sentAt[i]! < PATIENCE) continue;
      this.syns++;
      if ((fate === 'pass') !== (i === answered)) this.against++;
    }
  }

  /** By D1.5, and with nothing that explains it as well. `withPending`: as things stand while attempts are under way. */
  fits(withPending = false): boolean {
    const bad = this.badUnanswered + (withPending ? this.pending : 0);
    if (bad < ENOUGH || this.badAnswered > 0 || this.goodAnswered < ENOUGH || !this.inTurn) return false;
    if (this.goodUnanswered > LOST_SHARE * this.goodAnswered) return false;
    // A filter by port: dropped where nothing else was answered. A full accept queue: seen on that port.
    let comparable = 0;
    for (const [port, count] of this.badPorts ?? []) {
      if (this.stalledPorts.includes(port)) return false;
      if (this.goodPorts.includes(port)) comparable += count;
    }
    return comparable >= ENOUGH;
  }

  /**
   * The rule foretold every SYN; not by chance; and not because one of two hosts is dropped for another reason, which
   * every capture would show in which the dropped clocks always lie behind the others.
   */
  get isProof(): boolean {
    const attempts = this.badUnanswered + this.goodAnswered;
    return (
      this.against === 0 &&
      (this.bareAnswered === 0 || this.bareUnanswered === 0) &&
      this.oneClockBothFates &&
      ways(attempts, this.badUnanswered) >= MANY_WAYS
    );
  }
}

/** Index of the SYN that was answered, or -1. The SYN-ACK echoes its TSval; otherwise it is the newest. */
export function answeredSyn(attempt: Attempt, tried: Tried | undefined): number {
  if (!attempt.answered) return -1;
  const newest = attempt.sentAt.length - 1;
  const echoed = attempt.delay === undefined ? null : (attempt.followed.at(-1)?.packet.tsecr ?? null);
  if (tried === undefined || echoed === null) return newest;
  const index = tried.tsvals.findIndex(tsval => s32(tsval, echoed) === 0);
  return index < 0 ? newest : index;
}

/** The later SYN shows a clock that lies further back, even if that ticks as fast as clocks do. */
export const isLower = (later: Tick, lowest: Tick): boolean =>
  s32(later.tsval, lowest.tsval) < ((later.at - lowest.at) / SECOND) * FASTEST;

/** The later SYN's clock is not behind the earlier one's, even if that ticks as fast as clocks do. */
const notBehind = (earlier: Tick, later: Tick): boolean =>
  s32(later.tsval, earlier.tsval) >= ((later.at - earlier.at) / SECOND) * FASTEST - TOLERANCE;

/** The later SYN may come from the clock of the earlier one, or from one behind it. */
function caughtUp(earlier: Tick, later: Tick): boolean {
  const ticks = s32(later.tsval, earlier.tsval);
  const apart = (later.at - earlier.at) / SECOND;
  return ticks <= SLOWEST * apart + TOLERANCE || RATES.some(hz => Math.abs(ticks - hz * apart) <= TOLERANCE);
}

/** Ways to choose k of n. */
function ways(n: number, k: number): number {
  let product = 1;
  for (let i = 1; i <= k && product < MANY_WAYS; i++) product *= (n - k + i) / i;
  return product;
}
