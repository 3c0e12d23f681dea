/** Charts of counts as stacked bars: time spans by size, and events by time. */
import { binCount, binEdge, type Histogram, type Timeline, topCategories } from '../incident/histogram.ts';
import { thousands } from '../words.ts';
import { clock, counting, logarithmic, type Scale, spanText } from './axis.ts';
import { type Chart, chartFigure, colour, PLANE, px } from './chart.ts';
import { type Element, h, type Tree } from './tree.ts';

const { left, right, top, bottom } = PLANE;

/** Most categories: as many as colours can distinguish. */
const CATEGORIES = 6;

interface Mark {
  seconds: number;
  name: string;
}

type Words = Pick<Chart, 'id' | 'title' | 'says' | 'xName' | 'yName'>;

/** `marks`: well-known timers; spans that pile up at one are probably caused by it. */
export function histogramChart(spans: Histogram, marks: readonly Mark[], words: Words): Element {
  const n = binCount(spans);
  const bins = topCategories(spans.bins, CATEGORIES);
  const x = logarithmic(spans.low, spans.high, left, right);
  const edge = (i: number): number => binEdge(spans, i);
  const { y, bars } = stacked(bins, n, i => [x.at(edge(i)), x.at(edge(i + 1))]);
  const lines = marks.map(({ seconds }) =>
    h('line', { x1: px(x.at(seconds)), x2: px(x.at(seconds)), y1: top, y2: bottom, class: 'timer' }),
  );
  const names = marks.map(({ seconds, name }, i) =>
    h('text', { x: px(x.at(seconds) - 3), y: top + 10 + 12 * (i % 5), class: 'tick end timer' }, name),
  );
  return chartFigure({
    ...words,
    x,
    y,
    // Names are drawn last, above all lines.
    body: [...bars, ...lines, ...names],
    keys: keysOf(bins),
    table: tableOf(bins, n, i => `${spanText(edge(i))} to ${spanText(edge(i + 1))}`, 'span'),
  });
}

export function timelineChart(events: Timeline, words: Words): Element {
  const bins = topCategories(events.bins, CATEGORIES);
  const n = [...bins.values()][0]?.length ?? 1;
  const x = clock(events.from, events.to, left, right);
  const edge = (i: number): number => events.from + ((events.to - events.from) * i) / n;
  const { y, bars } = stacked(bins, n, i => [x.at(edge(i)), x.at(edge(i + 1))]);
  return chartFigure({
    ...words,
    x,
    y,
    body: bars,
    keys: keysOf(bins),
    table: tableOf(bins, n, i => new Date(edge(i) * 1000).toISOString(), 'from'),
  });
}

type Bins = ReadonlyMap<string, readonly number[]>;

function stacked(bins: Bins, n: number, place: (i: number) => [number, number]): { y: Scale; bars: Tree[] } {
  const series = [...bins.values()];
  const sums = Array.from({ length: n }, (_, i) => series.reduce((sum, counts) => sum + counts[i], 0));
  const y = counting(Math.max(1, ...sums), bottom, top);
  const bars: Tree[] = [];
  for (let i = 0; i < n; i++) {
    const [from, to] = place(i);
    let below = 0;
    for (const [s, counts] of series.entries()) {
      if (counts[i] === 0) continue;
      const low = y.at(below);
      below += counts[i];
      const high = y.at(below);
      const width = Math.max(1, to - from - 1);
      bars.push(h('rect', { x: px(from), y: px(high), width: px(width), height: px(low - high), class: colour(s) }));
    }
  }
  return { y, bars };
}

const keysOf = (bins: Bins): Chart['keys'] =>
  [...bins].map(([name, counts], i) => ({
    name: `${name} (${thousands(counts.reduce((a, b) => a + b, 0))})`,
    look: colour(i),
  }));

function tableOf(bins: Bins, n: number, name: (i: number) => string, head: string): Chart['table'] {
  const rows: string[][] = [];
  for (let i = 0; i < n; i++) {
    const counts = [...bins.values()].map(each => each[i]);
    if (counts.some(count => count > 0)) rows.push([name(i), ...counts.map(thousands)]);
  }
  return { head: [head, ...bins.keys()], rows };
}
