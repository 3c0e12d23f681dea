/**
 * Options that commands share, and the types they are parsed to. Names and defaults are a contract: people use them in
 * scripts.
 */
import { type Command, Option } from 'commander';
import { DEFAULT_MAX_FLOWS, DEFAULT_PORT_RANGE, DEFAULT_TIME_WAIT, MAX_FLOWS, MAX_WORKERS } from '../base/limits.ts';
import { SEVERITIES, type Severity } from '../detect/finding.ts';
import { PROFILES } from '../detect/profile.ts';
import {
  age,
  choice,
  type Expectation,
  expectation,
  fileSize,
  integer,
  type ListenAddress,
  list,
  list1,
  listenAddress,
  portRange,
  positiveSeconds,
  size,
  snapshotLength,
  stopAfter,
  sysctl,
} from './values.ts';

export const FORMATS = ['text', 'json', 'ndjson', 'csv', 'md', 'sarif', 'junit', 'github'] as const;
export type Format = (typeof FORMATS)[number];

const COLOR_MODES = ['auto', 'always', 'never'] as const;
export type ColorMode = (typeof COLOR_MODES)[number];

export interface OutputOptions {
  format: Format;
  /** False for --no-color. */
  color: ColorMode | false;
}

/** The options that the findings of a capture depend on. */
export interface JudgingOptions {
  rule?: string[];
  maxFlows: number;
  timeWait: number;
  portRange: [low: number, high: number];
}

export interface AnalyzeOptions extends OutputOptions, JudgingOptions, AnonymizeOptions {
  read: string[];
  db: string;
  filter?: string;
  failOn: Severity | 'none';
  baseline?: string;
  expect: Expectation[];
  workers?: number;
  flows?: boolean;
  context: string[];
  profile?: string;
  sysctl?: Record<string, number>;
  quiet?: boolean;
  verbose?: boolean;
}

export interface AnonymizeOptions {
  anonymize?: boolean;
}

export interface LiveCommandOptions extends AnalyzeOptions {
  interface: string[];
  count?: number;
  /** Seconds. */
  autostop?: number;
  /** Bytes captured of each frame. */
  snapshotLength: number;
  /** KiB. */
  bufferSize: number;
  promiscuous?: boolean;
  immediateMode?: boolean;
  onSourceLost: 'exit' | 'retry';
  write?: string;
  /** Bytes. */
  fileSize?: number;
  rotateSeconds?: number;
  fileCount?: number;
  relinquishPrivileges?: string;
  /** Seconds. */
  keep?: number;
  /** Bytes. */
  maxDb?: number;
  metrics?: ListenAddress;
}

export const DEFAULT_DATABASE = 'pawscope.db';

/** Formats of `report`: the HTML page, or Markdown for a ticket. */
export const REPORT_FORMATS = ['html', 'md'] as const;

/** Formats of `explain`: a rule's page as text, as its Markdown or within JSON; a finding as text or JSON. */
export const EXPLAIN_FORMATS = ['text', 'md', 'json'] as const;

export const SHELLS = ['bash', 'zsh', 'fish'] as const;

/** Formats of `check`. */
export const CHECK_FORMATS = ['text', 'json', 'md', 'sarif', 'junit', 'github'] as const;

export interface CheckOptions extends JudgingOptions {
  format: (typeof CHECK_FORMATS)[number];
  update?: boolean;
  verbose?: boolean;
  /** False for --no-color. */
  color: ColorMode | false;
}

/** An option that takes one of `words`. */
export function choiceOption(flags: string, description: string, words: readonly string[]): Option {
  const option = new Option(flags, description).choices(words);
  option.argParser(choice(words));
  return option;
}

export const configOptions = (command: Command): Command =>
  command
    .option('--config <file>', 'options from this file, or --no-config')
    .option('--no-config', 'options from no file')
    .option('--show-config', 'print the options in effect, and where each is from');

export const outputOptions = (command: Command): Command =>
  colorOptions(command.addOption(choiceOption('--format <format>', 'the result', FORMATS).default('text')));

export const colorOptions = (command: Command): Command =>
  command
    .addOption(choiceOption('--color <when>', 'or --no-color', COLOR_MODES).default('auto'))
    .option('--no-color', 'the same as --color never; NO_COLOR is obeyed too');

export const anonymizeOption = (command: Command): Command =>
  command.option('--anonymize', 'other addresses in all that is told');

