/** The summary of a run as text. */
import { adviceFor } from '../../detect/advice/index.ts';
import { SEVERITIES } from '../../detect/finding.ts';
import { named } from '../../shard/tally.ts';
import type { FindingRow } from '../../store/rows.ts';
import type { Cause } from '../../store/summary.ts';
import { columns, wrap } from '../columns.ts';
import { printable } from '../printable.ts';
import type { TextStyle } from '../text-style.ts';
import { shellFile, tsharkCommands } from '../tshark.ts';
import { whatIfLines } from '../what-if-text.ts';
import { connection, counted, evidenceText, thousands } from '../words.ts';
import { absenceLines } from './absence.ts';
import { caveatLines, inputLines } from './input.ts';
import { packetLines } from './packets.ts';
import type { Summary } from './summary.ts';
import { timeWaitLines } from './time-waits.ts';

/** Printed after the number of a run, by its status. */
const STATUS = {
  running: ', not finished',
  done: '',
  damaged: ', of incomplete input',
  failed: ', failed',
  interrupted: ', interrupted: not all of the input was read',
} as const;

/** Most causes in the table; the database has all. */
const MAX_CAUSES = 20;

export function summaryText(summary: Summary, style: TextStyle): string {
  const { run, captures, tally } = summary;
  const sections: [title: string, lines: string[]][] = [
    ['Read', inputLines(captures, tally, style)],
    ['Caveats', caveatLines(captures, tally).flatMap(line => wrap(line, style.width, '  '))],
    ['Findings', summary.byRule.size === 0 ? absenceLines(summary, style.width) : ruleLines(summary)],
    ['What if', whatIfLines(summary, style.width)],
    ['TIME_WAIT', timeWaitLines(summary.peaks, run)],
    ['By cause, worst first', causeLines(summary.causes, style)],
    ['The worst of each cause, with the packets that prove it', worstLines(summary, style)],
  ];
  const kept = summary.database === undefined ? 'not kept' : `run ${run.id} in ${printable(summary.database)}`;
  const lines = [`Pawscope ${run.version}, ${kept}${STATUS[run.status]}`];
  for (const [title, body] of sections) if (body.length > 0) lines.push('', style.bold(title), ...body);
  if (summary.database !== undefined && summary.byRule.size > 0) {
    const database = shellFile(summary.database);
    lines.push('', `All of them: pawscope findings ${database} --run ${run.id}`);
    if (summary.worst.length > 0) {
      lines.push(`The worst in full: pawscope explain ${summary.worst[0].id} --db ${database}`);
    }
  }
  return `${lines.join('\n')}\n`;
}

/** How many findings of each rule there are: a column for each severity that occurs, the worst first. */
function ruleLines({ byRule, tally }: Summary): string[] {
  const all = [...byRule.values()];
  const severities = SEVERITIES.filter(severity => all.some(counts => counts[severity] > 0)).reverse();
  const row = (name: string, numbers: readonly number[]): string[] => [
    name,
    ...[...numbers, sum(numbers)].map(n => (n === 0 ? '-' : thousands(n))),
  ];
  const rows = [...byRule].map(([rule, counts]) =>
    row(
      rule,
      severities.map(severity => counts[severity]),
    ),
  );
  const totals = severities.map(severity => sum(all.map(counts => counts[severity])));
  if (rows.length > 1) rows.push(row('total', totals));
  const align = ['left', ...severities.map(() => 'right' as const), 'right'] as const;
  return [...columns([['rule', ...severities, 'all'], ...rows], align), ...notStoredLines(tally, sum(totals))];
}

/** Findings that were raised and are not among the `stored` ones. */
function notStoredLines(tally: Summary['tally'], stored: number): string[] {
  // `findings.suppressed` counts findings that were not stored, which their own rules' counters include.
  const raised = sum(named(tally, 'findings.').map(([rule, n]) => (rule === 'suppressed' ? 0 : n)));
  if (raised <= stored) return [];
  const which = tally['expired.findings']
    ? 'were removed as too old or too many (--keep, --max-db), or only counted'
    : 'of the same rules and host pairs: counted, not stored';
  return [`  ${thousands(raised - stored)} more ${which}`];
}

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);

function causeLines(causes: readonly Cause[], style: TextStyle): string[] {
  if (causes.length === 0) return [];
  const shown = style.verbose ? causes : causes.slice(0, MAX_CAUSES);
  // One row for each severity; the confidence is that of the worst finding.
  const severities = shown.map(({ counts }) => SEVERITIES.filter(severity => counts[severity] > 0).reverse());
  const rows = shown.flatMap((cause, i) =>
    severities[i].map(severity => [
      thousands(cause.counts[severity]),
      severity,
      severity === cause.severity ? cause.confidence : '',
      `${cause.rule} ${printable(cause.cause)}`.trim(),
    ]),
  );
  const [header, ...table] = columns([['count', 'severity', 'evidence', 'rule and cause'], ...rows], ['right']);
  const indent = ' '.repeat(header.indexOf('rule and cause') + 2);
  const lines = [header];
  let row = 0;
  for (const [i, cause] of shown.entries()) {
    for (const severity of severities[i]) lines.push(style.severity(severity, table[row++]));
    lines.push(...wrap(pairsText(cause), style.width, indent));
  }
  if (shown.length < causes.length) lines.push(`  and ${counted(causes.length - shown.length, 'more cause')}`);
  return lines;
}

/** For example `10.0.0.1 → 192.0.2.1 (12), …`: client and server, those with the most findings first. */
function pairsText({ pairs, pairCount, count }: Cause): string {
  const texts = pairs.map(p => `${p.client} → ${p.server}${count === p.count ? '' : ` (${thousands(p.count)})`}`);
  if (pairCount > pairs.length) texts.push(`and ${counted(pairCount - pairs.length, 'more pair')}`);
  return texts.join(', ');
}

/** The first check to make; none if the finding is only `info`. */
function firstCheck(finding: FindingRow, style: TextStyle): string[] {
  const [check] = finding.severity === 'info' ? [] : adviceFor(finding).checks;
  return check === undefined ? [] : [`    Check first on ${check.where}:`, `    ${style.code(check.command)}`];
}

function worstLines({ worst, captures }: Summary, style: TextStyle): string[] {
  const lines: string[] = [];
  for (const finding of worst) {
    if (lines.length > 0) lines.push('');
    const head = `${finding.severity}, ${evidenceText(finding)}: ${finding.rule}`;
    lines.push(`  ${style.severity(finding.severity, head)}  ${style.dim(finding.id)}`);
    lines.push(...wrap(printable(finding.title), style.width, '  '), `  ${connection(finding)}`);
    if (finding.packets.length > 0) lines.push(...packetLines(finding, captures, '    ', style.width));
    lines.push(...tsharkCommands(finding.packets, captures).map(command => `    ${command}`));
    lines.push(...firstCheck(finding, style));
  }
  return lines;
}
