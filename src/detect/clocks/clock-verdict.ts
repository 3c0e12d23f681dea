/**
 * The verdict on the clocks behind one address, as one server sees them: on which lines its TSvals lie, in which regime,
 * and what follows for the number of hosts (docs/rules.md D1.4). These are pure functions; clock-fit.ts finds the lines.
 *
 * Several hosts are claimed only for what one host could not have shown. A host leaves its line when it restarts, and
 * never returns to it. A host with an offset for each connection (docs/rules.md B7) is on a new line each time, so its
 * clocks give no number of hosts.
 */
import { type Nanos, SECOND } from '../../base/time.ts';
import { compareCaptured } from '../../flow/packet.ts';
import type { Confidence } from '../finding.ts';
import { fitLines } from './clock-fit.ts';
import { type ClockSample, tupleOf } from './clock-sample.ts';
import { isOneTuple, otherWitnesses, sameTupleChanges } from './clock-witness.ts';
import type { Line } from './fitted-line.ts';

/** Most connections of a client and server that are looked at: the newest ones. */
export const MAX_SAMPLES = 512;
/** Most lines that are listed. */
const MAX_LINES = 64;
/** Fewer connections than these show no regime, unless a line is returned to. */
const SHOWS_REGIME = 4;
/** Linux gives up a SYN after 127 s (tcp_syn_retries = 6). */
const LONGEST_ATTEMPT: Nanos = 130 * SECOND;
/** If more than this share of the connections fit no known clock, the path or the clock is not what the rules assume. */
const MOST_STRANGE = 0.25;

export interface ClockLine {
  hz: number;
  /** A point on the line. */
  t0: Nanos;
  v0: number;
  flows: number;
  firstAt: Nanos;
  lastAt: Nanos;
  /** TTL and options of the first connection on the line. */
  ttl: number;
  mss: number;
  windowScale: number;
}

/** What kind of clocks the TSvals of a client towards a server show (docs/rules.md D1.4). */
export const REGIMES = ['single', 'interleaved', 'per-connection', 'restart', 'none'] as const;
export type Regime = (typeof REGIMES)[number];

export interface ClockVerdict {
  /** Ticks per second. */
  hz: number | undefined;
  regime: Regime;
  /**
   * Number of connections that were used, and of lines they are on. If there are very many lines, only the first are
   * listed.
   */
  flows: number;
  lineCount: number;
  lines: ClockLine[];
  hostsLow: number;
  hostsHigh: number;
  /** The evidence for the lower bound, in words. */
  reasons: string[];
  confidence: Confidence;
  /** The connections that show it best, in time order. */
  proof: ClockSample[];
}

/** A line that was left and returned to: over which time at least, and three connections that show it. */
interface Return {
  line: Line;
  from: Nanos;
  to: Nanos;
  proof: ClockSample[];
}

/** A TSval of 0 does not come from a clock. */
const isClock = ({ tsval, lastTsval }: ClockSample): boolean => tsval !== 0 && lastTsval !== 0;

export function clockVerdict(all: readonly ClockSample[]): ClockVerdict {
  const samples = onceEach(all.filter(isClock).sort(compareCaptured));
  const { hz, lines, strange } = fitLines(samples);
  const flows = samples.length - strange;
  const plain = (regime: Regime): ClockVerdict => ({
    hz,
    regime,
    flows,
    lineCount: lines.length,
    lines: lines.slice(0, MAX_LINES).map(lineOf),
    hostsLow: 1,
    hostsHigh: Math.max(1, lines.length),
    reasons: [],
    confidence: 'weak',
    proof: [],
  });
  if (strange > MOST_STRANGE * samples.length || flows === 0) return plain('none');
  if (lines.length === 1) return plain('single');
  for (const line of lines) line.proved &&= !isOneTuple(line.members);
  const returns = returnsTo(lines);
  if (returns.length > 0) return { ...plain('interleaved'), ...interleaved(returns, lines) };

  // Connections of one tuple on one line count once, because a host with an offset for each tuple looks like that.
  const distinct = lines.reduce((sum, line) => sum + line.tuples.size, 0);
  if (distinct < SHOWS_REGIME) return plain('none');
  const changes = sameTupleChanges(samples, hz);
  const other = otherWitnesses(samples);
  const perConnection = !lines.some(line => line.proved);
  return {
    ...plain(perConnection ? 'per-connection' : 'restart'),
    hostsHigh: Math.max(perConnection ? distinct : lines.length, other.hosts),
    hostsLow: other.hosts,
    reasons: [...other.reasons, ...changes],
    confidence: other.isStrong ? 'strong' : 'weak',
    proof: other.proof.length > 0 ? other.proof : firstOf(lines, perConnection),
  };
}

