/**
 * What to do about a finding: what it means, what to check where and with which reading, what to change at which risk,
 * what not to do, whom to ask. It follows from the finding's class, cause or outcome, not from its rule alone.
 */
import type { HostWord } from '../context.ts';
import type { Confidence, Severity } from '../finding.ts';

/** A command to run. It only reads: nothing under `checks` changes a system. */
export interface Check {
  /** The machine, in words: `the server`. */
  where: string;
  command: string;
  /** Which reading says what. */
  expect: string;
  /** A setting or version that host.json holds (docs/context.md): not asked again where that has decided. */
  collected?: true;
}

export interface Change {
  what: string;
  risk: string;
}

export interface Advice {
  meaning: string;
  /** The most telling one first. */
  checks: readonly Check[];
  /** Empty where nothing needs to change. */
  change: readonly Change[];
  doNot: string;
  /** Who can answer what the packets cannot. */
  askNext: string;
}

export type Evidence = Readonly<Record<string, unknown>>;

/** What host.json of an end added to the evidence: context.ts. */
export function hostWord({ context }: Evidence): HostWord | undefined {
  return typeof context === 'object' && context !== null ? (context as HostWord) : undefined;
}

/** The end whose doing it would be cannot do it, by its own host.json. */
export const refuted = (evidence: Evidence): boolean => hostWord(evidence)?.says === 'cannot';

/** As much of a finding as advice depends on, named as it is stored; the addresses only fill in the commands. */
export interface Subject {
  rule: string;
  severity: Severity;
  confidence: Confidence;
  evidence: Evidence;
  client?: string;
  client_port?: number;
  server?: string;
  server_port?: number;
  /** Nanoseconds since the epoch. */
  first_ns?: bigint;
  last_ns?: bigint;
}

/**
 * One row of a rule's table. Texts may name `{client}`, `{client_port}`, `{server}`, `{server_port}`, the end
 * `{from}` whose doing it is, the `{other}` one, their `{from_address}`, `{other_address}`, `{from_port}`, the
 * `{owner}` of a TIME_WAIT, and a minute before and after it: `{since}`, `{until}`.
 */
export interface Row extends Omit<Advice, 'doNot' | 'change'> {
  /** Absent where nothing needs to change. */
  change?: readonly Change[];
  /** Besides what the rule says. */
  doNot?: string;
}

export interface Case extends Row {
  /** Absent in the last one, which holds for the rest. */
  when?: (evidence: Evidence) => boolean;
  change: readonly Change[];
}

export interface RuleAdvice {
  doNot: string;
  cases: readonly Case[];
}

/** What a rule writes: its rows by name, in any order, and which of them a finding gets. */
interface Table<Name extends string> {
  doNot: string;
  /** The one place where an order means something. A name without a row, of another version, is of the rest. */
  choose: (evidence: Evidence) => Name;
  rows: Readonly<Record<NoInfer<Name> | 'rest', Row>>;
}

export function ruleAdvice<Name extends string>({ doNot, choose, rows }: Table<Name>): RuleAdvice {
  const { rest, ...named }: Readonly<Record<string, Row>> & { rest: Row } = rows;
  const cases = Object.entries(named).map(
    ([name, row]): Case => ({ change: [], ...row, when: evidence => choose(evidence) === name }),
  );
  return { doNot, cases: [...cases, { change: [], ...rest }] };
}
