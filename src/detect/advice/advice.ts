/**
 * What to do about a finding: what it means, what to check where and how to read the result, what to change at which
 * risk, what not to do, and whom to ask. It depends on the finding's class, cause or outcome, not on its rule alone.
 */

import type { HostWord } from '../context/context.ts';
import type { ContextEvidence, EvidenceOf, Rule } from '../evidence.ts';
import type { Confidence, Severity } from '../finding.ts';

/** A command to run. It only reads: nothing in `checks` changes a system. */
export interface Check {
  /** The machine, in words: `the server`. */
  where: string;
  command: string;
  /** What each result means. */
  expect: string;
  /** A setting or version that host.json contains (docs/context.md). It is not asked for again if that has decided. */
  collected?: true;
}

export interface Change {
  what: string;
  risk: string;
}

export interface Advice {
  meaning: string;
  /** The most informative one first. */
  checks: readonly Check[];
  /** Empty if nothing needs to change. */
  change: readonly Change[];
  doNot: string;
  /** Who can answer what the packets cannot. */
  askNext: string;
}

/** Evidence of a rule that is not known to the compiler. */
export type Evidence = Readonly<Record<string, unknown>>;

export type EvidenceIn<R extends Rule> = Readonly<EvidenceOf[R] & ContextEvidence>;

/** What host.json of an end added to the evidence: context.ts. */
export const hostWord = ({ context }: ContextEvidence): HostWord | undefined => context;

/** The end that would have caused it cannot have done so, by its own host.json. */
export const refuted = ({ context }: ContextEvidence): boolean => context?.says === 'cannot';

/**
 * The part of a finding that advice depends on, with the names of the stored columns. The addresses are only used in
 * commands.
 */
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
 * One row of a rule's table. Texts may contain `{client}`, `{client_port}`, `{server}`, `{server_port}`; the end
 * `{from}` that acted, the `{other}` end, and their `{from_address}`, `{other_address}`, `{from_port}`; the `{owner}`
 * of a TIME_WAIT; `{differs}`, in what SYNs differ; `{reasons}` for several hosts; sentences that only some findings need
 * (fill.ts); and `{since}` and `{until}`, a minute before and after the finding.
 */
export interface Row extends Omit<Advice, 'doNot' | 'change'> {
  /** Absent if nothing needs to change. */
  change?: readonly Change[];
  /** In addition to that of the rule. */
  doNot?: string;
}

/** What a rule supplies: its rows by name, in any order, and the choice of one for a finding. */
export interface Table<Name extends string, E> {
  doNot: string;
  /** The only place where an order matters. A name without a row, from another version, gets the row `rest`. */
  choose: (evidence: E) => Name;
  rows: Readonly<Record<NoInfer<Name> | 'rest', Row>>;
}

export type RuleAdvice<R extends Rule> = Table<string, EvidenceIn<R>>;

/** Has the compiler check that each name that `choose` may return has a row. */
export const ruleAdvice = <Name extends string, E>(table: Table<Name, E>): Table<string, E> => table;

export const rowOf = <E>({ choose, rows }: Table<string, E>, evidence: E): Row => {
  const name = choose(evidence);
  return Object.hasOwn(rows, name) ? rows[name] : rows.rest;
};
