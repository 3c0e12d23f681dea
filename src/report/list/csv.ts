/** CSV (RFC 4180): a header, then one finding per line, with the evidence as JSON in the last column. */
import { rfc3339 } from '../../base/time.ts';
import type { FindingRow } from '../../store/rows.ts';
import { printable, printableJson } from '../printable.ts';

const COLUMNS = [
  'id',
  'run_id',
  'rule',
  'severity',
  'confidence',
  'title',
  'first_ns',
  'last_ns',
  'client',
  'client_port',
  'server',
  'server_port',
  'evidence',
] as const satisfies readonly (keyof FindingRow)[];

export function* csv(findings: Iterable<FindingRow>): Generator<string> {
  yield `${COLUMNS.join(',')}\r\n`;
  for (const finding of findings) {
    const row: Record<(typeof COLUMNS)[number], string | number> = {
      ...finding,
      title: safeText(finding.title),
      // As text: spreadsheets cannot hold nanoseconds since the epoch exactly.
      first_ns: rfc3339(finding.first_ns),
      last_ns: rfc3339(finding.last_ns),
      evidence: printableJson(finding.evidence),
    };
    yield `${COLUMNS.map(name => quote(row[name])).join(',')}\r\n`;
  }
}

/** Spreadsheets treat a cell that begins like this as a formula; the apostrophe keeps it text. */
const safeText = (text: string): string => (/^[=+\-@]/.test(text) ? `'${printable(text)}` : printable(text));

const quote = (value: string | number): string => {
  const text = String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};
