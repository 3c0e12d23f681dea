/** Reads the files that --context names; refuses any that `pawscope collect` did not write. */
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { reasonOf } from '../base/system-errors.ts';
import { HOST_CONTEXT_VERSION, type HostContext } from '../detect/context/host-context.ts';
import type { Tally } from '../shard/tally.ts';
import { UsageError } from './exit.ts';
import { COLLECTED_SYSCTLS } from './proc.ts';
import { address } from './values.ts';

export const readContexts = (files: readonly string[]): HostContext[] => files.map(readContext);

/** A sentence for each context whose host does not occur in the capture, so that it changed no finding. */
export const unmatched = (contexts: readonly HostContext[], tally: Readonly<Tally>): string[] =>
  contexts
    .filter((_, context) => (tally[`context.${context}`] ?? 0) === 0)
    .map(
      ({ host, addresses }) =>
        `the context of ${host || addresses[0] || 'a host without addresses'} matches no address in the capture ` +
        '(of its TCP connections, loopback aside), and changes nothing',
    );

function readContext(file: string): HostContext {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new UsageError(`${file}: cannot be read: ${reasonOf(error)}`);
  }
  const document = parsed(text);
  if (!isRecord(document)) throw new UsageError(`${file}: not a JSON document of pawscope collect`);
  const version = document.schema_version;
  if (typeof version === 'number' && version > HOST_CONTEXT_VERSION) {
    throw new UsageError(`${file}: written by a newer pawscope (schema_version ${version}); update pawscope`);
  }
  const wrong = Object.entries(FIELDS).find(([name, holds]) => !holds(document[name]))?.[0];
  if (wrong !== undefined) throw new UsageError(`${file}: not a document of pawscope collect (${wrong})`);
  const bad = Object.entries(document.sysctls as HostContext['sysctls']).find(entry => !isSetting(...entry));
  if (bad) throw new UsageError(`${file}: ${bad[0]} is ${JSON.stringify(bad[1])}, but must be ${formOf(bad[0])}`);
  const context = document as unknown as HostContext;
  return { ...context, addresses: context.addresses.map(address) };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

type Holds = (value: unknown) => boolean;

const isText: Holds = value => typeof value === 'string';
const isNumber: Holds = value => typeof value === 'number';
const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isTime: Holds = value => isText(value) && !Number.isNaN(Date.parse(value as string));
const recordOf =
  (holds: Holds): Holds =>
  value =>
    isRecord(value) && Object.values(value).every(holds);

/** Settings whose value is not a single number: the required form, and what to say if it has another. */
const TEXTS: Readonly<Record<string, readonly [form: RegExp, meant: string]>> = {
  'net.ipv4.ip_local_port_range': [/^\d+ \d+$/, 'two ports'],
  'net.ipv4.ip_local_reserved_ports': [/^(\d+(-\d+)?(,\d+(-\d+)?)*)?$/, 'a list of ports'],
};
const NUMBERS: ReadonlySet<string> = new Set(COLLECTED_SYSCTLS.filter(name => TEXTS[name] === undefined));

/**
 * Whether `value` has the form that `name` requires. Settings that `pawscope collect` does not ask for may hold
 * anything.
 */
function isSetting(name: string, value: number | string): boolean {
  const text = TEXTS[name];
  return text === undefined ? isNumber(value) || !NUMBERS.has(name) : text[0].test(String(value));
}

const formOf = (name: string): string => TEXTS[name]?.[1] ?? 'a number';

const FIELDS: Readonly<Record<keyof HostContext, Holds>> = {
  schema_version: value => value === HOST_CONTEXT_VERSION,
  collected: isTime,
  booted: value => value === null || isTime(value),
  host: isText,
  kernel: value => isText(value) && /^\d+\.\d+/.test(value as string),
  addresses: value =>
    Array.isArray(value) && value.every(item => isText(item) && isIP(item) > 0 && !item.includes('%')),
  sysctls: recordOf(value => isText(value) || isNumber(value)),
  counters: recordOf(isNumber),
  sockets: recordOf(recordOf(isNumber)),
  conntrack: recordOf(isNumber),
  missing: value =>
    Array.isArray(value) && value.every(item => isRecord(item) && isText(item.what) && isText(item.why)),
};
