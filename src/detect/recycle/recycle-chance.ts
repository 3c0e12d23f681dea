/**
 * Judges whether an outage, a full queue or a lossy path may have hit just those SYNs that the rule of tcp_tw_recycle
 * drops (docs/rules.md D1.5). Such a cause does not depend on clocks, so what counts is how often the clocks could have
 * proved the rule wrong.
 *
 * A host with an offset for each connection draws a new clock for each. By chance the rule predicts half of its SYNs,
 * and hardly ever all of many. A host with one clock for all its connections draws nothing, but its SYNs may continue
 * for long. Then the only evidence is that the silence begins and ends with the clock.
 */
import { appended } from '../../base/appended.ts';
import { notAhead, onOneLine, type Tick } from './tick.ts';

/**
 * Required numbers of drawn clocks and turns. By chance they come together in less than one of ten thousand captures
 * with outages.
 */
const ENOUGH_DRAWN = 10;
const ENOUGH_IN_ALL = 14;
const FOR_A_TURN = 2;
/** Each SYN with another fate multiplies the number of ways in which chance may be right. */
const FOR_A_MISS = 4;
/** The same for hosts with one clock for all connections: three silences, with answers between them. */
const ENOUGH_KEPT = 5;
const ENOUGH_TURNS = 2;

/** So many ways to choose the unanswered ones among the attempts, or more: chance does not find the right one. */
const MANY_WAYS = 100;

/** Dropped SYNs that are compared with later ones, and ports that are told apart. */
const RECENT = 4;
const MAX_PORTS = 64;

export class Chance {
  /** SYNs that the rule could have dropped, and that were answered before the first that it did drop. */
  private before = 0;
  /** Client ports of such SYNs afterwards. A tuple that is used again does not show another clock. */
  private ports: readonly number[] = [];
  private recent: readonly (Tick & { port: number })[] = [];
  /** Two dropped SYNs of different tuples came from one clock, so the host does not draw a clock for each connection. */
  private kept = false;
  /**
   * How often a silence ended with an answer and another silence began, in both cases at a SYN for which the rule says
   * so.
   */
  private turns = 0;
  private passedSinceDrop = false;
  private freed = false;

  /** This many SYNs that the rule could have dropped were answered, as the rule lets them pass. */
  begin(before: number): void {
    this.before = before;
  }

  /** The clock has stepped back. */
  step(): void {
    this.recent = [];
    this.passedSinceDrop = false;
  }

  /** A SYN that the rule drops. */
  drop(tick: Tick, port: number): void {
    this.dropAgain();
    this.kept ||= this.recent.some(earlier => earlier.port !== port && onOneLine(earlier, tick));
    this.recent = appended(this.recent.slice(1 - RECENT), { at: tick.at, tsval: tick.tsval, port });
    this.ports = noted(this.ports, port);
  }

  dropAgain(): void {
    if (this.passedSinceDrop) this.turns++;
    this.passedSinceDrop = false;
  }

  /** A SYN that the rule lets pass was answered. `tested`: the rule had a remembered value to compare it with. */
  pass(tick: Tick, port: number, tested: boolean): void {
    const last = this.recent.at(-1);
    if (tested) this.ports = noted(this.ports, port);
    if (last === undefined) return;
    if (tested && tick.at > last.at) this.passedSinceDrop = true;
    // A dropped clock that has caught up, or that came back after the minute was over.
    this.freed ||= this.recent.some(earlier => tick.at > earlier.at && onOneLine(earlier, tick));
  }

  /** A later SYN of a dropped attempt was answered when the rule lets it in. */
  letIn(): void {
    this.freed = true;
  }

  /** Whether a clock that was dropped, or one behind it, is answered now. */
  caughtUp(tick: Tick): boolean {
    return this.recent.some(earlier => notAhead(earlier, tick) || onOneLine(earlier, tick));
  }

  /** Whether such a cause is ruled out. `against`: SYNs whose fate the rule did not predict. */
  excluded(against: number): boolean {
    const tests = this.before + this.ports.length;
    const turns = this.turns + (this.freed ? 1 : 0);
    if (this.kept) return tests >= ENOUGH_KEPT && turns >= ENOUGH_TURNS;
    return (
      this.turns > 0 && tests >= ENOUGH_DRAWN && tests + FOR_A_TURN * turns - FOR_A_MISS * against >= ENOUGH_IN_ALL
    );
  }
}

export const noted = (ports: readonly number[], port: number): readonly number[] =>
  ports.length < MAX_PORTS && !ports.includes(port) ? appended(ports, port) : ports;

/** Chance does not single out just these of the attempts. */
export function isNoChance(attempts: number, dropped: number): boolean {
  let ways = 1;
  for (let i = 1; i <= dropped && ways < MANY_WAYS; i++) ways *= (attempts - dropped + i) / i;
  return ways >= MANY_WAYS;
}
