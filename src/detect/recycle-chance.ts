/**
 * Whether an outage, a full queue or a lossy path may have hit just those SYNs that the rule of tcp_tw_recycle drops
 * (docs/rules.md D1.5). Such a cause does not look at clocks, so what counts is how often a clock could have proved the
 * rule wrong. A host with an offset for each connection draws a new clock for each: the rule foretells one half of its
 * SYNs by chance, all of many hardly ever. Hosts with a clock for all their connections draw none, but go on and on;
 * then only that silence comes and goes with the clock tells.
 */
import { appended } from '../base/appended.ts';
import { s32 } from '../base/serial.ts';
import { type Nanos, SECOND } from '../base/time.ts';

/** Ticks a second of Linux clocks; the last is that of every Linux since 4.13. */
const RATES = [100, 250, 300, 1000] as const;
const [SLOWEST, FASTEST] = [RATES[0], RATES[3]];
/** Ticks that delay and rounding may cost. */
const TOLERANCE = 100;

/** Drawn clocks and turns that chance does not bring together: one capture with outages in more than ten thousand. */
const ENOUGH_DRAWN = 10;
const ENOUGH_IN_ALL = 14;
const FOR_A_TURN = 2;
/** A SYN with another fate doubles the ways to be right by chance a few times over. */
const FOR_A_MISS = 4;
/** The same of hosts with a clock for all their connections: three silences, and who is answered between them. */
const ENOUGH_KEPT = 5;
const ENOUGH_TURNS = 2;

/** Dropped SYNs that are compared with later ones; ports that are told apart. */
const RECENT = 4;
const MAX_PORTS = 64;

export interface Tick {
  at: Nanos;
  tsval: number;
}

export class Chance {
  /** Of the SYNs that the rule could drop, those answered before the first that it did drop. */
  private before = 0;
  /** Client ports of those after it: a tuple that is used again shows no other clock. */
  private ports: readonly number[] = [];
  private recent: readonly (Tick & { port: number })[] = [];
  /** Two dropped SYNs of different tuples came from one clock: no host that draws one for each connection. */
  private kept = false;
  /** How often a silence ended with an answer and another began, each at a SYN of which the rule says so. */
  private turns = 0;
  private passedSinceDrop = false;
  private freed = false;

  /** So many SYNs that the rule could have dropped were answered, as it lets them pass. */
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

  /** A SYN that the rule lets pass was answered; `tested` when it had something to compare it with. */
  pass(tick: Tick, port: number, tested: boolean): void {
    const last = this.recent.at(-1);
    if (tested) this.ports = noted(this.ports, port);
    if (last === undefined) return;
    if (tested && tick.at > last.at) this.passedSinceDrop = true;
    // A dropped clock that has caught up, or came back when the minute was over.
    this.freed ||= this.recent.some(earlier => tick.at > earlier.at && onOneLine(earlier, tick));
  }

  /** A later SYN of a dropped attempt was answered, just when the rule says so. */
  letIn(): void {
    this.freed = true;
  }

  /** One of the clocks that were dropped, or one behind it, is answered now. */
  caughtUp(tick: Tick): boolean {
    return this.recent.some(earlier => {
      const apart = (tick.at - earlier.at) / SECOND;
      return s32(tick.tsval, earlier.tsval) <= SLOWEST * apart + TOLERANCE || onOneLine(earlier, tick);
    });
  }

  /** `against`: SYNs whose fate the rule did not foretell. */
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

/** Both may come from one clock that ticks at a rate of Linux. */
function onOneLine(earlier: Tick, later: Tick): boolean {
  const ticks = s32(later.tsval, earlier.tsval);
  const apart = (later.at - earlier.at) / SECOND;
  return RATES.some(hz => Math.abs(ticks - hz * apart) <= TOLERANCE);
}

/** The later SYN shows a clock that lies further back, even if that ticks as fast as clocks do. */
export const isLower = (later: Tick, lowest: Tick): boolean =>
  s32(later.tsval, lowest.tsval) < ((later.at - lowest.at) / SECOND) * FASTEST;

/** The later SYN's clock is not behind the earlier one's, even if that ticks as fast as clocks do. */
export const notBehind = (earlier: Tick, later: Tick): boolean =>
  s32(later.tsval, earlier.tsval) >= ((later.at - earlier.at) / SECOND) * FASTEST - TOLERANCE;
