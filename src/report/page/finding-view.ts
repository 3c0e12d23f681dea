/**
 * One finding in full: its packets, what decided it, the evidence, what to do and not to do, commands. This file runs
 * in Node and in the page (script.ts), so besides types it can import only its neighbours.
 */
import type { FindingDetails } from '../incident/finding-details.ts';
import { ladderSvg } from './ladder-svg.ts';
import { type Element, h, present, type Tree } from './tree.ts';

export function findingView(details: FindingDetails): Element {
  const { ladder, decisions, evidence, advice, commands } = details;
  return h(
    'div',
    { class: 'finding' },
    h(
      'p',
      { class: 'facts' },
      `${details.severity}, ${details.confidence} · ${details.rule} · ${details.at}`,
      details.where && ` · ${details.where}`,
    ),
    ...present(
      ladder.rungs.length > 0 && h('div', { class: 'scroll', tabindex: 0 }, ladderSvg(ladder)),
      decisions.length > 0 && decisionView(decisions),
    ),
    h('h4', {}, 'What it means'),
    h('p', {}, advice.meaning),
    ...checkView(advice.checks),
    h('h4', {}, 'Change'),
    advice.change.length === 0 ? h('p', {}, 'Nothing.') : changeView(advice.change),
    h('h4', { class: 'warn' }, 'Do not'),
    h('p', {}, advice.doNot),
    h('h4', {}, 'Ask next'),
    h('p', {}, advice.askNext),
    h('h4', {}, 'Evidence'),
    evidenceView(evidence),
    h('h4', {}, 'See for yourself'),
    ...commands.map(commandView),
    h('p', { class: 'facts' }, h('a', { href: `#finding=${details.id}` }, `Link to this finding: ${details.id}`)),
  );
}

function decisionView(decisions: FindingDetails['decisions']): Element {
  const items = decisions.map(({ text, source }) => h('li', {}, text, h('span', { class: 'source' }, source)));
  return h('div', {}, h('h4', {}, 'What decided'), h('ul', {}, ...items));
}

function checkView(checks: FindingDetails['advice']['checks']): Tree[] {
  if (checks.length === 0) return [];
  const items = checks.map(({ where, command, expect }) =>
    h('li', {}, `On ${where}:`, commandView(command), h('span', {}, expect)),
  );
  return [h('h4', {}, 'How to verify'), h('ul', {}, ...items)];
}

function changeView(changes: FindingDetails['advice']['change']): Element {
  const items = changes.map(({ what, risk }) => h('li', {}, what, h('span', { class: 'source' }, `Risk: ${risk}`)));
  return h('ul', {}, ...items);
}

function evidenceView(evidence: FindingDetails['evidence']): Element {
  const rows = evidence.map(([key, value]) => h('tr', {}, h('th', { scope: 'row' }, key), h('td', {}, value)));
  return h('div', { class: 'scroll' }, h('table', { class: 'evidence' }, h('tbody', {}, ...rows)));
}

function commandView(command: string): Element {
  return h('pre', { tabindex: 0 }, h('code', {}, command));
}
