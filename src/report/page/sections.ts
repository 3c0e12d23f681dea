/** The parts of the page that need no script: verdict, quality, causes, what was read. */
import { rfc3339 } from '../../base/time.ts';
import { SEVERITIES } from '../../detect/finding.ts';
import { COMPARED_HEAD, type Comparison, comparedCells, comparedText } from '../incident/compare.ts';
import { detailsOf, sourceName } from '../incident/finding-details.ts';
import type { Incident } from '../incident/incident.ts';
import { causeTitle, type ReportedCause, type Verdict } from '../incident/verdict.ts';
import { bytes, counted, linkType, span as spanText, thousands } from '../words.ts';
import { findingView } from './finding-view.ts';
import { type Element, h, present, type Tree } from './tree.ts';

/** `parts`: the sections of the page, each with its id and its name. */
export function headSection(
  { run, captures, span, read, stored, byRule }: Incident,
  parts: readonly (readonly [id: string, name: string])[],
): Element {
  const severities = SEVERITIES.map(severity => ({
    severity,
    n: [...byRule.values()].reduce((sum, counts) => sum + counts[severity], 0),
  })).reverse();
  const found = severities.filter(({ n }) => n > 0).map(({ severity, n }) => `${thousands(n)} ${severity}`);
  const files = captures.length === 1 ? sourceName(captures[0].source) : counted(captures.length, 'capture');
  return h(
    'header',
    {},
    h('h1', {}, 'Why did these connections fail?'),
    ...present(
      span && h('p', {}, ...timesOf(span.first, span.last)),
      h(
        'p',
        { class: 'facts' },
        `${files}: ${read}; ${counted(stored, 'finding')}${found.length > 0 ? ` (${found.join(', ')})` : ''}. ` +
          `Pawscope ${run.version}, run ${run.id}.`,
      ),
    ),
    h('nav', { 'aria-label': 'Parts of this page' }, ...parts.map(([id, name]) => h('a', { href: `#${id}` }, name))),
  );
}

function timesOf(first: bigint, last: bigint): Tree[] {
  const text = (ns: bigint): string => `${rfc3339(ns).slice(0, 19)}Z`;
  const utc = (ns: bigint): Element => h('time', { datetime: text(ns) }, text(ns).replace('T', ' '));
  return [
    utc(first),
    ' to ',
    utc(last),
    ` (UTC, ${spanText(last - first)}) `,
    // The script adds the reader's local time.
    h('span', { class: 'dim' }, h('time', { datetime: text(first), 'data-local': text(last) })),
  ];
}

export function verdictSection({ verdicts, causes, quality }: Incident, absence: readonly string[]): Element {
  const milder = causes.filter(({ severity }) => severity !== 'info').length - verdicts.length;
  return h(
    'section',
    { id: 'verdict' },
    h('h2', {}, 'Verdict'),
    ...verdicts.map(verdictView),
    ...present(
      verdicts.length === 0 &&
        causes.length > 0 &&
        h('p', {}, 'Nothing that was found is a fault by itself: it is worth knowing.'),
      milder > 0 && h('p', {}, `${counted(milder, 'further cause')}: see `, h('a', { href: '#causes' }, 'Causes'), '.'),
    ),
    ...absence.map(line => h('p', {}, line)),
    h('h3', {}, 'How good the captures are'),
    h('ul', { class: 'quality' }, ...quality.map(({ grade, text }) => h('li', { class: grade }, text))),
  );
}

function verdictView({ severity, confidence, text, isOnly, worst, id, why, change, ask }: Verdict): Element {
  const rows: [string, ...Tree[]][] = [
    [
      isOnly ? 'The finding' : 'The worst',
      worst,
      ` (${confidence}) `,
      h('a', { href: `#finding=${id}` }, 'Its packets'),
    ],
    ['Why', why],
    ['Change', change],
    ['Whose side', ask],
  ];
  return h(
    'article',
    { class: `verdict ${severity}` },
    h('span', { class: `badge ${severity}` }, severity),
    h('p', { class: 'main' }, text),
    h('dl', {}, ...rows.flatMap(([name, ...said]) => [h('dt', {}, name), h('dd', {}, ...said)])),
  );
}

