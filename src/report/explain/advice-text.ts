/** Advice for a terminal. Each command has a line of its own, which is never broken, so that it can be copied. */
import type { Advice } from '../../detect/advice/index.ts';
import { wrap } from '../columns.ts';
import type { TextStyle } from '../text-style.ts';

const INDENT = '  ';
const DEEPER = '    ';

export function adviceLines(advice: Advice, style: TextStyle): string[] {
  const { width } = style;
  const checks = advice.checks.flatMap(({ where, command, expect }) => [
    ...wrap(`On ${where}:`, width, INDENT),
    `${DEEPER}${style.code(command)}`,
    ...wrap(expect, width, DEEPER),
  ]);
  const changes = advice.change.flatMap(({ what, risk }) => [
    ...wrap(what, width, INDENT),
    ...wrap(`Risk: ${risk}`, width, DEEPER).map(style.dim),
  ]);
  const sections: [title: string, lines: string[]][] = [
    ['What it means', wrap(advice.meaning, width, INDENT)],
    ['Check', checks],
    ['Change', changes.length > 0 ? changes : [`${INDENT}Nothing.`]],
    ['Do not', wrap(advice.doNot, width, INDENT)],
    ['Ask next', wrap(advice.askNext, width, INDENT)],
  ];
  return sections.flatMap(([title, lines]) => (lines.length === 0 ? [] : ['', style.bold(title), ...lines]));
}
