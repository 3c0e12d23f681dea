/**
 * JUnit XML for CI servers: one test case per capture. It fails if the capture has a finding of the severity that
 * counts, and lists the findings in any case. It contains no times, so the same captures give the same text.
 */

import { isCaveat, noteText } from '../../capture/capture-info.ts';
import { SEVERITIES, type Severity } from '../../detect/finding.ts';
import type { CaptureRow, FindingRow } from '../../store/rows.ts';
import { xml } from '../escape.ts';
import { connection, counted, sourceText } from '../words.ts';
import { locator } from './finding-location.ts';
import { SeverityCounter } from './severity-counts.ts';

/** Most lines listed for one capture; counts include all findings. */
const MOST_LINES = 100;

export interface JunitCase {
  name: string;
  problem?: { kind: 'failure' | 'error'; message: string; text: string };
  /** Further output of the test case. */
  output?: string;
  warning?: string;
}

export function* junitXml(cases: readonly JunitCase[]): Generator<string> {
  const n = (kind: string): number => cases.filter(({ problem }) => problem?.kind === kind).length;
  const sums = `tests="${cases.length}" failures="${n('failure')}" errors="${n('error')}"`;
  yield `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="pawscope" ${sums}>\n`;
  yield `  <testsuite name="pawscope" ${sums} skipped="0">\n`;
  for (const one of cases) yield caseXml(one);
  yield '  </testsuite>\n</testsuites>\n';
}

function caseXml({ name, problem, output, warning }: JunitCase): string {
  const parts = [
    ...(problem ? [`<${problem.kind} message="${xml(problem.message)}">${xml(problem.text)}</${problem.kind}>`] : []),
    ...(output ? [`<system-out>${xml(output)}</system-out>`] : []),
    ...(warning ? [`<system-err>${xml(warning)}</system-err>`] : []),
  ];
  const head = `    <testcase classname="pawscope" name="${xml(name)}"`;
  if (parts.length === 0) return `${head}/>\n`;
  return `${head}>\n${parts.map(part => `      ${part}\n`).join('')}    </testcase>\n`;
}

interface Results {
  counter: SeverityCounter;
  /** Number of findings of the severity that counts. */
  failing: number;
  lines: { failing: string[]; other: string[] };
}

/** A capture fails if it has findings of severity `failOn` or worse. */
export function junit(
  findings: Iterable<FindingRow>,
  captures: readonly CaptureRow[],
  failOn: Severity,
): Generator<string> {
  const byCapture = new Map<number, Results>(captures.map(({ id }) => [id, noResults()]));
  const unplaced = noResults();
  const placeOf = locator(captures);
  for (const finding of findings) {
    const place = placeOf(finding);
    const one = place ? byCapture.get(place.captureId)! : unplaced;
    one.counter.add(finding.severity);
    const fails = SEVERITIES.indexOf(finding.severity) >= SEVERITIES.indexOf(failOn);
    if (fails) one.failing++;
    const lines = fails ? one.lines.failing : one.lines.other;
    if (lines.length < MOST_LINES) lines.push(lineOf(finding, place?.frame));
  }
  const cases = captures.map(capture => caseOf(capture, byCapture.get(capture.id)!));
  if (unplaced.counter.total > 0) cases.push(caseOf({ source: 'captures that are not known', note: [] }, unplaced));
  return junitXml(cases);
}

const noResults = (): Results => ({ counter: new SeverityCounter(), failing: 0, lines: { failing: [], other: [] } });

function caseOf(
  { source, note }: Pick<CaptureRow, 'source' | 'note'>,
  { counter, failing, lines }: Results,
): JunitCase {
  const notes = note.filter(isCaveat).map(one => noteText(source, one));
  return {
    name: sourceText(source),
    ...(failing > 0
      ? { problem: { kind: 'failure', message: counter.text, text: listed(lines.failing, failing) } as const }
      : {}),
    output: listed(lines.other, counter.total - failing),
    warning: notes.join('\n'),
  };
}

const listed = (lines: readonly string[], count: number): string =>
  [...lines, ...(count > lines.length ? [`and ${counted(count - lines.length, 'more finding')}`] : [])].join('\n');

const lineOf = (finding: FindingRow, frame: number | undefined): string =>
  `${finding.severity}, ${finding.confidence}: ${finding.rule}${frame === undefined ? '' : ` at frame ${frame}`}, ` +
  `${connection(finding)}: ${finding.title} [${finding.id}]`;
