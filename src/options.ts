/** Options of the library: their types, and the checks of their values. */
import type { AnalyseOptions } from './analyse.ts';
import { didYouMean } from './base/did-you-mean.ts';
import { OptionError } from './base/errors.ts';
import { MAX_FLOWS, MAX_TIME_WAIT, MAX_WORKERS } from './base/limits.ts';
import { HOST_CONTEXT_VERSION, type HostContext } from './detect/context/host-context.ts';
import type { Rule } from './detect/evidence.ts';
import { detectors } from './detect/index.ts';
import { machineOf } from './detect/what-if/profile.ts';

/** Bytes of input read so far and in all (before inflating; 0 if unknown), and frames read. */
export interface Progress {
  consumed: number;
  total: number;
  frames: number;
}

export interface Options {
  /** Rules to run; default: all. */
  rules?: readonly Rule[] | undefined;
  /** How long TIME_WAIT lasts, in seconds; default: 60. */
  timeWait?: number | undefined;
  /** First and last ephemeral port of the clients (inclusive); default: 32768 to 60999. */
  portRange?: readonly [low: number, high: number] | undefined;
  /** Most connections held in memory; default: 4,000,000. */
  maxFlows?: number | undefined;
  /** Most findings reported per rule and host pair, the others are only counted; default: 10,000. */
  maxFindings?: number | undefined;
  /** Worker threads, 0: none; default: chosen by the size of the input and the number of cores. */
  workers?: number | undefined;
  /** For a what-if: a machine by name (`linux-3.10`, `freebsd`, …). */
  profile?: string | undefined;
  /** For a what-if: settings of that machine, such as `{ tcp_tw_recycle: 1 }`. */
  sysctls?: Readonly<Record<string, number>> | undefined;
  /** Parsed documents that `pawscope collect` wrote on hosts of the capture. */
  contexts?: readonly HostContext[] | undefined;
  /** Aborting it ends the analysis at once; the loop throws its reason. */
  signal?: AbortSignal | undefined;
  /** Called periodically while captures are read. */
  onProgress?: ((progress: Progress) => void) | undefined;
}

const isWhole = (low: number, high: number) => (value: unknown) =>
  Number.isInteger(value) && (value as number) >= low && (value as number) <= high;

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

type Check = readonly [holds: (value: unknown) => boolean, meant: string];

const CHECKS: { readonly [K in keyof Required<Options>]: Check } = {
  rules: [value => Array.isArray(value) && value.length > 0, 'a list of rules'],
  timeWait: [
    value => typeof value === 'number' && value > 0 && value <= MAX_TIME_WAIT,
    `a number of seconds above 0, at most ${MAX_TIME_WAIT}`,
  ],
  portRange: [
    value => Array.isArray(value) && value.length === 2 && value.every(isWhole(1, 65_535)) && value[0] <= value[1],
    'two ports such as [32768, 60999]',
  ],
  maxFlows: [isWhole(1, MAX_FLOWS), `a whole number from 1 to ${MAX_FLOWS}`],
  maxFindings: [isWhole(0, Number.MAX_SAFE_INTEGER), 'a whole number, 0 or more'],
  workers: [isWhole(0, MAX_WORKERS), `a whole number from 0 to ${MAX_WORKERS}`],
  profile: [value => typeof value === 'string', 'the name of a machine'],
  sysctls: [value => isObject(value) && Object.values(value).every(Number.isInteger), 'whole numbers by name'],
  contexts: [
    value => Array.isArray(value) && value.every(isContext),
    'a list of parsed documents of `pawscope collect`',
  ],
  signal: [value => isObject(value) && typeof value.aborted === 'boolean', 'an AbortSignal'],
  onProgress: [value => typeof value === 'function', 'a function'],
};

/** Whether it has the form of a host context; wrong values are found where the file is read. */
const isContext = (value: unknown): boolean =>
  isObject(value) &&
  value.schema_version === HOST_CONTEXT_VERSION &&
  Array.isArray(value.addresses) &&
  typeof value.kernel === 'string' &&
  isObject(value.sysctls) &&
  isObject(value.counters);

/** Checks the options and converts them to those of the run, except for `signal`. Throws an OptionError. */
export function runOptions(options: Options): Omit<AnalyseOptions, 'signal'> {
  if (!isObject(options as unknown))
    throw new OptionError('options', 'options are an object, such as { timeWait: 120 }');
  for (const [name, value] of Object.entries(options)) {
    if (!Object.hasOwn(CHECKS, name)) throw new OptionError(name, `there is no option ${name}${meant(name)}`);
    const [holds, what] = CHECKS[name as keyof Options];
    if (value !== undefined && !holds(value)) throw new OptionError(name, `option ${name} must be ${what}`);
  }
  const { rules, timeWait, portRange, maxFlows, maxFindings, workers, contexts } = options;
  for (const rule of rules ?? []) refuseUnknown(rule);
  const machine = machineFor(options);
  const given = { rules, timeWait, portRange, maxFlows, maxFindings, workers, contexts, machine };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

function meant(name: string): string {
  return `; ${didYouMean(name, Object.keys(CHECKS)) ?? `there are ${Object.keys(CHECKS).join(', ')}`}`;
}

function refuseUnknown(rule: string): void {
  const known = detectors.map(({ meta }) => meta.id as string);
  if (known.includes(rule)) return;
  const hint = didYouMean(String(rule), known) ?? `the rules are ${known.join(', ')}`;
  throw new OptionError('rules', `there is no rule ${rule}; ${hint}`);
}

function machineFor({ profile, sysctls }: Options): AnalyseOptions['machine'] {
  if (profile === undefined && sysctls === undefined) return undefined;
  const machine = machineOf(profile, sysctls ?? {});
  if (typeof machine === 'string') throw new OptionError(profile === undefined ? 'sysctls' : 'profile', machine);
  return machine;
}
