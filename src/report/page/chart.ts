/** The parts that all charts share: a figure with caption, axes, legend, and a table of its numbers. */
import type { Scale } from './axis.ts';
import { type Element, h, present, type Tree } from './tree.ts';

const WIDTH = 720;
const HEIGHT = 260;
/** The area of the data; the margin is for the axes. */
export const PLANE = { left: 58, right: WIDTH - 36, top: 14, bottom: HEIGHT - 42 } as const;

/** Number of colours (Okabe and Ito), distinguishable also for the colour-blind; classes of the style sheet. */
const COLOURS = 7;
export const colour = (i: number): string => `c${i % COLOURS}`;

export interface Key {
  name: string;
  /** Class of the legend's symbol: a colour, `dash`, `ring` or `cross`. */
  look: string;
}

export interface Chart {
  id: string;
  title: string;
  /** What the chart shows and what it does not, in a sentence or two. */
  says: string;
  x: Scale;
  y: Scale;
  xName: string;
  yName: string;
  body: readonly Tree[];
  keys: readonly Key[];
  table: { head: readonly string[]; rows: readonly (readonly string[])[] };
}

/** Most rows of a chart's table, which is for reading, not for export; the database has all. */
const MAX_ROWS = 120;

export function chartFigure(chart: Chart): Element {
  const { id, title, says, x, y, xName, yName, body, keys } = chart;
  const { left, right, top, bottom } = PLANE;
  return h(
    'figure',
    { id: `chart-${id}`, class: 'chart' },
    h('figcaption', {}, h('h3', {}, title), h('p', {}, says)),
    h(
      'div',
      { class: 'scroll', tabindex: 0 },
      h(
        'svg',
        { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: 'img', 'aria-label': `${title}. ${says}` },
        ...y.ticks.flatMap(({ value, text }) => [
          h('line', { x1: left, x2: right, y1: y.at(value), y2: y.at(value), class: 'grid' }),
          h('text', { x: left - 6, y: y.at(value) + 4, class: 'tick end' }, text),
        ]),
        ...x.ticks.map(({ value, text }) => h('text', { x: x.at(value), y: bottom + 16, class: 'tick middle' }, text)),
        h('path', { d: `M${left} ${top}V${bottom}H${right}`, class: 'axis' }),
        h('text', { x: (left + right) / 2, y: HEIGHT - 8, class: 'tick middle' }, xName),
        h('text', { x: left, y: top - 3, class: 'tick' }, yName),
        ...body,
      ),
    ),
    ...present(keys.length > 0 && legend(keys)),
    dataTable(chart.table),
  );
}

const legend = (keys: readonly Key[]): Element =>
  h(
    'ul',
    { class: 'legend' },
    ...keys.map(({ name, look }) => h('li', {}, h('span', { class: `key ${look}`, 'aria-hidden': 'true' }), name)),
  );

function dataTable({ head, rows }: Chart['table']): Element {
  const shown = rows.slice(0, MAX_ROWS);
  return h(
    'details',
    { class: 'data' },
    h('summary', {}, 'The numbers'),
    h(
      'div',
      { class: 'scroll', tabindex: 0 },
      h(
        'table',
        {},
        h('thead', {}, h('tr', {}, ...head.map(name => h('th', { scope: 'col' }, name)))),
        h('tbody', {}, ...shown.map(row => h('tr', {}, ...row.map(cell => h('td', {}, cell))))),
      ),
    ),
    ...present(
      shown.length < rows.length && h('p', {}, `${rows.length - shown.length} more rows are in the database.`),
    ),
  );
}

/** A coordinate as text; a tenth of a pixel is precise enough. */
export const px = (value: number): string => String(Math.round(value * 10) / 10);
