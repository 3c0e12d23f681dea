/** Findings as a table for a ticket, in GitHub's Markdown, one finding per row. */
import { rfc3339 } from '../../base/time.ts';
import type { CaptureRow, FindingRow } from '../../store/rows.ts';
import { markdownCell } from '../escape.ts';
import { connection, counted, sourceText } from '../words.ts';
import { locator } from './finding-location.ts';
import { SeverityCounter } from './severity-counts.ts';

const HEADER = ['severity', 'evidence', 'rule', 'time', 'client → server', 'verdict', 'frame', 'id'];

/** Writes at most `most` rows and counts the rest. */
export function* markdownList(
  findings: Iterable<FindingRow>,
  captures: readonly CaptureRow[],
  most = Number.POSITIVE_INFINITY,
): Generator<string> {
  const placeOf = locator(captures);
  const counter = new SeverityCounter();
  for (const finding of findings) {
    if (counter.total === 0) yield markdownRow(HEADER) + markdownRow(HEADER.map(() => '---'));
    counter.add(finding.severity);
    if (counter.total > most) continue;
    const place = placeOf(finding);
    yield markdownRow([
      finding.severity,
      finding.confidence,
      finding.rule,
      rfc3339(finding.first_ns),
      markdownCell(connection(finding)),
      markdownCell(finding.title),
      place ? markdownCell(`${place.frame} of ${sourceText(place.source)}`) : '',
      finding.id,
    ]);
  }
  const left = counter.total - most;
  const more = left > 0 ? `; ${counted(left, 'row')} left out` : '';
  yield `${counter.total > 0 ? '\n' : ''}${counter.text}${more}.\n`;
}

/** A table row. The cells must be safe already, by `markdownCell`. */
export const markdownRow = (cells: readonly string[]): string => `| ${cells.join(' | ')} |\n`;
