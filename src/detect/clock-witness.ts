/**
 * What tells hosts behind one address apart where their clocks do not (docs/rules.md D1.4): two stacks that take
 * turns, two walks of source ports side by side. Each raises the lower bound to two and no higher. One host shows one
 * of everything at a time, but may change it once (a new kernel, a new route, sockets with options of their own), so
 * one odd connection proves nothing. Nor does the TTL alone, which an application may set for each socket.
 */
import { MILLISECOND, SECOND } from '../base/time.ts';
import { ISN_HZ, ISN_TICKS } from '../flow/time-wait.ts';
import { ahead } from './clock-rate.ts';
import { type ClockSample, tupleOf } from './clock-sample.ts';
import { walksSideBySide } from './port-walk.ts';

export interface Witnesses {
  hosts: 1 | 2;
  /** One of them is nothing that an application sets for each socket. */
  isStrong: boolean;
  reasons: string[];
  proof: ClockSample[];
}

/** Two stacks must each have opened so many connections to one port, and have changed places so often. */
const EACH = 3;
const TURNS = 4;
/** Initial TTLs; a path adds or saves a few hops, never as many as lie between two of these. */
const TTL_CLASSES = [64, 128, 255] as const;
const TTL_DISTANCE = 24;

/** MSS, SACK permitted, timestamps, window scale: what every stack sends, each in an order of its own. */
const COMMON_KINDS = [2, 4, 8, 3];
const KIND_BITS = 4;

/** The same of packets that the path delays by up to 0.3 s, and how many earlier connections are compared: few fit by chance. */
const LOOSE_ISN_TICKS = 5_000_000;
const COMPARED = 64;
const OTHER_CLOCK = SECOND;

export function otherWitnesses(samples: readonly ClockSample[]): Witnesses {
  const reasons: string[] = [];
  /** Told, though one host may show it. */
  const doubtful: string[] = [];
  let proof: ClockSample[] = [];
  let isStrong = false;
  // Sockets of different services may set options of their own: only connections to one port are compared.
  for (const [port, group] of byServerPort(samples)) {
    const ttls = initialTtls(group);
    const stacks = takingTurns(group, 'initial TTLs', ttls);
    const sign = stacks && SIGNS.find(({ of }) => inStep(ttls, group.map(of)));
    const orders = takingTurns(group, 'orders of SYN options', group.map(optionOrder));
    const walks = walking(group);
    const seen = [orders, sign && { ...stacks, reason: `${stacks.reason}, and ${sign.name} with them` }, walks];
    isStrong ||= orders !== undefined || walks !== undefined;
    if (stacks !== undefined && sign === undefined) {
      doubtful.push(`${stacks.reason} (port ${port}), as sockets of one host do where an application sets IP_TTL`);
    }
    for (const witness of seen) {
      if (witness === undefined) continue;
      reasons.push(`${witness.reason} (port ${port})`);
      if (proof.length === 0) proof = witness.proof;
    }
  }
  return { hosts: reasons.length > 0 ? 2 : 1, isStrong, reasons: [...reasons, ...doubtful], proof };
}

/**
 * What else of a SYN differs between stacks. Any of them a socket may set for itself, and an application both (measured:
 * IP_TTL with TCP_MAXSEG): rare, but possible.
 */
const SIGNS: readonly { name: string; of: (sample: ClockSample) => number }[] = [
  { name: 'the order of SYN options', of: ({ options }) => options },
  { name: 'the window scale', of: ({ windowScale }) => windowScale },
  { name: 'the maximum segment size', of: ({ mss }) => mss },
];

/** Each of the two labels goes with one value, and with another than the other does. Labels of 0 say nothing. */
function inStep(labels: readonly number[], values: readonly number[]): boolean {
  const seen = new Map<number, number>();
  for (const [i, label] of labels.entries()) {
    if (label === 0) continue;
    const value = seen.get(label);
    if (value !== undefined && value !== values[i]) return false;
    seen.set(label, values[i]!);
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

interface Witness {
  reason: string;
  proof: ClockSample[];
}

function walking(samples: readonly ClockSample[]): Witness | undefined {
  const proof = walksSideBySide(samples);
  return proof === undefined ? undefined : { reason: 'source ports walk upwards in two places at once', proof };
}

/** Labels of 0 say nothing. */
function takingTurns(samples: readonly ClockSample[], what: string, labels: readonly number[]): Witness | undefined {
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
  return { reason: `two ${what} take turns ${turns.length - 1} times`, proof: turns.slice(0, TURNS) };
}

/** The order of the common options, 0 unless all are there. */
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

/** Of each connection its initial TTL, or 0 where the TTLs that arrive lie too close together to be of two. */
function initialTtls(samples: readonly ClockSample[]): number[] {
  const arrived = [...new Set(samples.map(({ ttl }) => ttl))].sort((a, b) => a - b);
  const clear = arrived.every(
    (ttl, i) => i === 0 || classOf(ttl) === classOf(arrived[i - 1]) || ttl - arrived[i - 1] >= TTL_DISTANCE,
  );
  return samples.map(({ ttl }) => (clear ? classOf(ttl) : 0));
}

const classOf = (ttl: number): number => TTL_CLASSES.find(initial => ttl <= initial) ?? 0;

/** The ISN goes on as that of one tuple does at one host. */
const isnGoesOn = (old: ClockSample, sample: ClockSample, ticks: number): boolean =>
  Math.abs(ahead(ISN_HZ, old.at, old.isn, sample.at, sample.isn)) < ticks + (sample.at - old.at) / MILLISECOND;

/**
 * Connections of different tuples whose ISNs go on from each other, or that take a TIME_WAIT over which is not seen, are
 * of one tuple before a NAT that gives each another port: a host that offsets by tuple comes back to its line so. By
 * chance the ISN of one in seven fits one of 64 others.
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
 * Tuples that came back on another clock, with an ISN that is not of the old ISN clock either: another host behind
 * the address, or a restart; but also one host whose NAT gives its ports out anew, so it counts nobody.
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
    // A client that takes its own TIME_WAIT over derives the ISN from the old connection instead.
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
