/**
 * Collects the evidence whether a server applies tcp_tw_recycle to an address (docs/rules.md D1.5): what the rule
 * predicts for each SYN, and what became of it. An attempt counts once, by its first SYN: bad if the rule drops it,
 * good if it lets it pass. It is answered if a SYN-ACK, an RST or an ACK came back to any of its SYNs. A bad attempt
 * with a later SYN that was answered when the rule lets it in, and not before, counts as dropped as predicted.
 */
import { MILLISECOND, type Nanos } from '../../base/time.ts';
import type { Packet } from '../../flow/packet.ts';
import type { Attempt } from '../../flow/stories/attempt.ts';
import { remarksOf } from '../attempts/remarks.ts';
import { type Differences, differences, NO_SYNS, type SynMarks, withSyn } from '../attempts/syn-marks.ts';
import { Chance, isNoChance, noted } from './recycle-chance.ts';
import { answeredSyn, type Tried } from './recycle-tried.ts';
import type { Remembered } from './remembered-tsval.ts';
import { ServerClocks } from './server-clocks.ts';
import { isLower, notBehind, type Tick } from './tick.ts';

/** A SYN without an answer for this long counts as unanswered. No path is slower, and the capture need not be longer. */
export const PATIENCE: Nanos = 500 * MILLISECOND;

/** Least number of attempts of either kind, and the share of good attempts, or of all SYNs, that may be lost (D1.5). */
const ENOUGH = 3;
const LOST_SHARE = 0.05;
/** Server ports that are told apart, and attempts kept as evidence. */
const MAX_PORTS = 64;
const KEPT = 2;
/** Attempts under way that count before they are over. There are none in runs over files. */
const MAX_OPEN = 32;
const NONE: ReadonlySet<Attempt> = new Set();

/** An attempt that the rule dropped, and the value that the rule compared with it. */
export interface Dropped {
  attempt: Attempt;
  remembered: Remembered | undefined;
}

/** The ports of an attempt at the server and at the client. */
interface Ports {
  port: number;
  clientPort: number;
}

/** The SYNs that were answered before the rule had one to drop. */
interface Earlier {
  lowest: Tick;
  port: number;
  answered: number;
  /** Those for which the rule had a TSval to compare with. */
  tested: number;
}

export class Trial {
  badUnanswered = 0;
  badAnswered = 0;
  goodAnswered = 0;
  goodUnanswered = 0;
  /** Bad attempts still without an answer. */
  pending = 0;
  /** Attempts that the rule drops, accepted by a SYN-ACK that answers none of the known SYNs. */
  unclear = 0;
  /** It was dropped before the end of the run, for lack of room. */
  forgotten = false;
  /** SYNs without timestamps that 3.17 and newer would drop. */
  bareAnswered = 0;
  bareUnanswered = 0;
  /** SYNs with a verdict of `pass` or `drop` and a known fate; and those among them that the rule did not predict. */
  syns = 0;
  against = 0;
  /** The last dropped SYN, and when the rule would let its sender in. */
  lastDrop: Nanos = Number.NaN;
  unblockAt: Nanos = Number.NaN;
  /** The first attempts of each kind, as evidence; good ones from the first bad one on. */
  readonly dropped: Dropped[] = [];
  readonly passed: Packet[] = [];
  letIn: Dropped | undefined;
  /** The clocks of the server's SYN-ACKs, from the first bad SYN on. */
  readonly serverClocks = new ServerClocks();
  /** Whether an outage, or a queue that was full for a while, explains the silence. */
  private readonly chance = new Chance();
  /** The same clock, or one that is not ahead of it, met both fates: no difference between two hosts explains them. */
  oneClockBothFates = false;
  /** What the SYNs look like that the rule drops, and those that were answered. */
  private silentSyns = NO_SYNS;
  private answeredSyns = NO_SYNS;
  /** The answered SYN with the clock furthest behind, within the tolerance for delay and rounding. */
  private lowest: Tick | undefined;
  /** Live: attempts under way. */
  open: ReadonlySet<Attempt> = NONE;
  /** The signature held at the last glance. */
  held = false;
  /** Short lists, not sets: there is a trial for every client and server, and most hold one port. */
  private goodPorts: readonly number[] = [];
  private stalledPorts: readonly number[] = [];
  private badPorts: Map<number, number> | undefined;

