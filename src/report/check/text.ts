/** `check` as text: every capture that differs from its golden, finding by finding, then the totals. */
import { wrap } from '../columns.ts';
import { printable, printableJson } from '../printable.ts';
import type { TextStyle } from '../text-style.ts';
import { shellFile } from '../tshark.ts';
import { counted, endpoint } from '../words.ts';
import type { GoldenFinding } from './golden.ts';
import type { Change, KeyChange } from './golden-diff.ts';
import { type Outcome, problemOf, sums } from './outcome.ts';

/** Most differences shown for one capture; --verbose and the other formats show all. */
const MAX_CHANGES = 50;

export function checkText(outcomes: readonly Outcome[], style: TextStyle): string {
  const lines: string[] = [];
  for (const outcome of outcomes) lines.push(...outcomeLines(outcome, style));
  if (lines.length > 0) lines.push('');
  return `${[...lines, sums(outcomes)].join('\n')}\n`;
}

/** The shell command that writes the golden of a capture. */
export const updateCommand = ({ capture }: Outcome): string => `pawscope check --update ${shellFile(capture)}`;

function outcomeLines(outcome: Outcome, style: TextStyle): string[] {
  const problem = problemOf(outcome, updateCommand(outcome));
  if (problem === undefined) {
    if (outcome.verdict !== 'written' && !style.verbose) return [];
    const word = outcome.verdict === 'written' ? `wrote ${outcome.golden}` : 'as its golden says';
    const n = 'findings' in outcome ? `, ${counted(outcome.findings, 'finding')}` : '';
    return [`${printable(outcome.capture)}: ${printable(word)}${n}`];
  }
  const lines = [`${style.bold(printable(outcome.capture))}: ${printable(problem)}`];
  if (outcome.verdict !== 'differs') return lines;
  const shown = style.verbose ? outcome.changes : outcome.changes.slice(0, MAX_CHANGES);
  for (const change of shown) lines.push(...changeLines(change, style));
  const left = outcome.changes.length - shown.length;
  if (left > 0) lines.push(`  and ${counted(left, 'more difference')}: --verbose shows all`);
  return lines;
}

const SIGNS = { added: '+ added', gone: '- gone', moved: '> moved', changed: '~ changed' } as const;

export function changeLines(change: Change, style: TextStyle): string[] {
  const { kind, finding } = change;
  const lines = [`  ${style.mark(SIGNS[kind])}: ${changeHead(finding)}`];
  if (kind === 'changed') for (const key of change.keys) lines.push(...keyLines(key, style.width));
  else lines.push(...wrap(findingLine(finding), style.width, '      '));
  return lines;
}

/** For example `port-reuse 0477a892ea341d53, 192.0.2.10:40000 → 198.51.100.80:80`. */
export const changeHead = (finding: GoldenFinding): string =>
  printable(
    `${finding.rule} ${finding.id}, ${endpoint(String(finding.client), finding.client_port)} → ` +
      endpoint(String(finding.server), finding.server_port),
  );

const findingLine = ({ severity, confidence, first_ns, title }: GoldenFinding): string =>
  printable(`${severity}, ${confidence}, ${first_ns}: ${title}`);

/** Long values are put on lines of their own. */
function keyLines(change: KeyChange, width: number): string[] {
  const text = `      ${keyText(change)}`;
  if (text.length <= width) return [text];
  return [
    `      ${printable(change.key)}:`,
    `        was ${valueText(change.was)}`,
    `        is  ${valueText(change.is)}`,
  ];
}

/** For example `evidence.age: was 1.2, is 1.3`. */
export const keyText = ({ key, was, is }: KeyChange): string =>
  `${printable(key)}: was ${valueText(was)}, is ${valueText(is)}`;

const valueText = (value: unknown): string => (value === undefined ? 'absent' : printableJson(value));
