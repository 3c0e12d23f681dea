/** Parsers of option values: each returns the parsed value or throws an error that says in a sentence what it wants. */
import { isIP } from 'node:net';
import { InvalidArgumentError } from 'commander';
import { formatIPv6 } from '../base/address.ts';
import { didYouMean } from '../base/did-you-mean.ts';
import { MAX_TIME_WAIT } from '../base/limits.ts';

type Parser = (text: string, previous: never) => unknown;

/** The parsers that accept a number, or either number or text, in a configuration file; all others take text. */
const NUMBERS = new Map<unknown, 'number' | 'number or text'>();

/** The JSON type that the configuration file has for the text that this parser takes. */
export const wants = (parser: Parser | undefined): 'number' | 'text' | 'number or text' =>
  NUMBERS.get(parser) ?? 'text';

export const repeats = (parser: Parser | undefined): boolean =>
  ([list, list1, sysctl, expectation] as unknown[]).includes(parser);

export function integer(low: number, high: number): (text: string) => number {
  const parse = (text: string): number => {
    const n = Number(text);
    if (/^\d+$/.test(text) && n >= low && n <= high) return n;
    const bounds = high === Number.MAX_SAFE_INTEGER ? `, ${low} or more` : ` from ${low} to ${high}`;
    throw new InvalidArgumentError(`It must be a whole number${bounds}.`);
  };
  NUMBERS.set(parse, 'number');
  return parse;
}

/** 0 means the whole frame, as for tcpdump. */
export function snapshotLength(low: number, high: number): (text: string) => number {
  const whole = integer(low, high);
  const parse = (text: string): number => {
    if (/^0+$/.test(text)) return high;
    try {
      return whole(text);
    } catch {
      throw new InvalidArgumentError(`It must be a whole number from ${low} to ${high}, or 0 for all of a frame.`);
    }
  };
  NUMBERS.set(parse, 'number');
  return parse;
}

export function positiveSeconds(text: string): number {
  const s = Number(text);
  if (/^\d+(\.\d+)?$/.test(text) && s > 0 && s <= MAX_TIME_WAIT) return s;
  throw new InvalidArgumentError(`It must be a number of seconds above 0, at most ${MAX_TIME_WAIT}.`);
}

/** Parses `duration:60`, as dumpcap and tshark have it, to seconds. */
export function stopAfter(text: string): number {
  const [, s] = /^duration:(\d+(?:\.\d+)?)$/.exec(text) ?? [];
  if (s !== undefined && Number(s) > 0 && Number(s) <= LONGEST_TIMER) return Number(s);
  throw new InvalidArgumentError(
    `It must be duration:SECONDS, such as duration:60, above 0 and at most ${LONGEST_TIMER} (24 days).`,
  );
}

/** The longest timeout of a Node timer (2^31 - 1 ms), in seconds. */
const LONGEST_TIMER = 2_147_483;

const SECONDS: Record<string, number> = { s: 1, m: 60, h: 3_600, d: 86_400 };
/** A century, in seconds; an instant that long ago is still valid. */
const LONGEST = 36_525 * 86_400;

/** Parses an age such as `7d` to seconds. */
export function age(text: string): number {
  const [, n, unit] = /^(\d{1,10})([smhd])$/.exec(text) ?? [];
  const s = Number(n) * SECONDS[unit];
  if (s > 0 && s <= LONGEST) return s;
  throw new InvalidArgumentError(
    'It must be a whole number above 0 with its unit, s, m, h or d, such as 12h or 7d, and at most 36525d.',
  );
}

const BYTES: Record<string, number> = { KB: 1e3, MB: 1e6, GB: 1e9 };
/** Smallest limit for a database, in bytes: what is stored between two clean-ups has to fit in it. */
const LEAST_SIZE = 16e6;

/** Parses a size such as `1GB` to bytes. */
export function size(text: string): number {
  const [, n, unit] = /^(\d{1,12})([KMG]B)$/.exec(text) ?? [];
  const bytes = Number(n) * BYTES[unit];
  if (bytes >= LEAST_SIZE && Number.isSafeInteger(bytes)) return bytes;
  throw new InvalidArgumentError(
    'It must be a whole number with its unit, KB, MB or GB, and 16MB or more, such as 500MB or 1GB.',
  );
}

export interface ListenAddress {
  host: string;
  port: number;
}

