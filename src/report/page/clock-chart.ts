/** The chart of TSval against time: clock lines, SYNs, and what a server with tcp_tw_recycle would remember. */
import type { ClockPlot, Point } from '../incident/clock-plot.ts';
import { counted, thousands } from '../words.ts';
import { clock, linear } from './axis.ts';
import { chartFigure, colour, type Key, PLANE, px } from './chart.ts';
import { type Element, h, type Tree } from './tree.ts';

const { left, right, top, bottom } = PLANE;

export function clockChart(plot: ClockPlot, id: number): Element {
  const { client, server, lines, isRateKnown, syns, remembered } = plot;
  const points = [...lines.flatMap(({ ends }) => ends), ...syns, ...remembered];
  const [from, to] = extent(points.map(({ at }) => at));
  const [low, high] = extent(points.map(({ ticks }) => ticks));
  const margin = (high - low || 1) * 0.05;
  const x = clock(from, to, left, right);
  const y = linear(low - margin, high + margin, bottom, top);
  const place = ({ at, ticks }: Point): [string, string] => [px(x.at(at)), px(y.at(ticks))];
  const body: Tree[] = [
    h('path', { d: path(remembered.map(place)), class: 'remembered' }),
    ...lines.map(({ ends }, i) => h('path', { d: path(ends.map(place)), class: `line ${colour(i)}` })),
    ...syns.map(syn => synMark(place(syn), syn.answered)),
  ];
  return chartFigure({
    id: `clock-${id}`,
    title: `Clocks behind ${client}, as ${server} sees them`,
    says: caption(plot),
    x,
    y,
    xName: 'time (UTC)',
    yName: "ticks above the first line's first TSval",
    body,
    keys: keys(plot),
    table: {
      head: ['line', 'ticks a second', 'connections', 'first packet', 'last packet'],
      rows: lines.map(({ hz, flows, ends }, i) => [
        String(i + 1),
        rate(hz, isRateKnown),
        thousands(flows),
        ...ends.map(({ at }) => new Date(at * 1000).toISOString()),
      ]),
    },
  });
}

function caption({ lines, lineCount, regime, remembered, syns }: ClockPlot): string {
  const shown = lineCount > lines.length ? ` Drawn are the first ${lines.length} of ${lineCount} lines.` : '';
  const whose =
    regime === 'per-connection'
      ? 'Every connection has a clock line of its own, as with stacks that offset each connection: they tell nothing about the number of hosts.'
      : 'Each line is a clock that the TSvals of this address follow; a host has one at a time.';
  const dashed =
    remembered.length > 0
      ? ' A SYN below the dashed line is older than what the server last saw: with tcp_tw_recycle it is dropped for up to 60 s.'
      : '';
  const marked = ` Marked: ${counted(syns.length, 'SYN')} whose TSval was behind, the earliest in findings.`;
  return whose + dashed + shown + (syns.length > 0 ? marked : '');
}

/** Most lines that the legend names. */
const NAMED = 4;

/** Connections that last only milliseconds do not show the rate of their clock. */
const rate = (hz: number, isKnown: boolean, unit = ''): string => `${hz}${unit}${isKnown ? '' : ' (assumed)'}`;

function keys({ lines, isRateKnown, syns, remembered }: ClockPlot): Key[] {
  const count = (answered: boolean | undefined): number => syns.filter(syn => syn.answered === answered).length;
  const marks: readonly (readonly [n: number, name: string, look: string])[] = [
    [count(false), 'SYN behind, never answered', 'cross'],
    [count(true), 'SYN behind, answered', 'ring'],
    [count(undefined), 'SYN behind, answer not known', 'ring'],
  ];
  return [
    ...lines.slice(0, NAMED).map(
      ({ hz, flows }, i): Key => ({
        name: `clock ${i + 1}: ${rate(hz, isRateKnown, ' Hz')}, ${counted(flows, 'connection')}`,
        look: `rule ${colour(i)}`,
      }),
    ),
    ...marks.filter(([n]) => n > 0).map(([n, name, look]): Key => ({ name: `${name} (${thousands(n)})`, look })),
    ...(remembered.length > 0
      ? [{ name: 'newest TSval within 60 s: what tcp_tw_recycle remembers at most', look: 'dash' }]
      : []),
  ];
}

/** A cross for an unanswered SYN, a ring for an answered one, which can be distinguished without colour. */
function synMark([x, y]: [string, string], answered: boolean | undefined): Element {
  return answered === false
    ? h('path', { d: `M${x} ${y}m-5 -5l10 10m0 -10l-10 10`, class: 'cross' })
    : h('circle', { cx: x, cy: y, r: 4, class: 'ring' });
}

const path = (places: readonly (readonly [string, string])[]): string =>
  places.map(([x, y], i) => `${i === 0 ? 'M' : 'L'}${x} ${y}`).join('');

function extent(values: readonly number[]): [number, number] {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return [low, high];
}
