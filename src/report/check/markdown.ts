/** `check` as Markdown for a ticket or the summary of a CI run: a row for each difference, then the totals. */
import { markdownCell } from '../escape.ts';
import { markdownRow } from '../list/markdown.ts';
import { type Outcome, problemOf, sums } from './outcome.ts';
import { changeHead, keyText, updateCommand } from './text.ts';

const HEADER = ['capture', 'what', 'finding', 'how'];

export function* checkMarkdown(outcomes: readonly Outcome[]): Generator<string> {
  const rows = outcomes.flatMap(rowsOf);
  if (rows.length > 0) yield markdownRow(HEADER) + markdownRow(HEADER.map(() => '---'));
  for (const row of rows) yield markdownRow(row.map(markdownCell));
  yield `${rows.length > 0 ? '\n' : ''}${sums(outcomes)}.\n`;
}

function rowsOf(outcome: Outcome): string[][] {
  const { capture, verdict } = outcome;
  if (verdict !== 'differs') {
    const problem = problemOf(outcome, updateCommand(outcome));
    return problem === undefined ? [] : [[capture, verdict.replace('-', ' '), '', problem]];
  }
  return outcome.changes.map(change => {
    const how = change.kind === 'changed' ? change.keys.map(keyText).join('; ') : change.finding.title;
    return [capture, change.kind, changeHead(change.finding), how];
  });
}