/** Number of causes whose worst finding is part of the page itself, for print and for readers without the script. */
const SHOWN_IN_FULL = 12;

export function causeSection({ causes, moreCauses, captures, database }: Incident): Element {
  return h(
    'section',
    { id: 'causes' },
    h('h2', {}, 'Causes, worst first'),
    ...causes.map((cause, i) => {
      const full = i < SHOWN_IN_FULL;
      return h(
        'details',
        { class: 'cause', ...(i === 0 ? { open: 'open' } : {}) },
        h('summary', {}, ...causeLine(cause)),
        h(
          'div',
          { class: 'body' },
          h('p', { class: 'dim' }, pairsText(cause)),
          h('h3', {}, `${cause.count === 1 ? '' : 'The worst: '}${cause.worst.title}`),
          full
            ? findingView(detailsOf(cause.worst, captures, database))
            : h('p', {}, h('a', { href: `#finding=${cause.worst.id}` }, 'Its packets and what to do')),
        ),
      );
    }),
    ...present(moreCauses > 0 && h('p', {}, `${counted(moreCauses, 'more cause')}: pawscope findings lists them.`)),
  );
}

function causeLine(cause: ReportedCause): Tree[] {
  return [
    h('span', { class: `badge ${cause.severity}` }, cause.severity),
    ' ',
    h('span', { class: 'n' }, thousands(cause.count)),
    ` × ${causeTitle(cause)} `,
    h('span', { class: 'dim' }, `${cause.rule}, ${cause.confidence}`),
  ];
}

function pairsText({ pairs, pairCount }: ReportedCause): string {
  const texts = pairs.map(({ client, server, count }) => `${client} → ${server} (${thousands(count)})`);
  if (pairCount > pairs.length) texts.push(`and ${counted(pairCount - pairs.length, 'more pair')} of hosts`);
  return texts.join(', ');
}

export function comparisonSection(comparison: Comparison): Element {
  return h(
    'section',
    { id: 'compared' },
    h('h2', {}, 'Before and after'),
    h('p', {}, comparedText(comparison)),
    table(COMPARED_HEAD, comparedCells(comparison)),
  );
}

/** Most captures listed; a rotated set can have hundreds. */
const MAX_CAPTURES = 50;

export function inputSection({ run, captures, tally }: Incident): Element {
  const rows = captures
    .slice(0, MAX_CAPTURES)
    .map(c => [
      sourceName(c.source),
      [c.format, ...new Set(c.link_types.map(linkType))].join(', '),
      c.first_ns === null ? '' : rfc3339(c.first_ns),
      c.last_ns === null ? '' : rfc3339(c.last_ns),
      thousands(c.frames),
      bytes(c.bytes),
    ]);
  const more = captures.length - rows.length;
  const settings = Object.entries(run.options).map(([key, value]) => [key, JSON.stringify(value)]);
  return h(
    'section',
    { id: 'input' },
    h('h2', {}, 'What was read'),
    table(['capture', 'format', 'first frame', 'last frame', 'frames', 'size'], rows),
    ...present(more > 0 && h('p', {}, `and ${counted(more, 'more capture')}`)),
    h('h3', {}, 'Counters and options of the run'),
    table(['name', 'value'], [...Object.entries(tally).map(([name, n]) => [name, thousands(n)]), ...settings]),
  );
}

const table = (head: readonly string[], rows: readonly (readonly string[])[]): Element =>
  h(
    'div',
    { class: 'scroll', tabindex: 0 },
    h(
      'table',
      {},
      h('thead', {}, h('tr', {}, ...head.map(name => h('th', { scope: 'col' }, name)))),
      h('tbody', {}, ...rows.map(row => h('tr', {}, ...row.map(cell => h('td', {}, cell))))),
    ),
  );
