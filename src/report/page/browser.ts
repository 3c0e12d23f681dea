/// <reference lib="dom" />
/**
 * What the page does by itself: lists, searches, filters and links the findings. It runs only in the browser (script.ts
 * puts it into the file), and makes elements from data with textContent, never from text that is parsed as HTML.
 */
import type { PageData, Row } from './data.ts';
import { findingView } from './finding-view.ts';
import { h, type Element as Tree } from './tree.ts';

const PAGE = 100;
const SVG = 'http://www.w3.org/2000/svg';
const SVG_TAGS: ReadonlySet<string> = new Set(['svg', 'g', 'line', 'rect', 'path', 'text', 'tspan', 'circle']);

const data = JSON.parse(byId('data').textContent ?? '{}') as PageData;
const list = byId('list');
const search = byId('search') as HTMLInputElement;
const severity = byId('severity') as HTMLSelectElement;
const cause = byId('cause') as HTMLSelectElement;

let shown: Row[] = data.rows;
let page = 0;

function byId(id: string): HTMLElement {
  return document.getElementById(id)!;
}

function nodeOf(tree: Tree | string): Node {
  if (typeof tree === 'string') return document.createTextNode(tree);
  const node = SVG_TAGS.has(tree.tag) ? document.createElementNS(SVG, tree.tag) : document.createElement(tree.tag);
  for (const [name, value] of Object.entries(tree.attributes)) if (value !== '') node.setAttribute(name, String(value));
  node.append(...tree.children.map(nodeOf));
  return node;
}

const words = new Map<Row, string>();

/** The text of a row that the search looks through. */
function wordsOf(row: Row): string {
  let text = words.get(row);
  if (text === undefined) {
    const [id, place, , , client, clientPort, server, serverPort, title] = row;
    const ends = `${client}:${clientPort} ${server}:${serverPort}`;
    text = `${id} ${data.causes[place].name} ${ends} ${title}`.toLowerCase();
    words.set(row, text);
  }
  return text;
}

function filter(): void {
  const wanted = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  const worst = Number(severity.value);
  const place = cause.value === 'all' ? undefined : Number(cause.value);
  shown = data.rows.filter(
    row =>
      row[2] >= worst &&
      (place === undefined || row[1] === place) &&
      (wanted.length === 0 || wanted.every(word => wordsOf(row).includes(word))),
  );
  page = 0;
  draw();
}

function draw(): void {
  const rows = shown.slice(page * PAGE, (page + 1) * PAGE);
  const items: Node[] = [];
  for (const [i, row] of rows.entries()) {
    if (i === 0 || rows[i - 1][1] !== row[1]) {
      const { name, count } = data.causes[row[1]];
      items.push(nodeOf(h('li', { class: 'cause-head' }, `${name} (${count.toLocaleString('en')} in all)`)));
    }
    items.push(itemOf(row));
  }
  list.replaceChildren(...items);
  const pages = Math.max(1, Math.ceil(shown.length / PAGE));
  const number = (n: number): string => n.toLocaleString('en');
  byId('count').textContent =
    shown.length === data.rows.length
      ? `${number(shown.length)} findings`
      : `${number(shown.length)} of ${number(data.rows.length)} findings match`;
  byId('place').textContent = `Page ${number(page + 1)} of ${number(pages)}`;
  (byId('previous') as HTMLButtonElement).disabled = page === 0;
  (byId('next') as HTMLButtonElement).disabled = page >= pages - 1;
}

function itemOf(row: Row): HTMLElement {
  const [id, , level, offset, client, clientPort, server, serverPort, title] = row;
  const name = data.severities[level];
  const at = new Date(data.start + offset).toISOString().replace('T', ' ').replace('Z', '');
  const item = nodeOf(
    h(
      'li',
      { 'data-id': id },
      h(
        'button',
        { class: 'row', type: 'button', 'aria-expanded': 'false' },
        h('span', { class: `badge ${name}` }, name),
        h('span', { class: 'when' }, at),
        h('span', { class: 'ends' }, `${end(client, clientPort)} → ${end(server, serverPort)}`),
        h('span', { class: 'title' }, title),
      ),
    ),
  ) as HTMLElement;
  const button = item.firstElementChild as HTMLButtonElement;
  button.addEventListener('click', () => toggle(item, button, row));
  return item;
}

