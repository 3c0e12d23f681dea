/** `check` as annotations of GitHub Actions: one error for each capture that differs from its golden. */
import { annotation, MOST_ANNOTATIONS } from '../list/github.ts';
import { plainStyle } from '../text-style.ts';
import { type Outcome, problemOf, sums } from './outcome.ts';
import { changeLines, updateCommand } from './text.ts';

const STYLE = plainStyle(120);
/** Most lines of an annotation, which holds about 4 KiB; the other formats have all lines. */
const MOST_LINES = 25;

export function* checkGithub(outcomes: readonly Outcome[]): Generator<string> {
  const wrong = outcomes.filter(outcome => problemOf(outcome, '') !== undefined);
  for (const outcome of wrong.slice(0, MOST_ANNOTATIONS)) {
    const lines = outcome.verdict === 'differs' ? outcome.changes.flatMap(change => changeLines(change, STYLE)) : [];
    const shown = lines.slice(0, MOST_LINES);
    if (shown.length < lines.length) shown.push(`  and ${lines.length - shown.length} more lines`);
    yield annotation({
      level: 'error',
      title: `pawscope check: ${outcome.capture}`,
      message: [problemOf(outcome, updateCommand(outcome)), ...shown].join('\n'),
      file: outcome.capture,
    });
  }
  const left = wrong.length - MOST_ANNOTATIONS;
  yield `pawscope: ${sums(outcomes)}${left > 0 ? `; ${left} of them without an annotation` : ''}\n`;
}
