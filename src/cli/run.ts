/**
 * What `analyze` and `live` have in common: options for the analysis, what is stored of them, and messages about the
 * run.
 */
import type { AnalyseOptions, AnalyseResult } from '../analyse.ts';
import type { Anonymizer } from '../base/anonymizer.ts';
import { NoTcpError } from '../base/errors.ts';
import { isCaveat, noteText } from '../capture/capture-info.ts';
import type { HostContext } from '../detect/context/host-context.ts';
import { type Machine, machineOf } from '../detect/what-if/profile.ts';
import { counted, firstOf } from '../report/words.ts';
import type { Fault } from '../shard/faults.ts';
import type { LogStays } from '../store/database.ts';
import type { FindingFilter } from '../store/reader.ts';
import { UsageError } from './exit.ts';
import { readContexts, unmatched } from './host-contexts.ts';
import type { AnalyzeOptions } from './options.ts';
import type { Recording } from './recording.ts';
import { refuseUnknownRules } from './rules.ts';
import { baselineIds, refuseUnmeetable, unmet } from './verdict.ts';

/** Options that need more than a parser. */
export interface Prepared {
  machine: Machine | undefined;
  contexts: readonly HostContext[];
  /** Ids of findings that do not count (--baseline); undefined without it. */
  known: readonly string[] | undefined;
}

/** Checks and prepares the options. Throws a UsageError. */
export function prepare(options: AnalyzeOptions): Prepared {
  if (options.rule) refuseUnknownRules(options.rule);
  refuseUnmeetable(options);
  return { known: baselineIds(options), machine: machineFor(options), contexts: readContexts(options.context) };
}

/** The machine of a what-if; undefined if none was requested. */
function machineFor({ profile, sysctl }: AnalyzeOptions): Machine | undefined {
  if (profile === undefined && sysctl === undefined) return undefined;
  const machine = machineOf(profile, sysctl ?? {});
  if (typeof machine === 'string') throw new UsageError(machine);
  return machine;
}

export const analyseOptions = (options: AnalyzeOptions, { machine, contexts }: Prepared): AnalyseOptions => ({
  ...(options.workers === undefined ? {} : { workers: options.workers }),
  ...(options.rule ? { rules: options.rule } : {}),
  ...(options.filter === undefined ? {} : { filter: options.filter }),
  maxFlows: options.maxFlows,
  timeWait: options.timeWait,
  portRange: options.portRange,
  flows: options.flows === true,
  contexts,
  ...(machine && { machine }),
});

/** The options that the findings depend on, for those who read the database later. */
export const storedOptions = (options: AnalyzeOptions, { machine, contexts }: Prepared): Record<string, unknown> => ({
  ...(options.rule ? { rules: options.rule } : {}),
  ...(options.workers === undefined ? {} : { workers: options.workers }),
  ...(options.filter === undefined ? {} : { filter: options.filter }),
  max_flows: options.maxFlows,
  time_wait: options.timeWait,
  port_range: options.portRange,
  flows: options.flows === true,
  ...(machine === undefined ? {} : { what_if: machine.label }),
  ...(contexts.length === 0
    ? {}
    : { contexts: contexts.map(({ host, kernel, collected }) => ({ host, kernel, collected })) }),
});

/** Selects the findings of a run that are written to stdout. */
export const printedFindings = (run: Recording, { known }: Prepared, anonymizer?: Anonymizer): FindingFilter => ({
  runs: [run.store.runId],
  ...(known && { notIds: anonymizer ? known.map(id => anonymizer.id(id)) : known }),
});

/** Sentences for stderr about what the result does not show by itself. */
export const warnings = (result: AnalyseResult, { contexts }: Prepared): string[] => [
  ...passedOver(result),
  ...captureWarnings(result),
  ...unmatched(contexts, result.tally),
  ...(result.fault ? [faultText(result.fault, result)] : []),
];

/** Sentences for stderr after the result. */
export const closingLines = (options: AnalyzeOptions, run: Recording, result: AnalyseResult): string[] => [
  ...unmet(options.expect, result.tally),
  ...(options.verbose ? [run.pace(result)] : []),
];

/** Kinds of notes that do not make the status 3. */
const INFORMING: ReadonlySet<string> = new Set(['clock-step', 'evidence-lost', 'other-clock']);

/** Why the exit status is 3, one sentence for each capture; the summary has the other notes. */
const captureWarnings = ({ captures }: AnalyseResult): string[] =>
  captures.flatMap(capture =>
    capture.notes
      .filter(note => isCaveat(note) && !INFORMING.has(note.kind))
      .map(note => noteText(capture.source, note)),
  );

/** `user`: whom root was given up for, if it was. */
export function logStays(path: string, why: LogStays, user?: string): string {
  if (why === 'in-use')
    return `another program has ${path} open: ${path}-wal belongs to the database until that one ends`;
  const reason =
    why === 'full' ? ', as the disk is full' : user === undefined ? '' : `, as the user ${user} may not remove them`;
  return (
    `${path}-wal and ${path}-shm stay beside the database and belong to it${reason}; ` +
    `to merge them${why === 'full' ? ', once there is room' : ''}: sudo sqlite3 ${path} 'PRAGMA journal_mode = DELETE'`
  );
}

/** One sentence about the files that hold no TCP to read, however many there are; empty if none. */
function passedOver({ passedOver: files }: AnalyseResult): string[] {
  if (files.length === 0) return [];
  if (files.length === 1) return [`skipped: ${files[0].message}`];
  const names = firstOf(files.map(({ source }) => source));
  const which = files.some(file => file instanceof NoTcpError)
    ? 'from which no TCP can be read'
    : 'that are not captures';
  return [`skipped ${counted(files.length, 'file')} ${which}: ${names}`];
}

/** One sentence about the files that were named more than once; empty if none. */
export const alreadyNamed = (names: readonly string[]): string[] =>
  names.length === 0 ? [] : [`read once, though named more often: ${firstOf([...new Set(names)])}`];

const faultText = ({ rule, capture, frame, error }: Fault, { captures, tally }: AnalyseResult): string =>
  `a fault of pawscope itself, please report it: rule ${rule} failed at frame ${frame} of ` +
  `${captures[capture]?.source ?? ''} (${counted(tally[`failed.${rule}`] ?? 1, 'event')} in all): ${error}`;