  begin({ lowest, port, answered, tested }: Earlier): void {
    this.lowest = lowest;
    this.goodPorts = noted(this.goodPorts, port);
    this.goodAnswered = answered;
    this.syns = answered;
    this.chance.begin(tested);
  }

  /** The clock has stepped back: counts stay, but earlier clocks are not compared with later ones. */
  step(): void {
    this.lowest = undefined;
    this.chance.step();
    this.serverClocks.step();
  }

  /** Whether the rule ever had a SYN to drop. */
  get hadBad(): boolean {
    return this.pending + this.badUnanswered + this.badAnswered > 0;
  }

  /** The attempt has begun, or is taken into account from now on. */
  begins(attempt: Attempt): void {
    if (this.open.size < MAX_OPEN) this.open = new Set([...this.open, attempt]);
  }

  /** A SYN that the rule drops has been sent. */
  drop(tick: Tick, { port, clientPort }: Ports): void {
    this.pending++;
    const { lowest } = this;
    if (lowest !== undefined && notBehind(lowest, tick)) this.oneClockBothFates = true;
    this.chance.drop(tick, clientPort);
    this.badPorts ??= new Map();
    if (this.badPorts.size < MAX_PORTS) this.badPorts.set(port, (this.badPorts.get(port) ?? 0) + 1);
  }

  /** The rule drops one of the later SYNs of an attempt. */
  dropAgain(): void {
    this.chance.dropAgain();
  }

  noteSilent(syn: SynMarks): void {
    this.silentSyns = withSyn(this.silentSyns, syn);
  }

  noteAnswered(syn: SynMarks): void {
    this.answeredSyns = withSyn(this.answeredSyns, syn);
  }

  /** What else tells the dropped SYNs from those that were let in, as cleanly as the rule does. */
  get differs(): Differences {
    return differences(this.silentSyns, this.answeredSyns);
  }

  /** A SYN that the rule lets pass was answered; `tested` when it knew a TSval to compare with. */
  pass(tick: Tick, { port, clientPort }: Ports, tested: boolean): void {
    this.goodAnswered++;
    this.goodPorts = noted(this.goodPorts, port);
    const { lowest, chance } = this;
    if (lowest === undefined || isLower(tick, lowest)) this.lowest = tick;
    chance.pass(tick, clientPort, tested);
    this.oneClockBothFates ||= chance.caughtUp(tick);
  }

  /** This many lone SYNs that the rule lets pass had no answer. */
  lose(syns: number): void {
    this.goodUnanswered += syns;
    this.syns += syns;
    this.against += syns;
  }

  stall(port: number): void {
    this.stalledPorts = noted(this.stalledPorts, port);
  }

  /**
   * An attempt is over, or looked at as if it were over at `until`. `tried` is absent for a single SYN that the rule lets
   * pass.
   */
  settle(attempt: Attempt, tried: Tried | undefined, tested: boolean, until = attempt.settledAt): void {
    const { syn, ends } = attempt;
    if (this.open.has(attempt)) this.open = new Set([...this.open].filter(other => other !== attempt));
    const stamped = syn.tsval !== null;
    const first = tried?.fates[0] ?? 'pass';
    const answered = answeredSyn(attempt, tried);
    if (answered === undefined) {
      if (stamped && first === 'drop') {
        this.pending--;
        this.unclear++;
      }
      return;
    }
    const watched = until - syn.at >= PATIENCE;
    this.compare(attempt, tried, answered, until);
    const synAck = attempt.accepting?.packet;
    if (synAck?.tsval != null) this.serverClocks.add({ at: synAck.at, tsval: synAck.tsval }, ends.clientPort);
    if (!stamped) {
      if (first === 'drop' && answered >= 0) this.bareAnswered++;
      else if (first === 'drop' && watched) this.bareUnanswered++;
      return;
    }
    if (first === 'drop') {
      this.pending--;
      if (answered >= 0 && tried!.fates[answered] === 'drop') this.badAnswered++;
      else if (answered >= 0 || watched) this.dropAsForetold(attempt, answered >= 0, tried!);
    } else if (first === 'pass') {
      const ports = { port: ends.serverPort, clientPort: ends.clientPort };
      if (attempt.answered) this.pass({ at: syn.at, tsval: syn.tsval! }, ports, tested);
      else if (watched) this.goodUnanswered++;
    }
  }

