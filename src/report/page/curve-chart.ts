/** The chart of TIME_WAITs held over time, with the number of ports that a client has, now and with a wider range. */
import type { Curve } from '../../store/incident.ts';
import { endpoint, thousands } from '../words.ts';
import { clock, counting } from './axis.ts';
import { chartFigure, colour, PLANE, px } from './chart.ts';
import { type Element, h, type Tree } from './tree.ts';

const { left, right, top, bottom } = PLANE;

/**
 * If the number of ports is more than this many times the peak, drawing it would flatten the curve; the text says it
 * instead.
 */
const MOST_ABOVE = 4;
/** The widest sensible port range: net.ipv4.ip_local_port_range = 1024 65535. */
const WIDEST: readonly [number, number] = [1024, 65_535];

const portsOf = ([low, high]: readonly [number, number]): number => high - low + 1;

/** `timeWait`: that of the run, in seconds. */
export function curveChart(curves: readonly Curve[], portRange: readonly [number, number], timeWait: number): Element {
  const times = curves.flatMap(({ steps }) => steps.map(([at]) => at));
  const peak = Math.max(...curves.map(each => each.most));
  const clientPeak = Math.max(0, ...curves.filter(each => each.peer_port !== 0).map(each => each.peak));
  const limits = [
    { ports: portsOf(portRange), name: `${portRange[0]}-${portRange[1]}` },
    { ports: portsOf(WIDEST), name: `what if ${WIDEST[0]}-${WIDEST[1]}` },
  ].filter(({ ports }) => ports <= clientPeak * MOST_ABOVE);
  const x = clock(Math.min(...times), Math.max(...times) + 1, left, right);
  const y = counting(Math.max(peak, ...limits.map(({ ports }) => ports)) * 1.05, bottom, top);
  const body: Tree[] = [
    ...curves.flatMap((curve, i) => {
      const path = (column: 1 | 2): string => {
        const d = curve.steps.map((step, k) => {
          const [from, height] = [px(x.at(step[0])), px(y.at(step[column]))];
          return k === 0 ? `M${from} ${height}` : `H${from}V${height}`;
        });
        return d.join('');
      };
      const line = h('path', { d: path(1), class: `line ${colour(i)}` });
      return isWide(curve) ? [h('path', { d: path(2), class: `line most ${colour(i)}` }), line] : [line];
    }),
    ...limits.flatMap(({ ports, name }): Tree[] => [
      h('line', { x1: left, x2: right, y1: px(y.at(ports)), y2: px(y.at(ports)), class: 'timer' }),
      h(
        'text',
        { x: right - 4, y: px(y.at(ports) - 4), class: 'tick end timer' },
        `${thousands(ports)} ports (${name})`,
      ),
    ]),
  ];
  return chartFigure({
    id: 'time-wait',
    title: 'TIME_WAITs held',
    says: caption(clientPeak, limits.length > 0, portRange, timeWait) + (curves.some(isWide) ? ` ${HIDDEN}` : ''),
    x,
    y,
    xName: 'time (UTC); after the last packet as the timers would run out',
    yName: 'TIME_WAITs',
    body,
    keys: curves.map((curve, i) => ({
      name: `${nameOf(curve)}, at most ${thousands(curve.peak)}${isWide(curve) ? `, or up to ${thousands(curve.most)}` : ''}`,
      look: `rule ${colour(i)}`,
    })),
    table: {
      head: ['held by', 'at', 'TIME_WAITs'],
      rows: curves.flatMap(curve =>
        curve.steps.map(([at, open, most]) => [
          nameOf(curve),
          new Date(at * 1000).toISOString(),
          most > open ? `${thousands(open)} to ${thousands(most)}` : thousands(open),
        ]),
      ),
    },
  });
}

/** True if a NAT may hide further TIME_WAITs. */
const isWide = ({ steps }: Curve): boolean => steps.some(([, open, most]) => most > open);
const HIDDEN =
  'Dashed: with those that hosts behind a NAT may still hold, though it has given their ports to other connections.';

const nameOf = ({ owner, peer, peer_port }: Curve): string => {
  if (owner === '') return 'all hosts';
  if (peer === '') return owner;
  return peer_port === 0 ? `${owner} (the server) towards ${peer}` : `${owner} towards ${endpoint(peer, peer_port)}`;
};

function caption(peak: number, isDrawn: boolean, range: readonly [number, number], timeWait: number): string {
  const lower = `Closes before the capture began are not counted, so the first ${timeWait} s are a lower bound.`;
  if (peak === 0) return `Held by the server: they cost memory there, and no port of the client. ${lower}`;
  const ports = portsOf(range);
  return (
    `Where a client holds them, ports that it cannot use towards that server port: at the peak ${thousands(peak)}. The ` +
    `range that the run assumes has ${thousands(ports)} (${range[0]}-${range[1]})${isDrawn ? '' : ', too many to be drawn'}; ` +
    `held for ${timeWait} s each, they allow ${Math.floor(ports / timeWait)} connections a second to one server port. ${lower}`
  );
}
