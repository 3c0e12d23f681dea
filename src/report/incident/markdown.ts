/**
 * An incident for a ticket, in GitHub's Markdown: verdict, quality, causes, and the worst findings, each with its
 * ladder as a Mermaid sequence diagram that is also readable as text. Text from captures is escaped for the place where
 * it is written.
 */
import { rfc3339 } from '../../base/time.ts';
import { markdownCell } from '../escape.ts';
import { figureText, type LadderModel, type Rung } from '../explain/ladder-model.ts';
import { markdownRow } from '../list/markdown.ts';
import { counted, span as spanText, thousands } from '../words.ts';
import { COMPARED_HEAD, type Comparison, comparedCells, comparedText } from './compare.ts';
import { detailsOf, type FindingDetails, sourceName } from './finding-details.ts';
import type { Incident } from './incident.ts';
import { causeHeading, causeTitle, type ReportedCause, type Verdict } from './verdict.ts';

/** Findings in full: nobody reads a long ticket to its end. */
const IN_FULL = 3;
const CAUSES = 20;

/** `absence`: lines about what it means that nothing was found; empty if there are findings. */
export function incidentMarkdown(incident: Incident, absence: readonly string[]): string {
  const { causes, captures, database, quality, verdicts } = incident;
  const blocks = [
    '# Why did these connections fail?',
    introduction(incident),
    ...verdicts.map(verdictBlock),
    ...absence.map(markdownCell),
    '## How good the captures are',
    quality.map(({ grade, text }) => `- ${grade === 'bad' ? '**Caveat:** ' : ''}${markdownCell(text)}`).join('\n'),
    ...(incident.comparison === undefined ? [] : comparisonBlocks(incident.comparison)),
    ...(causes.length > 0 ? ['## Causes, worst first', causeTable(causes)] : []),
    ...causes
      .slice(0, IN_FULL)
      .flatMap(cause => findingBlocks(causeHeading(cause), detailsOf(cause.worst, captures, database))),
  ];
  return `${blocks.join('\n\n')}\n`;
}

function introduction({ run, captures, span, read, stored }: Incident): string {
  const names = captures.length === 1 ? sourceName(captures[0].source) : counted(captures.length, 'capture');
  const when =
    span === undefined
      ? 'no frames'
      : `${rfc3339(span.first)} to ${rfc3339(span.last)} (${spanText(span.last - span.first)})`;
  return markdownCell(
    `${names}, ${when}: ${read}, ${counted(stored, 'finding')}. Pawscope ${run.version}, run ${run.id}.`,
  );
}

const verdictBlock = ({ severity, confidence, text, isOnly, worst, why, change, ask, id }: Verdict): string =>
  [
    `**${severity}: ${markdownCell(text.trim())}**`,
    '',
    `- ${isOnly ? 'The finding' : 'The worst'} (${id}), ${confidence}: ${markdownCell(worst)}`,
    `- Why: ${markdownCell(why)}`,
    `- Change: ${markdownCell(change)}`,
    `- Whose side: ${markdownCell(ask)}`,
  ].join('\n');

function causeTable(causes: readonly ReportedCause[]): string {
  const rows = causes.slice(0, CAUSES).map(cause => {
    const pairs = cause.pairs.map(({ client, server }) => `${client} → ${server}`).join(', ');
    const more =
      cause.pairCount > cause.pairs.length ? `, and ${thousands(cause.pairCount - cause.pairs.length)} more` : '';
    return [thousands(cause.count), cause.severity, cause.confidence, causeTitle(cause), pairs + more, cause.worst.id];
  });
  const header = ['count', 'severity', 'evidence', 'cause', 'client → server', 'the worst'];
  const more = causes.length > CAUSES ? `\n\nand ${counted(causes.length - CAUSES, 'more cause')}` : '';
  return table(['---:', '---', '---', '---', '---', '---'], [header, ...rows]) + more;
}

function comparisonBlocks(comparison: Comparison): string[] {
  const rows = table(
    ['---', '---', '---', '---:', '---:', '---:', '---:'],
    [COMPARED_HEAD, ...comparedCells(comparison)],
  );
  return ['## Before and after', markdownCell(comparedText(comparison)), rows];
}

function table(alignment: readonly string[], [header, ...rows]: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => markdownRow(cells.map(markdownCell));
  return [line(header), markdownRow(alignment), ...rows.map(line)].join('').trimEnd();
}

function findingBlocks(heading: string, finding: FindingDetails): string[] {
  const { title, id, severity, confidence, rule, at, where, ladder, decisions, advice, commands } = finding;
  const checks = advice.checks.map(
    ({ where: place, command, expect }) =>
      `- On ${markdownCell(place)}:\n${indented(fenced(command, 'sh'))}\n\n  ${markdownCell(expect)}`,
  );
  const changes = advice.change.map(({ what, risk }) => `- ${markdownCell(what)} *Risk:* ${markdownCell(risk)}`);
  return [
    `## ${markdownCell(heading)}`,
    `**${markdownCell(title)}**`,
    markdownCell(`${severity}, ${confidence}; ${rule}, ${id}, ${at}${where === '' ? '' : `, ${where}`}`),
    ...(ladder.rungs.length > 0 ? [fenced(mermaid(ladder), 'mermaid')] : []),
    ...(decisions.length > 0
      ? ['**What decided**', decisions.map(d => `- ${markdownCell(d.text)} (${markdownCell(d.source)})`).join('\n')]
      : []),
    ...(checks.length > 0 ? ['**How to verify**', checks.join('\n')] : []),
    '**Change**',
    changes.length > 0 ? changes.join('\n') : 'Nothing.',
    `**What not to do:** ${markdownCell(advice.doNot)}`,
    fenced(commands.join('\n'), 'sh'),
  ];
}

/** A fenced code block with a fence that the text cannot end. */
function fenced(text: string, language: string): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = '`'.repeat(longest + 1);
  return `${fence}${language}\n${text}\n${fence}`;
}

const indented = (text: string): string => text.replace(/^/gm, '  ');

/** Arrows of the old connection are dashed; numbers that decided are between asterisks, as in a terminal. */
export function mermaid({ client, server, rungs }: LadderModel): string {
  const lines = [
    'sequenceDiagram',
    `  participant C as client ${plain(client)}`,
    `  participant S as server ${plain(server)}`,
  ];
  for (const rung of rungs) {
    if (rung.silence !== '') lines.push(`  Note over C,S: ${plain(rung.silence)}`);
    const arrow = rung.era === 'old' || rung.era === 'other' ? '-->>' : '->>';
    const ends = rung.fromClient ? `C${arrow}S` : `S${arrow}C`;
    lines.push(`  ${ends}: ${plain(rungText(rung))}`);
    if (rung.note !== '') lines.push(`  Note over C,S: ${plain(rung.note)}`);
  }
  return lines.join('\n');
}

function rungText({ frame, time, era, flags, numbers, clock }: Rung): string {
  const figures = [...numbers, ...clock].map(figureText);
  return `[${frame}] ${time}${era === 'one' ? '' : ` ${era}`} ${flags} ${figures.join(' ')}`;
}

/**
 * Replaces characters with a meaning in Mermaid: `;` ends a statement, and `#`, `%%`, braces and tags are interpreted.
 */
const plain = (text: string): string => text.replace(/[;#%{}<>"`]/g, ' ');