  private dropAsForetold(attempt: Attempt, letIn: boolean, { unblockAt, remembered }: Tried): void {
    this.badUnanswered++;
    this.lastDrop = attempt.sentAt.at(-1)!;
    this.unblockAt = unblockAt;
    const kept = { attempt, remembered };
    if (this.dropped.length < KEPT) this.dropped.push(kept);
    if (!letIn) return;
    this.oneClockBothFates = true;
    this.chance.letIn();
    this.letIn ??= kept;
  }

  /** Compares each SYN's fate with the verdict of the rule. */
  private compare(attempt: Attempt, tried: Tried | undefined, answered: number, until: Nanos): void {
    if (attempt.oldAcks > 0) return; // decided by a TIME_WAIT of its own tuple
    const { sentAt } = attempt;
    const last = answered >= 0 ? answered : sentAt.length - 1;
    for (let i = 0; i <= last; i++) {
      const fate = tried?.fates[i] ?? 'pass';
      if (fate !== 'pass' && (fate !== 'drop' || attempt.syn.tsval === null)) continue;
      if (i !== answered && (sentAt[i + 1] ?? until) - sentAt[i] < PATIENCE) continue;
      this.syns++;
      if ((fate === 'pass') !== (i === answered)) this.against++;
    }
  }

  /** Enough attempts of either kind have been seen, and nothing that refutes the rule for good. */
  get isInQuestion(): boolean {
    const { badUnanswered, pending, badAnswered, unclear, goodAnswered } = this;
    return badUnanswered + pending >= ENOUGH && badAnswered + unclear === 0 && goodAnswered >= ENOUGH;
  }

  /** The trial as if the run ended at `now`: attempts under way that were silent for long enough count as unanswered. */
  asOf(now: Nanos): Trial {
    if (this.open.size === 0) return this;
    const trial: Trial = Object.assign(new Trial(), this, { open: NONE, dropped: [...this.dropped] });
    // Only for answered attempts it matters whether there was a TSval to compare with.
    for (const attempt of this.open) if (!attempt.answered) trial.settle(attempt, remarksOf(attempt).tried, false, now);
    return trial;
  }

  /** Whether the signature holds by what is known at `now`. */
  holds(now: Nanos): boolean {
    return !this.forgotten && this.isInQuestion && this.asOf(now).fits();
  }

  /** Whether a SYN under way was sent so recently that it may still be answered. */
  isHopeful(now: Nanos): boolean {
    return [...this.open].some(({ sentAt }) => now - sentAt.at(-1)! < PATIENCE);
  }

  /** Whether the evidence suffices by D1.5, and nothing else explains it. `withPending`: including attempts under way. */
  fits(withPending = false): boolean {
    const bad = this.badUnanswered + (withPending ? this.pending : 0);
    if (bad < ENOUGH || this.badAnswered + this.unclear > 0 || this.goodAnswered < ENOUGH) return false;
    const { goodUnanswered, goodAnswered, against, syns } = this;
    if (goodUnanswered > LOST_SHARE * goodAnswered || against > LOST_SHARE * syns) return false;
    if (!this.chance.excluded(against)) return false;
    // A filter by port would drop SYNs on ports where nothing else was answered; a full accept queue shows on its port.
    let comparable = 0;
    for (const [port, count] of this.badPorts ?? []) {
      if (this.stalledPorts.includes(port)) return false;
      if (this.goodPorts.includes(port)) comparable += count;
    }
    return comparable >= ENOUGH;
  }

  /** Nothing that tells hosts apart coincides with the verdict of the rule, whether devices filter by it or not. */
  private get isAlikeOtherwise(): boolean {
    const { filtered, others } = this.differs;
    return filtered.length + others.length === 0;
  }

  /**
   * The rule predicted every SYN, not by chance, and not because one of two hosts is dropped for another reason: that
   * would show in any capture in which the dropped clocks are always behind the others. A server with several clocks
   * towards one client is not a single Linux with the rule.
   */
  get isProof(): boolean {
    return (
      this.against === 0 &&
      (this.bareAnswered === 0 || this.bareUnanswered === 0) &&
      this.oneClockBothFates &&
      this.serverClocks.count <= 1 &&
      isNoChance(this.badUnanswered + this.goodAnswered, this.badUnanswered) &&
      this.isAlikeOtherwise
    );
  }
}
