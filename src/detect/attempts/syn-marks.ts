/**
 * What a SYN shows of its sender besides the clock, and in what two groups of SYNs differ. Where the SYNs that got no
 * answer differ from the answered ones in something that devices filter by, such a device explains their fate as well as
 * any rule about clocks does (docs/rules.md D1.5).
 */
import { appended } from '../../base/appended.ts';
import type { Segment } from '../../wire/segment.ts';
import { Flag } from '../../wire/tcp.ts';
import { NO_WINDOW_SCALE, orderOf } from '../../wire/tcp-options.ts';

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
  /**
   * Devices are known to drop SYNs for it. In the other marks nearly every two hosts differ, so that a difference there
   * explains nothing.
   */
  isFiltered: boolean;
  /** NaN = unknown. */
  of: (syn: SynMarks) => number;
  text: (value: number) => string;
}

const PRIVILEGED_PORTS = 1024;
const KIND_BITS = 4;
const OPTION_NAMES: Readonly<Record<number, string>> = { 1: 'NOP', 2: 'MSS', 3: 'WS', 4: 'SACK', 8: 'TS', 15: 'other' };

/** Options that most stacks send, each in its own order. */
const USUAL: ReadonlySet<number> = new Set([1, 2, 3, 4, 8]);

/** The options among these kinds, in their order. */
function kindsOf(order: number, isAmong: (kind: number) => boolean): number {
  let among = 0;
  let shift = 0;
  for (let kinds = order; kinds !== 0; kinds >>>= KIND_BITS) {
    const kind = kinds & 0xf;
    if (!isAmong(kind)) continue;
    among |= kind << shift;
    shift += KIND_BITS;
  }
  return among;
}

/** `order` as in `SynMarks.options`. */
export const hasUnusualOption = (order: number): boolean => kindsOf(order, kind => !USUAL.has(kind)) !== 0;

const withOptions =
  (of: (syn: SynMarks) => number) =>
  (syn: SynMarks): number =>
    syn.options === 0 ? Number.NaN : of(syn);

const MARKS: readonly Mark[] = [
  { name: 'ECN flags', isFiltered: true, of: ({ flags }) => flags & (Flag.ECE | Flag.CWR), text: ecnText },
  {
    name: 'data in the SYN',
    isFiltered: true,
    of: ({ length }) => (length > 0 ? 1 : 0),
    text: value => (value === 1 ? 'some' : 'none'),
  },
  {
    name: 'unusual TCP options',
    isFiltered: true,
    of: withOptions(({ options }) => kindsOf(options, kind => !USUAL.has(kind))),
    text: optionsText,
  },
  {
    name: 'MSS',
    isFiltered: true,
    of: withOptions(({ mss }) => mss),
    text: value => (value === 0 ? 'none' : String(value)),
  },
  {
    name: 'source port',
    isFiltered: true,
    of: ({ clientPort }) => (clientPort < PRIVILEGED_PORTS ? 0 : 1),
    text: value => (value === 0 ? `below ${PRIVILEGED_PORTS}` : `${PRIVILEGED_PORTS} and above`),
  },
  {
    name: 'TCP options',
    isFiltered: false,
    of: withOptions(({ options }) => kindsOf(options, kind => USUAL.has(kind))),
    text: optionsText,
  },
  {
    name: 'window scale',
    isFiltered: false,
    of: withOptions(({ windowScale }) => windowScale),
    text: value => (value === NO_WINDOW_SCALE ? 'none' : String(value)),
  },
  { name: 'TTL', isFiltered: false, of: ({ ttl }) => ttl, text: String },
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
  return names.length === 0 ? 'none' : names.join(',');
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
    const seen = group[i];
    if (seen.length <= MOST_VALUES && !seen.includes(value)) all = all.with(i, appended(seen, value));
  }
  return all;
}

/** In what two groups have no value in common, each as `ECN flags (ECE,CWR against none)`. */
export interface Differences {
  filtered: readonly string[];
  /** What tells hosts apart that nobody filters by. */
  others: readonly string[];
}

export const differences = (silent: SynGroup, answered: SynGroup): Differences => ({
  filtered: differing(silent, answered, true),
  others: differing(silent, answered, false),
});

function differing(silent: SynGroup, answered: SynGroup, filtered: boolean): string[] {
  return MARKS.flatMap(({ name, isFiltered, text }, i) => {
    if (isFiltered !== filtered) return [];
    const [without, others] = [silent[i], answered[i]];
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
