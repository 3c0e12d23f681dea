/**
 * `pawscope analyze`: reads captures, stores their findings in the database and writes the result to stdout. The
 * database is opened only after the captures, so that a capture that cannot be read leaves no trace; findings are
 * stored as they come in.
 */
import { type AnalyseResult, analyse } from '../analyse.ts';
import { NoCaptureError, PawscopeError } from '../base/errors.ts';
import type { Input } from '../capture/capture-info.ts';
import { hideAddresses } from '../store/anonymized.ts';
import { guarded, guardedAsync } from '../store/failures.ts';
import { anonymizerOf } from './anonymize.ts';
import { UsageError } from './exit.ts';
import { resolveInputs } from './inputs.ts';
import type { AnalyzeOptions } from './options.ts';
import { say } from './output.ts';
import { createProgress } from './progress.ts';
import { Recording } from './recording.ts';
import {
  alreadyNamed,
  analyseOptions,
  closingLines,
  logStays,
  prepare,
  printedFindings,
  storedOptions,
  warnings,
} from './run.ts';
import { listenForSignals } from './signals.ts';
import { statusOf } from './verdict.ts';

export async function analyze(files: readonly string[], options: AnalyzeOptions): Promise<number> {
  const names = [...options.read, ...files];
  if (names.length === 0) throw new UsageError('name at least one capture, or - for standard input');
  const prepared = prepare(options);
  const signals = listenForSignals();
  const { inputs, repeated } = await resolveInputs(names, signals.abort);
  const progress = await createProgress(options.quiet === true);
  const stored = storedOptions(options, prepared);
  const run = new Recording({ command: 'analyze', path: options.db, stored, progress });
  let result: AnalyseResult;
  let telling: Promise<typeof import('./result.ts')>;
  try {
    const analysed = analyse(inputs, { ...analyseOptions(options, prepared), signal: signals.abort }, run);
    // The worker threads are busy now, so this thread loads the output code meanwhile.
    telling = import('./result.ts');
    result = await analysed;
    run.finish(result);
  } catch (error) {
    run.fail();
    throw error instanceof NoCaptureError && isNamedAmongOthers(error, inputs) ? amongOthers(error) : error;
  } finally {
    progress.stop();
    signals.forget();
  }
  try {
    const anonymizer = anonymizerOf(options);
    const sentences = [...alreadyNamed(repeated), ...warnings(result, prepared)];
    const files = [...result.captures, ...result.passedOver].map(({ source }) => source);
    const paths = [options.db, ...files, ...repeated];
    say(anonymizer ? sentences.map(sentence => anonymizer.sentence(sentence, paths)) : sentences);
    if (anonymizer) guarded(options.db, () => hideAddresses(run.store.database, anonymizer));
    const filter = printedFindings(run, prepared, anonymizer);
    const { writeResult } = await telling;
    await guardedAsync(options.db, () => writeResult(run.store, options, filter, anonymizer));
    say(closingLines(options, run, result));
    return statusOf(result, run.store, options, filter, signals.caught());
  } finally {
    const stays = run.store.close();
    // A program that has the database open merges the log when it ends.
    if (stays !== undefined && stays !== 'in-use') say([logStays(options.db, stays)]);
  }
}

/** It was not found in a folder or by a pattern, where such files are passed over, and is no stream, which is in no folder. */
const isNamedAmongOthers = ({ source }: NoCaptureError, inputs: readonly Input[]): boolean =>
  inputs.length > 1 && inputs.some(input => input.name === source && 'path' in input && input.found !== true);

/** A shell may have expanded a pattern to this name among others: nothing tells it from one that was typed. */
const amongOthers = ({ message }: NoCaptureError): PawscopeError =>
  new PawscopeError(`${message}; to pass over such files, name their folder or put the pattern in quotes`);
