/** Says who held the most TIME_WAITs, and how close that came to the number of ports. */
import { MOST_OUTSIDE_RANGE } from '../../base/limits.ts';
import { rfc3339 } from '../../base/time.ts';
import type { Peak } from '../../store/occupancy.ts';
import type { RunRow } from '../../store/rows.ts';
import { columns } from '../columns.ts';
import { endpoint, percent, thousands } from '../words.ts';

export interface Peaks {
  hosts: readonly Peak[];
  tuples: readonly Peak[];
}

export function timeWaitLines({ hosts, tuples }: Peaks, run: RunRow): string[] {
  const lines: string[] = [];
  if (hosts.length > 0) {
    const rows = hosts.map(peak => [peak.owner, band(peak), rfc3339(peak.at).slice(0, 19)]);
    lines.push(...columns([['host', 'most at once', 'at (UTC)'], ...rows], ['left', 'right', 'left']));
  }
  if (tuples.length > 0) {
    if (lines.length > 0) lines.push('');
    const { port_range: range, time_wait: seconds } = run.options as {
      port_range?: [number, number];
      time_wait?: number;
    };
    const ports = range === undefined ? undefined : range[1] - range[0] + 1;
    const left = ({ open, outside }: Peak): string => {
      if (ports === undefined) return '';
      if (outside > MOST_OUTSIDE_RANGE) return 'uses other ports';
      return `${percent(open, ports)}, ${thousands(Math.max(0, ports - open))} left`;
    };
    const rows = tuples.map(peak => [
      `${peak.owner} → ${endpoint(peak.peer, peak.peerPort)}`,
      band(peak),
      rfc3339(peak.at).slice(0, 19),
      left(peak),
    ]);
    const of = ports === undefined ? '' : `of ${thousands(ports)} ports`;
    lines.push(
      ...columns([['client, ports towards', 'most at once', 'at (UTC)', of], ...rows], ['left', 'right', 'left']),
    );
    const [first] = tuples;
    if (ports !== undefined && seconds !== undefined && seconds > 0 && first.outside <= MOST_OUTSIDE_RANGE) {
      const rate = (n: number): string => (n / seconds).toFixed(1);
      lines.push(`  ${rate(ports)} closes a second can last, and ${rate(first.open)} make the first of these`);
    }
  }
  return lines;
}

/** The number by the model, up to what is possible when the kernel's timer is as much as 5.12 s late. */
const band = ({ open, openHigh }: Peak): string =>
  openHigh > open ? `${thousands(open)} to ${thousands(openHigh)}` : thousands(open);