export const judgingOptions = (command: Command): Command =>
  command
    .option('--rule <ids>', 'run only these rules, separated by commas', list)
    .option('--max-flows <n>', 'connections held in memory', integer(1, MAX_FLOWS), DEFAULT_MAX_FLOWS)
    .option('--time-wait <seconds>', 'how long TIME_WAIT lasts', positiveSeconds, DEFAULT_TIME_WAIT)
    .addOption(
      new Option('--port-range <range>', 'ephemeral ports of the clients')
        .argParser(portRange)
        .default(DEFAULT_PORT_RANGE, DEFAULT_PORT_RANGE.join('-')),
    );

/** libpcap's MAXIMUM_SNAPLEN, the largest snap length that it accepts. */
const MAX_SNAPLEN = 262_144;
/** Headers of Ethernet, IPv6 and TCP without options; with less nothing can be analysed. */
const MIN_SNAPLEN = 74;
/** Largest capture buffer, 1 GiB in KiB: the kernel counts its ring in an int. */
const MAX_BUFFER_KIB = 1 << 20;
/** A year, in seconds. */
const MAX_ROTATE_SECONDS = 31_536_000;
/** Most files of a ring: the database lists each of them. */
const MAX_FILES = 10_000;

export const liveOptions = (command: Command): Command =>
  command
    .option('-i, --interface <name>', 'capture on it, or any; may be repeated', list1, [])
    .option('-c, --count <n>', 'end after so many frames', integer(1, Number.MAX_SAFE_INTEGER))
    .option('-a, --autostop <duration:S>', 'end after so many seconds', stopAfter)
    .option('-s, --snapshot-length <bytes>', 'of each frame', snapshotLength(MIN_SNAPLEN, MAX_SNAPLEN), 128)
    .option('-B, --buffer-size <KiB>', "the kernel's buffer, an interface", integer(64, MAX_BUFFER_KIB), 32_768)
    .option('--promiscuous', 'also frames that are meant for others')
    .option('--immediate-mode', 'each packet at once, for more work a packet')
    .addOption(choiceOption('--on-source-lost <what>', 'when one disappears', ['exit', 'retry']).default('retry'))
    .option('-w, --write <file>', 'also keep the packets, as nanosecond pcap')
    .option('-C, --file-size <MB>', 'next file after so much; also 64k, 64m, 1g', fileSize)
    .option('-G, --rotate-seconds <s>', 'next file after so long', integer(1, MAX_ROTATE_SECONDS))
    .option('-W, --file-count <n>', 'with -C a ring of n files, with -G the end', integer(1, MAX_FILES))
    .option('-Z, --relinquish-privileges <user>', 'become it once all is open (root: nobody)')
    .option('--keep <age>', 'remove what is older from the database: 12h, 7d', age)
    .option('--max-db <size>', 'remove the oldest beyond this: 500MB, 1GB', size)
    .option('--metrics <[host:]port>', 'serve /metrics and /healthz, on 127.0.0.1', listenAddress);

/** `of`: `files`, whose size decides how many worker threads are worth while, or `live`. */
export const analysisOptions = (command: Command, of: 'files' | 'live' = 'files'): Command =>
  judgingOptions(
    command
      .option('--db <file>', 'the database, or :memory:', DEFAULT_DATABASE)
      .addOption(
        choiceOption('--fail-on <severity>', 'exit 1 if there is a finding so severe', [...SEVERITIES, 'none']).default(
          'none',
        ),
      )
      .option('--baseline <file>', 'findings in this database do not count for --fail-on')
      .addOption(
        new Option('--expect <rule=n>', 'exit 1 unless there are so many; also >=, <=, =LO-HI')
          .argParser(expectation)
          .default([], 'nothing'),
      )
      .option(
        '--workers <n>',
        `worker threads, 0 = none (default: ${of === 'live' ? '0' : 'by size'})`,
        integer(0, MAX_WORKERS),
      ),
  )
    .option('--flows', 'also store every connection')
    .addOption(
      choiceOption(
        '--profile <machine>',
        'a what-if, of this machine',
        PROFILES.map(({ name }) => name),
      ),
    )
    .option('--sysctl <name=value>', 'a what-if, with this setting: tcp_tw_recycle=1', sysctl)
    .option('--context <file>', 'what `pawscope collect` wrote on one of the hosts', list1, [])
    .option('-q, --quiet', 'no summary and no progress')
    .option('-v, --verbose', 'everything in the summary, and how long it took');
