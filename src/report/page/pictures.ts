/** The charts of an incident, those that have something to show. */
import type { Pictures } from '../incident/incident.ts';
import { clockChart } from './clock-chart.ts';
import { histogramChart, timelineChart } from './count-chart.ts';
import { curveChart } from './curve-chart.ts';
import { lifelineChart } from './lifeline-chart.ts';
import type { Element } from './tree.ts';

/**
 * From when on tcp_tw_reuse applies; how long a TIME_WAIT lasts on Linux, with the slack of its timer, and in
 * conntrack; and twice the MSL of RFC 9293.
 */
const REUSE_TIMERS = [
  { seconds: 1, name: '1 s: tcp_tw_reuse' },
  { seconds: 60, name: '60 s: Linux' },
  { seconds: 65, name: '65 s: its slack' },
  { seconds: 120, name: '120 s: conntrack' },
  { seconds: 240, name: '240 s: RFC' },
];

const IDLE_TIMERS = [
  { seconds: 60, name: '60 s: many balancers' },
  { seconds: 240, name: '240 s: Azure' },
  { seconds: 350, name: '350 s: AWS' },
];

/** When an unanswered SYN is retransmitted: RFC 6298, doubled from one second on. */
const RETRY_TIMERS = [
  { seconds: 1, name: '1 s' },
  { seconds: 3, name: '3 s' },
  { seconds: 7, name: '7 s' },
];

export function pictureFigures({
  clocks,
  curves,
  lifelines,
  portRange,
  timeWait,
  reuse,
  idle,
  delay,
  resets,
}: Pictures): Element[] {
  const figures = clocks.map(clockChart);
  if (reuse.count > 0) {
    figures.push(
      histogramChart(reuse, REUSE_TIMERS, {
        id: 'reuse',
        title: 'How soon a port was used again',
        says: 'Seconds since the old connection of the same tuple ended, and what became of the new SYN.',
        xName: 'since the old connection ended',
        yName: 'reuses',
      }),
    );
  }
  if (lifelines.length > 0) figures.push(lifelineChart(lifelines));
  if (resets.count > 0) {
    figures.push(
      timelineChart(resets, {
        id: 'resets',
        title: 'RSTs over time',
        says: 'By class; what each class means stands with its cause.',
        xName: 'time (UTC)',
        yName: 'RSTs',
      }),
    );
  }
  if (idle.count > 0) {
    figures.push(
      histogramChart(idle, IDLE_TIMERS, {
        id: 'idle',
        title: 'Silence before an RST',
        says: 'A pile at seconds or minutes hints at an idle timer, of one end or of a device in between.',
        xName: 'silence before the exchange that ended in the RST',
        yName: 'RSTs',
      }),
    );
  }
  if (delay.count > 0) {
    figures.push(
      histogramChart(delay, RETRY_TIMERS, {
        id: 'delay',
        title: 'From the first SYN to its answer',
        says: 'Of the connections in findings, not of all: steps at 1, 3 and 7 s are SYNs that had to be sent again.',
        xName: 'first SYN to SYN-ACK',
        yName: 'connections',
      }),
    );
  }
  if (curves.length > 0) figures.push(curveChart(curves, portRange, timeWait));
  return figures;
}