/**
 * A NAT that forgets an attempt, because of an RST or otherwise, may give its next SYN another port. The ISN shows that
 * it is the same socket. As two tuples on one clock it would look like a host that returns to its line.
 */
function onceEach(samples: readonly ClockSample[]): ClockSample[] {
  const seen = new Map<number, Nanos>();
  return samples.filter(({ isn, at }) => {
    const before = seen.get(isn | 0);
    seen.set(isn | 0, at);
    return before === undefined || at - before > LONGEST_ATTEMPT;
  });
}

function returnsTo(lines: readonly Line[]): Return[] {
  const proved = lines.filter(line => line.proved);
  if (proved.length === 0) return [];
  const samples = lines.flatMap(({ members }) => members).sort((a, b) => a.at - b.at);
  // The files of a rotation may be named in any order, as by a glob that puts cap10 before cap2.
  const places = new Map([...new Set(samples.map(({ capture }) => capture))].map((capture, place) => [capture, place]));
  return proved.flatMap(line => returnTo(line, samples, ({ capture }) => places.get(capture)!) ?? []);
}

/**
 * The longest return to a line. Its first and last connection must be of different tuples, because a host with an
 * offset for each tuple returns to its line on the same tuple. The captures must follow each other, because two
 * captures of the same time may have been taken with different clocks. `placeOf`: the place of a sample's capture in
 * the order in which captures begin.
 */
function returnTo(
  line: Line,
  samples: readonly ClockSample[],
  placeOf: (sample: ClockSample) => number,
): Return | undefined {
  const { members } = line;
  const [first, last] = [members[0], members.at(-1)!];
  const [left, back] = widest(
    [first, members.findLast(sample => tupleOf(sample) !== tupleOf(first))!],
    [members.find(sample => tupleOf(sample) !== tupleOf(last))!, last],
  );
  const own = new Set(members);
  const between = samples.find(
    sample =>
      sample.at > left.at &&
      sample.at < back.at &&
      !own.has(sample) &&
      placeOf(left) <= placeOf(sample) &&
      placeOf(sample) <= placeOf(back),
  );
  if (between === undefined) return undefined;
  const before = members.findLast(sample => sample.at < between.at)!;
  const after = members.find(sample => sample.at > between.at && tupleOf(sample) !== tupleOf(before)) ?? back;
  return { line, from: left.at, to: back.at, proof: [before, between, after] };
}

type Span = readonly [ClockSample, ClockSample];
const widest = (a: Span, b: Span): Span => (a[1].at - a[0].at >= b[1].at - b[0].at ? a : b);

/** One host cannot be on two lines that both continue after the other has begun. */
function interleaved(returns: readonly Return[], lines: readonly Line[]): Partial<ClockVerdict> {
  const alive = ({ from }: Return): number => returns.filter(other => other.from <= from && from < other.to).length;
  const together = Math.max(...returns.map(alive));
  const best = returns.reduce((a, b) => (b.line.members.length > a.line.members.length ? b : a));
  return {
    hostsLow: Math.max(2, together),
    hostsHigh: lines.length,
    reasons: [
      `a clock line of ${best.line.members.length} connections is left and returned to`,
      ...(together > 1 ? [`${together} such lines go on side by side`] : []),
    ],
    confidence: together > 1 ? 'strong' : 'weak',
    proof: best.proof,
  };
}

/** The first connections of the first lines; for a restart the two connections around it. */
function firstOf(lines: readonly Line[], perConnection: boolean): ClockSample[] {
  if (perConnection) return lines.slice(0, SHOWS_REGIME).map(line => line.members[0]);
  const step = lines[1].members[0];
  const before = lines[0].members.findLast(sample => sample.at < step.at)!;
  return [before, step];
}

function lineOf({ hz, members }: Line): ClockLine {
  const first = members[0];
  return {
    hz,
    t0: first.at,
    v0: first.tsval >>> 0,
    flows: members.length,
    firstAt: first.at,
    lastAt: Math.max(...members.map(({ lastAt }) => lastAt)),
    ttl: first.ttl,
    mss: first.mss,
    windowScale: first.windowScale,
  };
}
