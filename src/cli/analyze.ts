/**
 * `pawscope analyze`: captures in, findings into the database, the result to stdout. The database is opened when the
 * captures have been, so that a capture that cannot be read leaves no trace; what comes in is kept as it comes.
 */
import { type AnalyseOptions, type AnalyseResult, analyse, type Sink } from '../analyse.ts';
import { noteText } from '../capture/capture-info.ts';
import type { HostContext } from '../detect/host-context.ts';
import { type Machine, machineOf } from '../detect/profile.ts';
import { printable } from '../report/printable.ts';
import { counted } from '../report/words.ts';
import type { Fault } from '../shard/faults.ts';
import { guardedAsync } from '../store/failures.ts';
import { Store } from '../store/store.ts';
import { UsageError } from './exit.ts';
import { readContexts, unmatched } from './host-contexts.ts';
import { resolveInputs } from './inputs.ts';
import type { AnalyzeOptions } from './options.ts';
import { createProgress, type Progress } from './progress.ts';
import { writeResult } from './result.ts';
import { refuseUnknownRules } from './rules.ts';
import { listenForSignals } from './signals.ts';
import { baselineIds, refuseUnmeetable, statusOf, unmet } from './verdict.ts';
import { packageVersion } from './version.ts';

export async function analyze(files: readonly string[], options: AnalyzeOptions): Promise<number> {
  const names = [...options.read, ...files];
  if (names.length === 0) throw new UsageError('name at least one capture, or - for standard input');
  if (options.rule) refuseUnknownRules(options.rule);
  refuseUnmeetable(options);
  const known = baselineIds(options);
  const machine = machineFor(options);
  const contexts = readContexts(options.context);
  const signals = listenForSignals();
  const inputs = await resolveInputs(names, signals.abort);
  const progress = await createProgress(options.quiet === true);
  const run = new Recording(options, storedOptions(options, contexts, machine), progress);
  let result: AnalyseResult;
  try {
    result = await analyse(
      inputs,
      { ...analyseOptions(options, signals.abort), contexts, ...(machine && { machine }) },
      run,
    );
    run.finish(result);
  } catch (error) {
    run.fail();
    throw error;
  } finally {
    progress.stop();
    signals.forget();
  }
  try {
    for (const warning of warnings(result)) process.stderr.write(`pawscope: ${printable(warning)}\n`);
    for (const warning of unmatched(contexts, result.tally)) process.stderr.write(`pawscope: ${printable(warning)}\n`);
    if (result.fault) process.stderr.write(`pawscope: ${faultText(result.fault, result)}\n`);
    const filter = { runs: [run.store.runId], ...(known && { notIds: known }) };
    await guardedAsync(options.db, () => writeResult(run.store, options, filter));
    for (const sentence of unmet(options.expect, result.tally)) process.stderr.write(`pawscope: ${sentence}\n`);
    if (options.verbose) process.stderr.write(`pawscope: ${run.pace(result)}\n`);
    return statusOf(result, run.store, options, filter, signals.caught());
  } finally {
    run.store.close();
  }
}

/** The sink of a run: a database from the moment on that there is something to keep. */
class Recording implements Sink {
  private readonly options: AnalyzeOptions;
  private readonly stored: Record<string, unknown>;
  private readonly bar: Progress;
  private readonly started = Date.now();
  private opened: Store | undefined;

  constructor(options: AnalyzeOptions, stored: Record<string, unknown>, progress: Progress) {
    this.options = options;
    this.stored = stored;
    this.bar = progress;
  }

  get store(): Store {
    if (!this.opened) throw new Error('the run has not begun');
    return this.opened;
  }

  begin: Sink['begin'] = (origin, captures) => {
    this.opened = new Store(this.options.db, {
      startedNs: nanos(this.started),
      version: packageVersion(),
      command: 'analyze',
      options: this.stored,
      origin,
      captures,
    });
  };

  findings: Sink['findings'] = batch => this.store.findings(batch);
  timeWaits: Sink['timeWaits'] = rows => this.store.timeWaits(rows);
  flows: Sink['flows'] = rows => this.store.flows(rows);
  clocks: Sink['clocks'] = rows => this.store.clocks(rows);
  curve: Sink['curve'] = series => this.store.curve(series);

  progress: Sink['progress'] = (consumed, total, frames) => {
    this.bar.update(consumed, total, frames);
    this.store.refresh(Date.now());
  };

  finish(result: AnalyseResult): void {
    this.store.finish(result.status, nanos(Date.now()), result.tally);
  }

  fail(): void {
    this.opened?.fail(nanos(Date.now()));
    this.opened?.close();
  }

  pace({ tally }: AnalyseResult): string {
    const s = (Date.now() - this.started) / 1e3;
    const rss = process.resourceUsage().maxRSS / 1024;
    return `${tally.frames ?? 0} frames in ${s.toFixed(2)} s, ${rss.toFixed(0)} MiB of memory at most`;
  }
}

const nanos = (ms: number): bigint => BigInt(ms) * 1_000_000n;

const analyseOptions = (options: AnalyzeOptions, signal: AbortSignal): AnalyseOptions => ({
  ...(options.workers === undefined ? {} : { workers: options.workers }),
  ...(options.rule ? { rules: options.rule } : {}),
  maxFlows: options.maxFlows,
  timeWait: options.timeWait,
  portRange: options.portRange,
  flows: options.flows === true,
  signal,
});

/** The machine of a what-if, or nothing when none was asked for. */
function machineFor({ profile, sysctl }: AnalyzeOptions): Machine | undefined {
  if (profile === undefined && sysctl === undefined) return undefined;
  const machine = machineOf(profile, sysctl ?? {});
  if (typeof machine === 'string') throw new UsageError(machine);
  return machine;
}

/** What the findings depend on, for those who read the database later. */
const storedOptions = (
  options: AnalyzeOptions,
  contexts: readonly HostContext[],
  machine: Machine | undefined,
): Record<string, unknown> => ({
  ...(options.rule ? { rules: options.rule } : {}),
  ...(options.workers === undefined ? {} : { workers: options.workers }),
  max_flows: options.maxFlows,
  time_wait: options.timeWait,
  port_range: options.portRange,
  flows: options.flows === true,
  ...(machine === undefined ? {} : { what_if: machine.label }),
  ...(contexts.length === 0
    ? {}
    : { contexts: contexts.map(({ host, kernel, collected }) => ({ host, kernel, collected })) }),
});

/** Why the status is 3, in a sentence a capture; the other notes are in the summary. */
const warnings = ({ captures }: AnalyseResult): string[] =>
  captures.flatMap(capture =>
    capture.notes
      .filter(note => note.kind !== 'comment' && note.kind !== 'clock-step')
      .map(note => noteText(capture.source, note)),
  );

const faultText = ({ rule, capture, frame, error }: Fault, { captures, tally }: AnalyseResult): string =>
  `a fault of pawscope itself, please report it: rule ${rule} failed at frame ${frame} of ` +
  `${printable(captures[capture]?.source ?? '')} (${counted(tally[`failed.${rule}`] ?? 1, 'event')} in all): ${error}`;