const end = (address: string, port: number): string =>
  address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;

function toggle(item: HTMLElement, button: HTMLButtonElement, row: Row): void {
  const isOpen = button.getAttribute('aria-expanded') === 'true';
  button.setAttribute('aria-expanded', String(!isOpen));
  if (isOpen) {
    item.lastElementChild!.remove();
    return;
  }
  item.append(nodeOf(viewOf(row)));
  history.replaceState(null, '', `#finding=${row[0]}`);
}

/** The finding in full if the page has its packets, else how to see it. */
function viewOf(row: Row): Tree {
  const details = data.details[row[0]];
  if (details !== undefined) return findingView(details);
  const { example } = data.causes[row[1]];
  return h(
    'div',
    { class: 'finding' },
    h('p', {}, 'This page has no room for the packets of every finding. In a terminal, in the folder of the database:'),
    h('pre', { tabindex: 0 }, h('code', {}, data.command.replace('ID', row[0]))),
    h('p', {}, 'Of the same cause, in full: ', h('a', { href: `#finding=${example}` }, example)),
  );
}

/** Opens the finding that `#finding=ID` names and scrolls to it. */
function follow(): void {
  const id = /^#finding=([0-9a-f]+)$/i.exec(location.hash)?.[1]?.toLowerCase();
  if (id === undefined) return;
  const row = data.rows.find(each => each[0].startsWith(id));
  byId('missing').textContent =
    row === undefined ? `Finding ${id} is not in this page: ${data.command.replace('ID', id)}` : '';
  if (row === undefined) {
    byId('missing').scrollIntoView();
    return;
  }
  if (!shown.includes(row)) clear();
  const place = Math.floor(shown.indexOf(row) / PAGE);
  if (place !== page) {
    page = place;
    draw();
  }
  const item = list.querySelector<HTMLElement>(`[data-id="${row[0]}"]`)!;
  const button = item.firstElementChild as HTMLButtonElement;
  if (button.getAttribute('aria-expanded') === 'false') toggle(item, button, row);
  button.focus({ preventScroll: true });
  item.scrollIntoView();
}

function clear(): void {
  search.value = '';
  severity.value = '0';
  cause.value = 'all';
  filter();
}

function turn(by: number): void {
  page += by;
  draw();
  byId('findings').scrollIntoView();
}

/** Keys: `/` searches, `j` and `k` go down and up the list; Tab and Enter work as everywhere. */
function key(event: KeyboardEvent): void {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const target = event.target as HTMLElement;
  if (target.matches('input, select, textarea')) {
    if (event.key === 'Escape') target.blur();
    return;
  }
  if (event.key === '/') {
    event.preventDefault();
    search.focus();
  }
  const step = event.key === 'j' ? 1 : event.key === 'k' ? -1 : 0;
  if (step === 0) return;
  const buttons = [...list.querySelectorAll<HTMLElement>('button.row')];
  const now = buttons.indexOf(document.activeElement as HTMLElement);
  buttons[Math.max(0, Math.min(buttons.length - 1, now + step))]?.focus();
}

/** Adds times in the reader's time zone to those in UTC. */
function localTimes(): void {
  for (const node of document.querySelectorAll<HTMLTimeElement>('time[data-local]')) {
    const format = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'long' });
    node.textContent = `${format.formatRange(new Date(node.dateTime), new Date(node.dataset.local!))} in your time zone`;
  }
}

search.addEventListener('input', filter);
severity.addEventListener('change', filter);
cause.addEventListener('change', filter);
byId('clear').addEventListener('click', clear);
byId('previous').addEventListener('click', () => turn(-1));
byId('next').addEventListener('click', () => turn(1));
addEventListener('keydown', key);
addEventListener('hashchange', follow);
// On paper everything is unfolded.
addEventListener('beforeprint', () => {
  for (const node of document.querySelectorAll<HTMLDetailsElement>('details.cause')) node.open = true;
});
byId('browse').hidden = false;
localTimes();
draw();
follow();
