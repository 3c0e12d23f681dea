/**
 * Tells hosts behind one address apart where their clocks do not (docs/rules.md D1.4): by two stacks that alternate, or
 * by two walks of source ports side by side. Each of these raises the lower bound to two and no higher. One host shows
 * one of everything at a time, but it may change once (a new kernel, a new route, sockets with options of their own),
 * so one deviating connection proves nothing. The TTL alone proves nothing either, as an application may set it for
 * each socket.
 */
import { MILLISECOND, SECOND } from '../../base/time.ts';
import { ISN_HZ, ISN_TICKS } from '../../flow/time-wait.ts';
import { ahead } from './clock-rate.ts';
import { type ClockSample, tupleOf } from './clock-sample.ts';
import { walksSideBySide } from './port-walk.ts';

interface Witness {
  reason: string;
  proof: ClockSample[];
  /** It cannot come from options that an application sets for a socket. */
  isStrong: boolean;
}

interface Witnesses {
  hosts: 1 | 2;
  /** One of them is. */
  isStrong: boolean;
  /** Last those that one host may show, too: they do not count. */
  reasons: string[];
  proof: ClockSample[];
}

/** Two stacks must each have opened EACH connections to one port, and must have alternated TURNS times. */
const EACH = 3;
const TURNS = 4;
/** Initial TTLs. The number of hops to a host may change by a few, but never by as much as lies between two of these. */
const TTL_CLASSES = [64, 128, 255] as const;
const TTL_DISTANCE = 24;

/** Option kinds of MSS, SACK permitted, timestamps and window scale: every stack sends them, each in its own order. */
const COMMON_KINDS = [2, 4, 8, 3];
const KIND_BITS = 4;

/**
 * Tolerance for ISNs, in ticks, if the path delays packets by up to 0.3 s; and with how many earlier connections each
 * one is compared. The number is limited because some fit by chance.
 */
const LOOSE_ISN_TICKS = 5_000_000;
const COMPARED = 64;
const OTHER_CLOCK = SECOND;

export function otherWitnesses(samples: readonly ClockSample[]): Witnesses {
  const witnesses: Witness[] = [];
  const doubts: string[] = [];
  // Sockets of different services may have different options, so only connections to one port are compared.
  for (const [port, group] of byServerPort(samples)) {
    const ttls = initialTtls(group);
    const orders = takingTurns(group, group.map(optionOrder));
    const stacks = takingTurns(group, ttls);
    const sign = stacks && SIGNS.find(({ of }) => inStep(ttls, group.map(of)));
    const walks = walksSideBySide(group);
    const add = (reason: string, proof: ClockSample[], isStrong: boolean): void => {
      witnesses.push({ reason: `${reason} (port ${port})`, proof, isStrong });
    };
    if (orders) add(`two orders of SYN options take turns ${orders.times} times`, orders.proof, true);
    const inTurns = stacks && `two initial TTLs take turns ${stacks.times} times`;
    if (stacks && sign) add(`${inTurns}, and ${sign.name} with them`, stacks.proof, false);
    else if (stacks) {
      doubts.push(`${inTurns} (port ${port}), as sockets of one host do where an application sets IP_TTL`);
    }
    if (walks) add('source ports walk upwards in two places at once', walks, true);
  }
  return {
    hosts: witnesses.length > 0 ? 2 : 1,
    isStrong: witnesses.some(({ isStrong }) => isStrong),
    reasons: [...witnesses.map(({ reason }) => reason), ...doubts],
    proof: witnesses[0]?.proof ?? [],
  };
}

/**
 * Other properties of a SYN that differ between stacks. A socket may set each of them for itself, and an application
 * may set two of them (measured: IP_TTL with TCP_MAXSEG): that is rare, but possible.
 */
const SIGNS: readonly { name: string; of: (sample: ClockSample) => number }[] = [
  { name: 'the order of SYN options', of: ({ options }) => options },
  { name: 'the window scale', of: ({ windowScale }) => windowScale },
  { name: 'the maximum segment size', of: ({ mss }) => mss },
];

/** Whether each of the two labels always goes with the same value, and the two values differ. Labels of 0 are ignored. */
function inStep(labels: readonly number[], values: readonly number[]): boolean {
  const seen = new Map<number, number>();
  for (const [i, label] of labels.entries()) {
    if (label === 0) continue;
    const value = seen.get(label);
    if (value !== undefined && value !== values[i]) return false;
    seen.set(label, values[i]);
  }
  return new Set(seen.values()).size === 2;
}

