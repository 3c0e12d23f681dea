/**
 * The page of an incident: one file that requests nothing. Its content security policy allows only its own style and
 * script, by their hashes. Text from captures is written as text (markup.ts) or as JSON (browser.ts), never as HTML.
 */
import { createHash } from 'node:crypto';
import { SEVERITIES } from '../../detect/finding.ts';
import type { Incident } from '../incident/incident.ts';
import { thousands } from '../words.ts';
import { pageData } from './data.ts';
import { markup, scriptJson } from './markup.ts';
import { pictureFigures } from './pictures.ts';
import { pageScript } from './script.ts';
import { causeSection, comparisonSection, headSection, inputSection, verdictSection } from './sections.ts';
import { STYLE } from './style.ts';
import { type Element, h, present } from './tree.ts';

const PARTS = [
  ['verdict', 'Verdict'],
  ['compared', 'Before and after'],
  ['pictures', 'Pictures'],
  ['causes', 'Causes'],
  ['findings', 'Findings'],
  ['input', 'What was read'],
] as const;

/** `absence`: lines about what it means that nothing was found; empty if there are findings. */
export function incidentPage(incident: Incident, absence: readonly string[]): string {
  const script = pageScript();
  const data = pageData(incident);
  const pictures = pictureFigures(incident.pictures);
  const absent = new Set<string>([
    ...(pictures.length === 0 ? ['pictures'] : []),
    ...(incident.causes.length === 0 ? ['causes', 'findings'] : []),
    ...(incident.comparison === undefined ? ['compared'] : []),
  ]);
  const parts = PARTS.filter(([id]) => !absent.has(id));
  const body = h(
    'main',
    {},
    headSection(incident, parts),
    verdictSection(incident, absence),
    ...present(incident.comparison && comparisonSection(incident.comparison)),
    ...present(pictures.length > 0 && h('section', { id: 'pictures' }, h('h2', {}, 'Pictures'), ...pictures)),
    ...present(incident.causes.length > 0 && causeSection(incident)),
    ...present(
      incident.causes.length > 0 &&
        findingSection(incident, data.rows.length, Object.keys(data.details).length, data.causes),
    ),
    inputSection(incident),
  );
  const policy =
    `default-src 'none'; style-src ${hash(STYLE)}; script-src ${hash(script)}; ` +
    "base-uri 'none'; form-action 'none'";
  return [
    '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n',
    markup(h('meta', { 'http-equiv': 'Content-Security-Policy', content: policy })),
    '\n<meta name="viewport" content="width=device-width, initial-scale=1">\n<meta name="referrer" content="no-referrer">',
    '\n<title>Why did these connections fail? Pawscope</title>\n',
    `<style>${STYLE}</style>\n</head>\n<body>\n${markup(body)}\n`,
    incident.causes.length > 0
      ? `<script type="application/json" id="data">${scriptJson(data)}</script>\n<script>${script}</script>\n`
      : '',
    '</body>\n</html>\n',
  ].join('');
}

const hash = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

function findingSection(
  { stored, counted }: Incident,
  rows: number,
  inFull: number,
  causes: readonly { name: string }[],
): Element {
  const kept =
    rows < stored
      ? `${thousands(rows)} of the ${thousands(stored)} stored findings are listed`
      : 'All findings are listed';
  const full = inFull < rows ? `, ${thousands(inFull)} of them with their packets, of each cause the worst` : '';
  const rest = rows < stored ? ' The others are in the database: pawscope findings shows them.' : '';
  const only = counted > stored ? ` ${thousands(counted - stored)} more were counted and not stored.` : '';
  return h(
    'section',
    { id: 'findings' },
    h('h2', {}, 'Findings'),
    h('p', { class: 'dim' }, `${kept}${full}.${only}${rest}`),
    h('p', { id: 'missing', role: 'status' }),
    h(
      'div',
      { id: 'browse', hidden: 'hidden' },
      h(
        'div',
        { class: 'filters' },
        h('input', {
          id: 'search',
          type: 'search',
          placeholder: 'Search: address, port, rule, words, id',
          'aria-label': 'Search findings',
        }),
        h(
          'select',
          { id: 'severity', 'aria-label': 'Severity' },
          ...SEVERITIES.map((name, i) => h('option', { value: i }, i === 0 ? 'every severity' : `${name} or worse`)),
        ),
        h(
          'select',
          { id: 'cause', 'aria-label': 'Cause' },
          h('option', { value: 'all' }, 'every cause'),
          ...causes.map(({ name }, i) => h('option', { value: i }, name)),
        ),
        h('button', { id: 'clear', type: 'button' }, 'Clear'),
      ),
      h('p', { id: 'count', class: 'dim', role: 'status' }),
      h('ol', { id: 'list' }),
      h(
        'div',
        { class: 'pager' },
        h('button', { id: 'previous', type: 'button' }, 'Previous'),
        h('span', { id: 'place' }),
        h('button', { id: 'next', type: 'button' }, 'Next'),
        h('span', { class: 'dim' }, 'Keys: / searches, j and k go down and up'),
      ),
    ),
    h(
      'noscript',
      {},
      h('p', {}, 'The list needs the script of this page; above, every cause shows its worst finding.'),
    ),
  );
}
