/**
 * The summary of one run: what an engineer pastes into a ticket. It says what was read before what was found, and how
 * sure each finding is before anybody acts on it.
 */
import type { Severity } from '../detect/finding.ts';
import { SEVERITIES } from '../detect/finding.ts';
import type { Cause } from '../store/summary.ts';
import { absenceLines } from './absence-text.ts';
import { columns, wrap } from './columns.ts';
import { caveatLines, inputLines, named } from './input-text.ts';
import { packetLines } from './packets.ts';
import { printable } from './printable.ts';
import type { Summary, TextStyle } from './summary.ts';
import { tsharkCommands } from './tshark.ts';
import { counted, endpoint, thousands } from './words.ts';

/** Causes in the table; the others are in the database. */
const MAX_CAUSES = 20;

export function summaryText(summary: Summary, style: TextStyle): string {
  const { run, captures, tally } = summary;
  const sections: [title: string, lines: string[]][] = [
    ['Read', inputLines(captures, tally, style.verbose)],
    ['Mind', caveatLines(captures, tally)],
    ['Findings', summary.byRule.length === 0 ? absenceLines(summary, style.width) : ruleLines(summary)],
    ['By cause, worst first', causeLines(summary.causes, style)],
    ['The worst of each cause, with the packets that prove it', worstLines(summary, style)],
  ];
  const status = run.status === 'done' ? '' : `, ${run.status}`;
  const where = summary.database === undefined ? ', not kept' : ` in ${printable(summary.database)}`;
  const lines = [`Pawscope ${run.version}, run ${run.id}${where}${status}`];
  for (const [title, body] of sections) if (body.length > 0) lines.push('', style.bold(title), ...body);
  return `${lines.join('\n')}\n`;
}

function ruleLines({ byRule, tally }: Summary): string[] {
  const severities = SEVERITIES.filter(s => byRule.some(row => row.severity === s)).reverse();
  const rules = [...new Set(byRule.map(row => row.rule))];
  const count = (rule: string, severity: Severity): number =>
    byRule.find(row => row.rule === rule && row.severity === severity)?.count ?? 0;
  const sum = (counts: readonly number[]): number => counts.reduce((a, b) => a + b, 0);
  const cells = (counts: readonly number[]): string[] => [...counts, sum(counts)].map(n => (n ? thousands(n) : '-'));
  const rows = rules.map(rule => [rule, ...cells(severities.map(s => count(rule, s)))]);
  if (rules.length > 1) rows.push(['total', ...cells(severities.map(s => sum(rules.map(rule => count(rule, s)))))]);
  const lines = columns(
    [['rule', ...severities, 'all'], ...rows],
    ['left', ...severities.map(() => 'right' as const), 'right'],
  );
  const kept = sum(byRule.map(row => row.count));
  const told = sum(named(tally, 'findings.').map(([, n]) => n));
  if (told > kept)
    lines.push(`  ${counted(told - kept, 'more finding')} of the same host pairs and rules: counted, not stored`);
  return lines;
}

function causeLines(causes: readonly Cause[], style: TextStyle): string[] {
  const shown = style.verbose ? causes : causes.slice(0, MAX_CAUSES);
  const rows = shown.map(cause => [
    thousands(cause.count),
    cause.severity,
    cause.confidence,
    `${cause.rule} ${printable(cause.cause)}`.trim(),
    pairsText(cause),
  ]);
  if (rows.length === 0) return [];
  const lines = columns([['count', 'severity', 'evidence', 'rule and cause', 'host pairs'], ...rows], ['right']);
  const coloured = lines.map((line, i) => (i === 0 ? line : style.severity(shown[i - 1].severity, line)));
  if (shown.length < causes.length) coloured.push(`  and ${counted(causes.length - shown.length, 'more cause')}`);
  return coloured;
}

/** `10.0.0.1 → 192.0.2.1 (12), …`: client and server, most findings first. */
function pairsText({ pairs, pairCount, count }: Cause): string {
  const texts = pairs.map(p => `${p.client} → ${p.server}${count === p.count ? '' : ` (${thousands(p.count)})`}`);
  if (pairCount > pairs.length) texts.push(`and ${thousands(pairCount - pairs.length)} more`);
  return texts.join(', ');
}

function worstLines({ worst, captures }: Summary, style: TextStyle): string[] {
  const lines: string[] = [];
  for (const finding of worst) {
    if (lines.length > 0) lines.push('');
    const head = `${finding.severity}, ${EVIDENCE[finding.confidence]}: ${finding.rule}`;
    const client = endpoint(finding.client, finding.client_port);
    const server = endpoint(finding.server, finding.server_port);
    lines.push(`  ${style.severity(finding.severity, head)}  ${style.dim(finding.id)}`);
    lines.push(...wrap(printable(finding.title), style.width, '  '), `  ${client} → ${server}`);
    if (finding.packets.length === 0) continue;
    lines.push(...packetLines(finding, captures, '    '));
    lines.push(...tsharkCommands(finding.packets, captures).map(command => `    ${command}`));
  }
  return lines;
}

/** What the three words of confidence claim. */
const EVIDENCE = {
  proof: 'proved by its packets',
  strong: 'strong evidence, not proof',
  weak: 'weak evidence',
} as const;
