/** A Markdown table for a terminal: if it is too wide, the widest columns are wrapped. */
import { plainStyle, type TextStyle } from '../text-style.ts';
import { type Word, widthOf, words, wrapWords } from './markdown-words.ts';

const PLAIN = plainStyle(0);
const GAP = '  ';
/** Narrowest width to which a column is wrapped. */
const NARROWEST = 12;

export function tableLines(block: readonly string[], width: number, style: TextStyle, indent: string): string[] {
  const [header, , ...body] = block.map(cells);
  const rows = [header, ...body];
  const widths = fit(
    header.map((_, column) => Math.max(...rows.map(row => widthOf(row[column] ?? [])))),
    width - indent.length,
  );
  const lines: string[] = [];
  if (header.some(cell => cell.length > 0)) {
    const heading = header.map(cell => cell.map(word => ({ ...word, kind: 'bold' as const })));
    lines.push(...rowLines(heading, widths, style), widths.map(size => style.dim('─'.repeat(size))).join(GAP));
  }
  for (const row of body) lines.push(...rowLines(row, widths, style));
  return lines.map(line => (indent + line).trimEnd());
}

/** The cells of a row. In our pages no `|` occurs inside code, so each one ends a cell. */
const cells = (line: string): Word[][] =>
  line
    .replace(/^\||\|$/g, '')
    .split('|')
    .map(cell => words(cell.trim()));

function fit(natural: readonly number[], width: number): number[] {
  const widths = [...natural];
  const room = width - GAP.length * (widths.length - 1);
  for (let excess = sum(widths) - room; excess > 0; excess = sum(widths) - room) {
    const widest = widths.indexOf(Math.max(...widths));
    if (widths[widest] <= NARROWEST) break;
    const second = Math.max(NARROWEST, ...widths.filter((_, i) => i !== widest));
    widths[widest] = Math.max(NARROWEST, Math.min(widths[widest] - 1, Math.max(second, widths[widest] - excess)));
  }
  return widths;
}

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);

function rowLines(row: readonly Word[][], widths: readonly number[], style: TextStyle): string[] {
  const columns = row.map((cell, i) => ({
    plain: wrapWords(cell, widths[i], PLAIN),
    styled: wrapWords(cell, widths[i], style),
  }));
  const height = Math.max(...columns.map(({ plain }) => plain.length));
  return Array.from({ length: height }, (_, line) =>
    columns
      .map(
        ({ plain, styled }, i) =>
          (styled[line] ?? '') + ' '.repeat(Math.max(0, widths[i] - (plain[line] ?? '').length)),
      )
      .join(GAP),
  );
}
