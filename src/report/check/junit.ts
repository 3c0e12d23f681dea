/** `check` as JUnit XML: a difference is a failure, an unreadable file an error. */
import { type JunitCase, junitXml } from '../list/junit.ts';
import { plainStyle } from '../text-style.ts';
import { type Outcome, problemOf } from './outcome.ts';
import { changeLines, updateCommand } from './text.ts';

const STYLE = plainStyle(120);

export const checkJunit = (outcomes: readonly Outcome[]): Generator<string> => junitXml(outcomes.map(caseOf));

function caseOf(outcome: Outcome): JunitCase {
  const message = problemOf(outcome, updateCommand(outcome));
  if (message === undefined) return { name: outcome.capture };
  const kind = outcome.verdict === 'unreadable' || outcome.verdict === 'failed' ? 'error' : 'failure';
  const lines = outcome.verdict === 'differs' ? outcome.changes.flatMap(change => changeLines(change, STYLE)) : [];
  return { name: outcome.capture, problem: { kind, message, text: lines.join('\n') } };
}
