/** How text is shown: as wide as the terminal, and in colour if stdout is a terminal and colour is not turned off. */
import pc from 'picocolors';
import type { Severity } from '../detect/finding.ts';
import type { TextStyle } from '../report/text-style.ts';
import type { ColorMode } from './options.ts';

const MIN_WIDTH = 80;
const MAX_WIDTH = 200;
/** Width for pipes and files. */
const DEFAULT_WIDTH = 100;

/** `color` is false for --no-color. */
export function textStyle(color: ColorMode | false, verbose: boolean): TextStyle {
  const colors = pc.createColors(isColored(color));
  const bySeverity: Record<Severity, (text: string) => string> = {
    info: colors.dim,
    notice: colors.cyan,
    warning: colors.yellow,
    error: colors.red,
    critical: text => colors.bold(colors.red(text)),
  };
  const width = process.stdout.columns ?? DEFAULT_WIDTH;
  return {
    width: Math.min(MAX_WIDTH, Math.max(MIN_WIDTH, width)),
    verbose,
    bold: colors.bold,
    dim: colors.dim,
    mark: text => colors.bold(colors.yellow(text)),
    code: colors.cyan,
    severity: (severity, text) => bySeverity[severity](text),
  };
}

/** https://no-color.org: any value but the empty one turns colour off. The command line takes precedence. */
function isColored(color: ColorMode | false): boolean {
  if (color === false || color === 'never') return false;
  if (color === 'always') return true;
  return process.stdout.isTTY === true && !process.env.NO_COLOR && process.env.TERM !== 'dumb';
}
