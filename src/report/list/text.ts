/** Findings as a table that is written while they are read: column widths are fixed, titles wrap below their row. */
import { rfc3339 } from '../../base/time.ts';
import type { FindingRow } from '../../store/rows.ts';
import { wrap } from '../columns.ts';
import { printable } from '../printable.ts';
import type { TextStyle } from '../text-style.ts';
import { connection } from '../words.ts';

const SEVERITY = 'critical'.length;
const RULE = 'time-wait-overflow'.length;
/** Width of the time, in milliseconds: enough to find the place. All other formats have the exact time. */
const TIME = '2026-11-21T07:02:07.000Z'.length;
const INDENT = '  ';

export function* listText(findings: Iterable<FindingRow>, showRun: boolean, style: TextStyle): Generator<string> {
  let isFirst = true;
  for (const finding of findings) {
    if (isFirst)
      yield `${style.bold(row(showRun ? 'run' : undefined, 'severity', 'rule', 'time', 'client → server'))}\n`;
    isFirst = false;
    const time = `${rfc3339(finding.first_ns).slice(0, TIME - 1)}Z`;
    const run = showRun ? String(finding.run_id) : undefined;
    const head = row(run, finding.severity, finding.rule, time, connection(finding));
    const title = wrap(`${printable(finding.title)} [${finding.confidence}, ${finding.id}]`, style.width, INDENT);
    yield `${style.severity(finding.severity, head)}\n${title.join('\n')}\n`;
  }
}

function row(run: string | undefined, severity: string, rule: string, time: string, ends: string): string {
  const cells = [severity.padEnd(SEVERITY), rule.padEnd(RULE), time.padEnd(TIME), ends];
  if (run !== undefined) cells.unshift(run.padStart(3));
  return cells.join('  ');
}
