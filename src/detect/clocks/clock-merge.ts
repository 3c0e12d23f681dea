/**
 * Merges lines that may belong to one clock after all. Something that holds packets back for seconds does so
 * repeatedly, and for about as long: a radio that wakes up, or an address resolution (3 s in Linux). The connections
 * concerned then lie on a line of their own beside the real one. If it is the last packet of a connection that is held
 * back, the clock seems to tick at another rate.
 */
import { ahead, looseTicks } from './clock-rate.ts';
import type { ClockSample } from './clock-sample.ts';
import type { Line } from './fitted-line.ts';

/** Most seconds for which packets are held back. */
const HELD_BACK = 5;

/** Each line whose connections all begin near a longer, proved one becomes part of that one. */
export function mergeNear(lines: readonly Line[]): Line[] {
  const rest = lines.toSorted((a, b) => b.members.length - a.members.length);
  const found: Line[] = [];
  for (let line = rest.shift(); line !== undefined; line = rest.shift()) {
    found.push(line);
    if (!line.proved) continue;
    for (let i = 0; i < rest.length; ) {
      const other = rest[i];
      if (!other.members.every(sample => isNear(line, sample))) i++;
      else {
        rest.splice(i, 1);
        for (const tuple of other.tuples) line.tuples.add(tuple);
        line.members = [...line.members, ...other.members].sort((a, b) => a.at - b.at);
      }
    }
  }
  return found;
}

function isNear({ hz, members }: Line, { at, tsval }: ClockSample): boolean {
  const next = members.findIndex(member => member.at >= at);
  const before = members[next < 0 ? members.length - 1 : Math.max(0, next - 1)];
  return Math.abs(ahead(hz, before.at, before.tsval, at, tsval)) <= looseTicks(hz, at - before.at, HELD_BACK);
}
