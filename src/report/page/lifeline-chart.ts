/**
 * The chart of reused tuples: each connection is a bar, and the gap before it is how long the old one had been over.
 */
import { rfc3339 } from '../../base/time.ts';
import type { Lifeline, Reuse } from '../../store/lifelines.ts';
import { outcomeClass } from '../incident/outcome.ts';
import { connection, counted } from '../words.ts';
import { clock, spanText } from './axis.ts';
import { chartFigure, colour, PLANE, px } from './chart.ts';
import { type Element, h, type Tree } from './tree.ts';

const { left, right, top, bottom } = PLANE;

const BAR = 12;
/** Height of the bar of a connection whose beginning or end no finding shows. */
const THIN = 3;

export function lifelineChart(lives: readonly Lifeline[]): Element {
  const all = lives.flatMap(({ reuses }) => reuses);
  const outcomes = [...new Set(all.map(({ outcome }) => outcomeClass(outcome)))].sort();
  const ends = all.map(endOfOld);
  const times = [...all.map(({ at }) => at), ...ends];
  const [first, last] = [Math.min(...times), Math.max(...times)];
  const margin = (last - first || 1) * 0.04;
  const x = clock(first - margin, last + margin, left, right);
  const height = (bottom - top) / lives.length;
  const body = lives.flatMap((life, i): Tree[] => {
    const y = top + height * (i + 0.5) + 8;
    return [
      h('text', { x: left + 4, y: px(y - BAR - 5), class: 'tick' }, labelOf(life)),
      h('rect', { ...barOf(left, x.at(endOfOld(life.reuses[0])), y, THIN), class: colour(6) }),
      ...life.reuses.flatMap((reuse, k): Tree[] => {
        const next = life.reuses[k + 1];
        const from = x.at(reuse.at);
        const bar = next === undefined ? barOf(from, right, y, THIN) : barOf(from, x.at(endOfOld(next)), y, BAR);
        return [
          h('line', { x1: px(x.at(endOfOld(reuse))), x2: px(from), y1: px(y), y2: px(y), class: 'timer' }),
          h('rect', { ...bar, class: colour(outcomes.indexOf(outcomeClass(reuse.outcome))) }),
          h('line', { x1: px(from), x2: px(from), y1: px(y - BAR), y2: px(y + BAR), class: 'axis' }),
        ];
      }),
    ];
  });
  return chartFigure({
    id: 'lifelines',
    title: lives.length === 1 ? 'The life of a port' : 'The lives of ports',
    says:
      (lives.length === 1
        ? 'The tuple that was used again most often. A bar is a '
        : 'The tuple that was used again most often, and others of the same two hosts. A bar is a ') +
      'connection, dashes are the time that its port lay idle, in TIME_WAIT or closed, and a tick is the new SYN, coloured by ' +
      'what became of it. Thin where no finding tells when the connection began or ended.',
    x,
    y: { low: 0, high: 1, at: () => bottom, ticks: [] },
    xName: 'time (UTC)',
    yName: '',
    body,
    keys: [
      { name: 'connection before the first reuse', look: colour(6) },
      ...outcomes.map((name, i) => ({ name, look: colour(i) })),
      { name: 'port idle', look: 'dash' },
    ],
    table: {
      head: ['tuple', 'new SYN (UTC)', 'since the old connection', 'old connection', 'what became of it'],
      rows: lives.flatMap(life =>
        life.reuses.map(reuse => [
          connection(life),
          rfc3339(BigInt(Math.round(reuse.at * 1e6)) * 1000n),
          reuse.age === null ? 'not seen' : spanText(reuse.age),
          reuse.class,
          outcomeClass(reuse.outcome),
        ]),
      ),
    },
  });
}

/** A bar; one that is too short to see is drawn wider. */
function barOf(from: number, to: number, y: number, height: number): Record<string, string> {
  return { x: px(from), y: px(y - height / 2), width: px(Math.max(1.5, to - from)), height: px(height) };
}

const endOfOld = ({ at, age }: Reuse): number => at - (age ?? 0);

const labelOf = (life: Lifeline): string => {
  const { count, reuses } = life;
  const shown = reuses.length < count ? `, the first ${reuses.length} drawn` : '';
  return `${connection(life)}: used again ${count === 1 ? 'once' : counted(count, 'time')}${shown}`;
};
