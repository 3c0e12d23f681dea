/**
 * Lines that may be of one clock all the same. What holds packets back for seconds does so again and again, for about as
 * long: a radio that wakes up, an address that is looked up (3 s in Linux). Their connections then lie side by side on a
 * line of their own; and where it holds back the last packet of a connection, the clock seems to tick at another rate.
 */

import type { Line } from './clock-fit.ts';
import { ahead, looseTicks } from './clock-rate.ts';
import type { ClockSample } from './clock-sample.ts';

/** Seconds. */
const HELD_BACK = 5;

/** Each line whose connections all begin near a longer, proved one becomes part of that. */
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