/** Parses `9477` (on the loopback interface), `127.0.0.1:9477`, `[::1]:9477` or `name:9477`. */
export function listenAddress(text: string): ListenAddress {
  const [, ipv6, name, digits] = /^(?:(?:\[([\da-fA-F:.]+)\]|([\w.-]+)):)?(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  const isAddress = ipv6 === undefined || isIP(ipv6) === 6;
  if (isAddress && port >= 1 && port <= 65_535) return { host: ipv6 ?? name ?? '127.0.0.1', port };
  throw new InvalidArgumentError('It must be PORT or HOST:PORT, such as 9477 or [::1]:9477.');
}

const FILE_UNITS: Readonly<Record<string, number>> = { '': 1e6, k: 1 << 10, m: 1 << 20, g: 1 << 30 };

/**
 * Parses a file size to bytes: `100` are millions of bytes, as for tcpdump -C; `64k`, `100m` and `1g` are powers of
 * 1024.
 */
export function fileSize(text: string): number {
  const [, digits, unit = ''] = /^([1-9]\d{0,8})([kmg]?)$/i.exec(text) ?? [];
  if (digits !== undefined) return Number(digits) * FILE_UNITS[unit.toLowerCase()];
  throw new InvalidArgumentError('It must be a size in millions of bytes, or such as 64k, 100m, 1g.');
}
NUMBERS.set(fileSize, 'number or text');

export function portRange(text: string): [low: number, high: number] {
  const [low, high] = /^(\d{1,5})-(\d{1,5})$/.exec(text)?.slice(1).map(Number) ?? [0, 0];
  if (low >= 1 && low <= high && high <= 65_535) return [low, high];
  throw new InvalidArgumentError('It must be LO-HI, such as 32768-60999, within 1-65535.');
}

/** Parses `a,b`, also with spaces. Repeated options add up. */
export function list(text: string, previous: readonly string[] = []): string[] {
  const words = text
    .split(',')
    .map(word => word.trim())
    .filter(word => word !== '');
  if (words.length === 0) throw new InvalidArgumentError('It must name something.');
  return [...previous, ...words];
}

/** Parses `tcp_tw_recycle=1` or `net.ipv4.tcp_tw_recycle=1`. Repeated options add up. */
export function sysctl(text: string, previous: Readonly<Record<string, number>> = {}): Record<string, number> {
  const [, name, value] = /^(?:net\.ipv4\.)?([a-z]\w*)=(\d{1,9})$/.exec(text) ?? [];
  if (name === undefined) throw new InvalidArgumentError('It must be NAME=NUMBER, such as tcp_tw_recycle=1.');
  return { ...previous, [name]: Number(value) };
}

/** How many findings of a rule are expected. */
export interface Expectation {
  /** As given on the command line. */
  text: string;
  rule: string;
  low: number;
  high: number;
}

/** Parses `port-reuse=2`, `port-reuse>=1`, `reset-close<=3` or `reset-close=1-4`. Repeated options add up. */
export function expectation(text: string, previous: readonly Expectation[] = []): Expectation[] {
  const [, rule, sign, first, last] = /^([\w-]+?)(=|>=|<=)(\d{1,15})(?:-(\d{1,15}))?$/.exec(text) ?? [];
  const low = sign === '<=' ? 0 : Number(first);
  const high = sign === '>=' ? Number.POSITIVE_INFINITY : Number(last ?? first);
  if (rule === undefined || (last !== undefined && sign !== '=') || low > high) {
    throw new InvalidArgumentError('It must be RULE=N, RULE>=N, RULE<=N or RULE=LO-HI, such as port-reuse=0.');
  }
  return [...previous, { text, rule, low, high }];
}

/** For repeated options whose values may contain commas. */
export const list1 = (text: string, previous: readonly string[] = []): string[] => [...previous, text];

/** Parses any spelling of an IP address to that of RFC 5952, which the database uses. */
export function address(text: string): string {
  if (isIP(text) === 4) return text;
  if (isIP(text) !== 6 || text.includes('%')) throw new InvalidArgumentError('It must be an IP address.');
  // The URL parser knows every spelling, but writes IPv4-mapped addresses in its own way.
  const [left, right] = new URL(`http://[${text}]`).hostname.slice(1, -1).split('::');
  const groups = (part: string | undefined): number[] =>
    part ? part.split(':').map(hex => Number.parseInt(hex, 16)) : [];
  const head = groups(left);
  const tail = groups(right);
  const all = [...head, ...new Array<number>(8 - head.length - tail.length).fill(0), ...tail];
  const word = (i: number): number => (all[i] << 16) | all[i + 1];
  return formatIPv6(word(0), word(2), word(4), word(6));
}

const RFC3339 = /^(\d{4}-\d\d-\d\d)(?:[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d)?)?$/;

/**
 * Parses RFC 3339 (UTC if there is no offset), seconds since the epoch, or nanoseconds as the database has them (19 digits), to
 * nanoseconds since the epoch.
 */
export function instant(text: string): bigint {
  const epoch = /^(\d{1,11})(?:\.(\d{1,9}))?$/.exec(text);
  if (epoch) return nanos(BigInt(epoch[1]), epoch[2]);
  if (/^[1-9]\d{18}$/.test(text)) return storable(BigInt(text));
  const [, date, time = '00:00:00', fraction, zone = 'Z'] = RFC3339.exec(text) ?? [];
  const ms = Date.parse(`${date}T${time}${zone.toUpperCase()}`);
  if (date !== undefined && !Number.isNaN(ms)) return nanos(BigInt(ms / 1000), fraction);
  throw new InvalidArgumentError('It must be a time such as 2026-11-21T07:02:07Z, or seconds since the epoch.');
}

const nanos = (s: bigint, fraction = ''): bigint => storable(s * 1_000_000_000n + BigInt(fraction.padEnd(9, '0')));

/** Before and after what SQLite's integers can hold there are no findings, so the nearest of them says the same. */
function storable(ns: bigint): bigint {
  if (ns > LATEST) return LATEST;
  return ns < -LATEST ? -LATEST : ns;
}
const LATEST = 2n ** 63n - 1n;

export function runNumber(text: string): number | 'last' {
  if (text === 'last') return text;
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("It must be a run's number, or last.");
}

NUMBERS.set(positiveSeconds, 'number')
  .set(runNumber, 'number or text')
  .set(instant, 'number or text')
  .set(listenAddress, 'number or text');

/**
 * A parser for one of `words`. For any other text it throws an error that suggests the word that was probably meant.
 */
export const choice =
  (words: readonly string[]) =>
  (text: string): string => {
    if (words.includes(text)) return text;
    const meant = didYouMean(text, words);
    const hint = meant === undefined ? '' : `${meant.charAt(0).toUpperCase()}${meant.slice(1)} `;
    throw new InvalidArgumentError(`${hint}Allowed choices are ${words.join(', ')}.`);
  };
