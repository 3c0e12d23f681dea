/**
 * `pawscope check`: are the findings of these captures those that their goldens say? Everything is analysed in this
 * process, one capture after the other: the captures are small, and starting threads takes longer than reading them.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { analyse, type Sink } from '../analyse.ts';
import { PawscopeError } from '../base/errors.ts';
import { reasonOf } from '../base/system-errors.ts';
import type { Finding } from '../detect/finding.ts';
import { checkGithub } from '../report/check/github.ts';
import { type GoldenFinding, goldenDocument, goldenText, parseGolden } from '../report/check/golden.ts';
import { goldenChanges } from '../report/check/golden-diff.ts';
import { checkJson } from '../report/check/json.ts';
import { checkJunit } from '../report/check/junit.ts';
import { checkMarkdown } from '../report/check/markdown.ts';
import type { Outcome, Verdict } from '../report/check/outcome.ts';
import { checkSarif } from '../report/check/sarif.ts';
import { checkText } from '../report/check/text.ts';
import { findSubjects, type Subject } from './check-subjects.ts';
import { Exit, UsageError } from './exit.ts';
import { appendStepSummary } from './export.ts';
import { statOf } from './inputs.ts';
import type { CheckOptions, JudgingOptions } from './options.ts';
import { writeOut } from './output.ts';
import { refuseUnknownRules } from './rules.ts';
import { textStyle } from './text-style.ts';
import { packageVersion } from './version.ts';

export async function check(names: readonly string[], options: CheckOptions): Promise<number> {
  if (options.rule) refuseUnknownRules(options.rule);
  if (options.rule && options.update) {
    throw new UsageError('--update with --rule would drop the findings of the other rules; leave out --rule');
  }
  const outcomes: Outcome[] = [];
  for (const subject of await findSubjects(names)) outcomes.push(await outcomeOf(subject, options));
  await writeOut(pieces(outcomes, options));
  if (options.format === 'github') appendStepSummary(checkMarkdown(outcomes));
  return statusOf(outcomes);
}

function pieces(outcomes: readonly Outcome[], { format, color, verbose }: CheckOptions): Iterable<string> {
  switch (format) {
    case 'json':
      return checkJson(outcomes);
    case 'md':
      return checkMarkdown(outcomes);
    case 'sarif':
      return checkSarif(outcomes, packageVersion());
    case 'junit':
      return checkJunit(outcomes);
    case 'github':
      return checkGithub(outcomes);
    case 'text':
      return [checkText(outcomes, textStyle(color, verbose === true))];
  }
}

async function outcomeOf(subject: Subject, options: CheckOptions): Promise<Outcome> {
  const of = { capture: subject.name, golden: subject.goldenName };
  if (subject.inputs.length === 0) return { ...of, verdict: 'no-capture' };
  try {
    const { documents, fault } = await found(subject, options);
    if (fault) return { ...of, verdict: 'failed', problem: fault };
    const findings = documents.length;
    if (options.update) return { ...of, verdict: update(subject, documents) ? 'written' : 'same', findings };
    if (!statOf(subject.golden)) return { ...of, verdict: 'no-golden', findings };
    const golden = parseGolden(read(subject), subject.goldenName);
    const changes = goldenChanges(
      golden.filter(({ rule }) => options.rule === undefined || options.rule.includes(rule)),
      // The documents as they would read from a golden.
      parseGolden(JSON.stringify(documents), subject.name),
    );
    return changes.length === 0
      ? { ...of, verdict: 'same', findings }
      : { ...of, verdict: 'differs', findings, changes };
  } catch (error) {
    if (!(error instanceof PawscopeError)) throw error;
    return { ...of, verdict: 'unreadable', problem: withoutName(error.message, subject.name) };
  }
}

async function found(
  { inputs }: Subject,
  { rule, maxFlows, timeWait, portRange }: JudgingOptions,
): Promise<{ documents: GoldenFinding[]; fault: string | undefined }> {
  const findings: Finding[] = [];
  let origin = 0;
  const sink: Sink = {
    begin: start => {
      origin = start;
    },
    findings: batch => {
      for (const finding of batch) findings.push(finding);
    },
    timeWaits: () => {},
    flows: () => {},
    clocks: () => {},
    curve: () => {},
    progress: () => {},
  };
  const settings = { workers: 0, maxFlows, timeWait, portRange, ...(rule ? { rules: rule } : {}) };
  const { fault } = await analyse(inputs, settings, sink);
  return {
    documents: goldenDocument(findings, origin),
    fault: fault && `a fault of pawscope itself, please report it: rule ${fault.rule} failed at frame ${fault.frame}`,
  };
}

/** Writes the golden. False if the file already has exactly this text. */
function update(subject: Subject, documents: readonly GoldenFinding[]): boolean {
  const text = goldenText(documents);
  if (statOf(subject.golden) && read(subject) === text) return false;
  try {
    writeFileSync(subject.golden, text);
    return true;
  } catch (error) {
    throw new PawscopeError(`${subject.goldenName}: cannot be written: ${reasonOf(error)}`);
  }
}

function read({ golden, goldenName }: Subject): string {
  try {
    return readFileSync(golden, 'utf8');
  } catch (error) {
    throw new PawscopeError(`${goldenName}: cannot be read: ${reasonOf(error)}`);
  }
}

const withoutName = (message: string, name: string): string =>
  message.startsWith(`${name}: `) ? message.slice(name.length + 2) : message;

const STATUS: Readonly<Record<Verdict, number>> = {
  same: Exit.DONE,
  written: Exit.DONE,
  differs: Exit.FINDINGS,
  'no-golden': Exit.FINDINGS,
  'no-capture': Exit.FINDINGS,
  unreadable: Exit.ERROR,
  failed: Exit.DAMAGED,
};

/** The first status, in the order of `Exit`, that any outcome has. */
const statusOf = (outcomes: readonly Outcome[]): number =>
  Object.values(Exit).find(status => outcomes.some(({ verdict }) => STATUS[verdict] === status)) ?? Exit.DONE;
