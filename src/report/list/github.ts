/**
 * Workflow commands of GitHub Actions: annotations on a run (docs.github.com, "Workflow commands"). GitHub shows only
 * ten errors, ten warnings and ten notices per step, so no more are written; the last line has the totals. The line
 * number of an annotation is the frame.
 */
import type { Severity } from '../../detect/finding.ts';
import type { CaptureRow, FindingRow } from '../../store/rows.ts';
import { commandMessage, commandProperty } from '../escape.ts';
import { connection } from '../words.ts';
import { locator } from './finding-location.ts';
import { SeverityCounter } from './severity-counts.ts';

export const MOST_ANNOTATIONS = 10;

const GITHUB_LEVEL = {
  critical: 'error',
  error: 'error',
  warning: 'warning',
  notice: 'notice',
  info: 'notice',
} as const satisfies Record<Severity, string>;

type Level = (typeof GITHUB_LEVEL)[Severity];

interface Annotation {
  level: Level;
  title: string;
  message: string;
  file?: string;
  line?: number;
}

export function annotation({ level, title, message, file, line }: Annotation): string {
  const properties = [
    ...(file === undefined ? [] : [`file=${commandProperty(file)}`]),
    ...(line === undefined ? [] : [`line=${line}`]),
    `title=${commandProperty(title)}`,
  ];
  return `::${level} ${properties.join(',')}::${commandMessage(message)}\n`;
}

/** `findings` must be sorted worst first, as only the first ones fit. */
export function* github(findings: Iterable<FindingRow>, captures: readonly CaptureRow[]): Generator<string> {
  const placeOf = locator(captures);
  const counter = new SeverityCounter();
  const shown: Record<Level, number> = { error: 0, warning: 0, notice: 0 };
  for (const finding of findings) {
    counter.add(finding.severity);
    const level = GITHUB_LEVEL[finding.severity];
    if (++shown[level] > MOST_ANNOTATIONS) continue;
    const place = placeOf(finding);
    yield annotation({
      level,
      title: `${finding.rule} (${finding.severity}, ${finding.confidence})`,
      message: `${finding.title}\n${connection(finding)}, finding ${finding.id}`,
      ...(place && place.source !== '-' ? { file: place.source, line: place.frame } : {}),
    });
  }
  const cut = Object.values(shown).some(n => n > MOST_ANNOTATIONS);
  yield `pawscope: ${counter.text}${cut ? `; annotated are ${MOST_ANNOTATIONS} of a level` : ''}\n`;
}