function byServerPort(samples: readonly ClockSample[]): Map<number, ClockSample[]> {
  const groups = new Map<number, ClockSample[]>();
  for (const sample of samples) {
    const group = groups.get(sample.serverPort);
    if (group === undefined) groups.set(sample.serverPort, [sample]);
    else group.push(sample);
  }
  return groups;
}

/** Whether two labels take turns, and how often; those of 0 are ignored. */
function takingTurns(
  samples: readonly ClockSample[],
  labels: readonly number[],
): { times: number; proof: ClockSample[] } | undefined {
  const counts = new Map<number, number>();
  const turns: ClockSample[] = [];
  let previous = 0;
  for (const [i, label] of labels.entries()) {
    if (label === 0) continue;
    counts.set(label, (counts.get(label) ?? 0) + 1);
    if (label !== previous) turns.push(samples[i]);
    previous = label;
  }
  if (counts.size !== 2 || turns.length <= TURNS || [...counts.values()].some(n => n < EACH)) return undefined;
  return { times: turns.length - 1, proof: turns.slice(0, TURNS) };
}

/** The order of the common options; 0 unless all of them are present. */
function optionOrder({ options }: ClockSample): number {
  let order = 0;
  let found = 0;
  for (let kinds = options; kinds !== 0; kinds >>>= KIND_BITS) {
    const kind = kinds & 0xf;
    if (!COMMON_KINDS.includes(kind)) continue;
    order = (order << KIND_BITS) | kind;
    found++;
  }
  return found === COMMON_KINDS.length ? order : 0;
}

/**
 * The initial TTL of each connection, or 0 if the TTLs that arrive are too close together to come from two initial
 * values.
 */
function initialTtls(samples: readonly ClockSample[]): number[] {
  const arrived = [...new Set(samples.map(({ ttl }) => ttl))].sort((a, b) => a - b);
  const clear = arrived.every(
    (ttl, i) => i === 0 || classOf(ttl) === classOf(arrived[i - 1]) || ttl - arrived[i - 1] >= TTL_DISTANCE,
  );
  return samples.map(({ ttl }) => (clear ? classOf(ttl) : 0));
}

const classOf = (ttl: number): number => TTL_CLASSES.find(initial => ttl <= initial) ?? 0;

/** Whether the ISN continues as it does for one tuple at one host (docs/rules.md F3). */
const isnGoesOn = (old: ClockSample, sample: ClockSample, ticks: number): boolean =>
  Math.abs(ahead(ISN_HZ, old.at, old.isn, sample.at, sample.isn)) < ticks + (sample.at - old.at) / MILLISECOND;

/**
 * Whether connections of different tuples are those of one tuple, to which a NAT gives another port each time. A host
 * with an offset for each tuple then seems to return to its line. It shows by ISNs that continue each other, or by SYNs
 * with a TSecr (docs/rules.md F4), which take over a TIME_WAIT. By chance one ISN in seven fits one of 64 others.
 */
export function isOneTuple(members: readonly ClockSample[]): boolean {
  const tuples = new Set<number>();
  let goOn = 0;
  for (const [i, sample] of members.entries()) {
    if (tuples.has(tupleOf(sample))) continue;
    tuples.add(tupleOf(sample));
    const before = members.slice(Math.max(0, i - COMPARED), i);
    if (i > 0 && (sample.tsecr !== 0 || before.some(old => isnGoesOn(old, sample, LOOSE_ISN_TICKS)))) goOn++;
  }
  return goOn > 0 && goOn >= (tuples.size - 1) / 2;
}

/**
 * Counts tuples that came back on another clock, with an ISN that does not continue the old one either. This may be
 * another host behind the address, or a restart, but also one host whose NAT reuses ports. So it says nothing about the
 * number of hosts.
 */
export function sameTupleChanges(samples: readonly ClockSample[], hz: number | undefined): string[] {
  if (hz === undefined) return [];
  const newest = new Map<number, ClockSample>();
  let kept = 0;
  let changed = 0;
  for (const sample of samples) {
    const tuple = tupleOf(sample);
    const old = newest.get(tuple);
    newest.set(tuple, sample);
    // A client that takes over its own TIME_WAIT derives the ISN from the old connection instead.
    if (old === undefined || sample.tsecr !== 0) continue;
    const clock = (Math.abs(ahead(hz, old.at, old.tsval, sample.at, sample.tsval)) / hz) * SECOND < OTHER_CLOCK;
    const isn = isnGoesOn(old, sample, ISN_TICKS);
    if (clock && isn) kept++;
    else if (!clock && !isn) changed++;
  }
  if (changed === 0) return [];
  const others = kept === 0 ? '' : `, ${kept} on the same`;
  return [
    `${changed} of the reused tuples came back on another clock${others}: a NAT that gives ports out anew, or a restart`,
  ];
}
