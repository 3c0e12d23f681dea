/**
 * Options that commands share, and the types they are parsed to. Names and defaults are a contract: people use them in
 * scripts.
 */
import { type Command, Option } from 'commander';
import { DEFAULT_MAX_FLOWS, DEFAULT_PORT_RANGE, DEFAULT_TIME_WAIT, MAX_FLOWS, MAX_WORKERS } from '../base/limits.ts';
import { SEVERITIES, type Severity } from '../detect/finding.ts';
import { PROFILES } from '../detect/what-if/profile.ts';
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

export const COLOR_MODES = ['auto', 'always', 'never'] as const;
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
    .option('--config <file>', 'read options from this file, or --no-config')
    .option('--no-config', 'read no options from a file')
    .option('--show-config', 'print the options in effect and where each was set');

export const outputOptions = (command: Command): Command =>
  colorOptions(command.addOption(choiceOption('--format <format>', 'output format', FORMATS).default('text')));

export const colorOptions = (command: Command): Command =>
  command
    .addOption(choiceOption('--color <when>', 'or --no-color', COLOR_MODES).default('auto'))
    .option('--no-color', 'the same as --color never; NO_COLOR is obeyed too, and --color alone is always');

export const anonymizeOption = (command: Command): Command =>
  command.option('--anonymize', 'replace addresses in all output');

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
    .option('-i, --interface <name>', 'an interface, or any; may be repeated', list1, [])
    .option('-c, --count <n>', 'stop after n frames', integer(1, Number.MAX_SAFE_INTEGER))
    .option('-a, --autostop <duration:S>', 'stop after S seconds', stopAfter)
    .option(
      '-s, --snapshot-length <bytes>',
      'bytes to capture of each frame',
      snapshotLength(MIN_SNAPLEN, MAX_SNAPLEN),
      128,
    )
    .option('-B, --buffer-size <KiB>', 'kernel buffer per interface', integer(64, MAX_BUFFER_KIB), 32_768)
    .option('--promiscuous', 'also capture frames for other hosts')
    .option('--immediate-mode', 'deliver each packet at once (more CPU)')
    .addOption(choiceOption('--on-source-lost <what>', 'if one disappears', ['exit', 'retry']).default('retry'))
    .option('-w, --write <file>', 'also write the packets, as nanosecond pcap')
    .option('-C, --file-size <MB>', 'start a new file at this size; also 64k, 64m, 1g', fileSize)
    .option('-G, --rotate-seconds <s>', 'start a new file after s seconds', integer(1, MAX_ROTATE_SECONDS))
    .option('-W, --file-count <n>', 'with -C: keep n files; with -G: stop after n', integer(1, MAX_FILES))
    .option('-Z, --relinquish-privileges <user>', 'drop root for this user (default: nobody)')
    .option('--keep <age>', 'delete older rows from the database: 12h, 7d', age)
    .option('--max-db <size>', 'delete the oldest rows beyond: 500MB, 1GB', size)
    .option('--metrics <[host:]port>', 'serve /metrics and /healthz, on 127.0.0.1', listenAddress);

/** `of`: `files`, whose size decides how many worker threads are worth while, or `live`. */
export const analysisOptions = (command: Command, of: 'files' | 'live' = 'files'): Command =>
  judgingOptions(
    command
      .option('--db <file>', 'the database, or :memory:', DEFAULT_DATABASE)
      .addOption(
        choiceOption('--fail-on <severity>', 'exit 1 if a finding is at least this severe', [
          ...SEVERITIES,
          'none',
        ]).default('none'),
      )
      .option('--baseline <file>', 'findings in this database do not count for --fail-on')
      .addOption(
        new Option('--expect <rule=n>', 'exit 1 unless rule has n findings; also >=, <=, =LO-HI')
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
        'what-if on this machine',
        PROFILES.map(({ name }) => name),
      ),
    )
    .option('--sysctl <name=value>', 'what-if with this setting: tcp_tw_recycle=1', sysctl)
    .option('--context <file>', 'output of `pawscope collect` on one of the hosts', list1, [])
    .option('-q, --quiet', 'no summary and no progress')
    .option('-v, --verbose', 'everything in the summary, and how long it took');
