/**
 * What a SYN shows of its sender besides the clock, and in what two groups of SYNs differ. Where the SYNs that got no
 * answer differ from the answered ones, a device that drops SYNs for that difference explains their fate as well as any
 * rule about clocks does (docs/rules.md D1.5).
 */
import { appended } from '../base/appended.ts';
import type { Segment } from '../wire/segment.ts';
import { Flag } from '../wire/tcp.ts';
import { NO_WINDOW_SCALE, orderOf } from '../wire/tcp-options.ts';

/** A `ClockSample` has them all. */
export interface SynMarks {
  flags: number;
  /** Payload bytes. */
  length: number;
  /** 0 = none. */
  mss: number;
  windowScale: number;
  /** Kinds of the options in their order, as `parseSyn` sets them; 0 = there are none, or some were cut off. */
  options: number;
  ttl: number;
  clientPort: number;
}

export const marksOf = (syn: Segment): SynMarks => ({
  flags: syn.flags,
  length: syn.length,
  mss: syn.mss,
  windowScale: syn.windowScale,
  options: orderOf(syn.synOptions),
  ttl: syn.ttl,
  clientPort: syn.ports >>> 16,
});

interface Mark {
  name: string;
  /** NaN = unknown. */
  of: (syn: SynMarks) => number;
  text: (value: number) => string;
}

const PRIVILEGED_PORTS = 1024;
const KIND_BITS = 4;
const OPTION_NAMES: Readonly<Record<number, string>> = { 1: 'NOP', 2: 'MSS', 3: 'WS', 4: 'SACK', 8: 'TS', 15: 'other' };

const withOptions =
  (of: (syn: SynMarks) => number) =>
  (syn: SynMarks): number =>
    syn.options === 0 ? Number.NaN : of(syn);

/** Those for which devices are known to drop SYNs come first. */
const MARKS: readonly Mark[] = [
  { name: 'ECN flags', of: ({ flags }) => flags & (Flag.ECE | Flag.CWR), text: ecnText },
  { name: 'data in the SYN', of: ({ length }) => (length > 0 ? 1 : 0), text: value => (value === 1 ? 'some' : 'none') },
  { name: 'TCP options', of: withOptions(({ options }) => options), text: optionsText },
  { name: 'MSS', of: withOptions(({ mss }) => mss), text: value => (value === 0 ? 'none' : String(value)) },
  {
    name: 'source port',
    of: ({ clientPort }) => (clientPort < PRIVILEGED_PORTS ? 0 : 1),
    text: value => (value === 0 ? `below ${PRIVILEGED_PORTS}` : `${PRIVILEGED_PORTS} and above`),
  },
  {
    name: 'window scale',
    of: withOptions(({ windowScale }) => windowScale),
    text: value => (value === NO_WINDOW_SCALE ? 'none' : String(value)),
  },
  { name: 'TTL', of: ({ ttl }) => ttl, text: String },
];

function ecnText(value: number): string {
  const flags = [value & Flag.ECE ? 'ECE' : '', value & Flag.CWR ? 'CWR' : ''].filter(flag => flag !== '');
  return flags.length === 0 ? 'none' : flags.join(',');
}

function optionsText(order: number): string {
  const names: string[] = [];
  for (let kinds = order; kinds !== 0; kinds >>>= KIND_BITS) {
    const kind = kinds & 0xf;
    names.push(OPTION_NAMES[kind] ?? String(kind));
  }
  return names.join(',');
}

/** Of each mark the values that were seen. Groups are never changed: trials that are looked at share them. */
export type SynGroup = readonly (readonly number[])[];
export const NO_SYNS: SynGroup = MARKS.map(() => []);

/** With more values than this a mark tells no group from another. */
const MOST_VALUES = 8;

export function withSyn(group: SynGroup, syn: SynMarks): SynGroup {
  let all: SynGroup = group;
  for (const [i, { of }] of MARKS.entries()) {
    const value = of(syn);
    const seen = group[i]!;
    if (seen.length <= MOST_VALUES && !seen.includes(value)) all = all.with(i, appended(seen, value));
  }
  return all;
}

/** Marks of which the two groups have no value in common: `ECN flags (ECE,CWR against none)`. */
export function differences(silent: SynGroup, answered: SynGroup): string[] {
  return MARKS.flatMap(({ name, text }, i) => {
    const [without, others] = [silent[i]!, answered[i]!];
    const isKnown = [without, others].every(
      values => values.length > 0 && values.length <= MOST_VALUES && !values.includes(Number.NaN),
    );
    if (!isKnown || without.some(value => others.includes(value))) return [];
    const listed = (values: readonly number[]): string => values.map(text).join(' or ');
    return [`${name} (${listed(without)} against ${listed(others)})`];
  });
}

/** For titles, which name the first two. */
export function inWords(differs: readonly string[]): string {
  const [first, second, ...rest] = differs;
  if (second === undefined) return first!;
  return rest.length === 0 ? `${first} and ${second}` : `${first}, ${second} and ${rest.length} more`;
}
