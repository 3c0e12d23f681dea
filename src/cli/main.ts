/**
 * The command line. Commands are loaded when they are called: `--version` must not wait for SQLite. Whatever goes
 * wrong is one sentence on stderr and a status of exit.ts; nothing but a fault of this program shows a stack.
 */
import { Command, CommanderError, Option } from 'commander';
import { PawscopeError } from '../base/errors.ts';
import { SEVERITIES } from '../detect/finding.ts';
import { printable } from '../report/printable.ts';
import { Exit } from './exit.ts';
import type { ExplainOptions } from './explain.ts';
import type { FindingsOptions } from './findings.ts';
import {
  type AnalyzeOptions,
  analysisOptions,
  CHECK_FORMATS,
  type CheckOptions,
  colorOptions,
  DEFAULT_DATABASE,
  EXPLAIN_FORMATS,
  judgingOptions,
  outputOptions,
  REPORT_FORMATS,
} from './options.ts';
import { quietStreams } from './output.ts';
import type { ReportOptions } from './report.ts';
import { address, instant, integer, list, list1, runNumber } from './values.ts';
import { packageVersion } from './version.ts';

export async function main(argv: readonly string[]): Promise<void> {
  quietStreams();
  try {
    process.exitCode = await run(argv);
  } catch (error) {
    process.exitCode = tell(error);
  }
}

async function run(argv: readonly string[]): Promise<number> {
  let status: number = Exit.DONE;
  const program = new Command('pawscope')
    .description('Why did these TCP connections fail? Finds TIME_WAIT, NAT, timestamp, port-reuse and RST faults.')
    .version(packageVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .showSuggestionAfterError()
    .exitOverride()
    // Errors are told once, by tell().
    .configureOutput({ outputError: () => {}, writeErr: () => {} })
    .addHelpText('after', PROGRAM_HELP);

  analysisOptions(
    outputOptions(
      program
        .command('analyze')
        .summary('read captures, print a summary, keep the findings in a database')
        .description('Reads captures, prints a summary and keeps the findings in a database.')
        .argument('[captures...]', 'files, folders, globs, or - for standard input')
        .option('-r, --read <file>', 'a capture, as tcpdump and tshark name it; may be repeated', list1, []),
    ),
  )
    .addHelpText('after', ANALYZE_HELP)
    .action(async (captures: string[], options: AnalyzeOptions) => {
      const { analyze } = await import('./analyze.ts');
      status = await analyze(captures, options);
    });

  outputOptions(
    program
      .command('findings')
      .summary('list, filter and export what a database holds')
      .description('Lists, filters and exports the findings of a database; all filters that are given must hold.')
      .argument('[database]', 'written by pawscope analyze', DEFAULT_DATABASE)
      .option('--rule <ids>', 'of these rules, separated by commas', list)
      .addOption(new Option('--severity <severity>', 'of this severity or a worse one').choices(SEVERITIES))
      .option('--client <address>', 'of this client', address)
      .option('--server <address>', 'of this server', address)
      .option(
        '--since <time>',
        'whose packets reach to this time or later (RFC 3339, or seconds since the epoch)',
        instant,
      )
      .option('--until <time>', 'whose packets begin at this time or earlier', instant)
      .option('--run <id>', 'of this run, or of the last (default: of all runs)', runNumber)
      .option('--limit <n>', 'at most this many', integer(1, Number.MAX_SAFE_INTEGER)),
  )
    .addHelpText('after', FINDINGS_HELP)
    .action(async (database: string, options: FindingsOptions) => {
      const { findings } = await import('./findings.ts');
      status = await findings(database, options);
    });

  colorOptions(
    judgingOptions(
      program
        .command('check')
        .summary('compare captures with the goldens beside them')
        .description(
          'Compares the findings of captures with the goldens beside them: x.findings.json beside x.pcap. A folder is ' +
            'searched with all its folders; one that has a golden beside it is analysed as one rotated capture.',
        )
        .argument('[captures...]', 'files, folders or globs (default: the folder one is in)')
        .option('--update', 'write the goldens anew instead')
        .addOption(new Option('--format <format>', 'how to write the result').choices(CHECK_FORMATS).default('text')),
    ).option('-v, --verbose', 'also the captures that are as they should be, and every difference'),
  )
    .addHelpText('after', CHECK_HELP)
    .action(async (captures: string[], options: CheckOptions) => {
      const { check } = await import('./check.ts');
      status = await check(captures, options);
    });

  program
    .command('collect')
    .summary('print what this Linux host knows of itself, for analyze --context')
    .description(
      'Prints kernel, settings, counters and addresses of this Linux host as JSON. It only reads and needs no root.',
    )
    .addHelpText('after', COLLECT_HELP)
    .action(async () => {
      const { collect } = await import('./collect.ts');
      status = await collect();
    });

  colorOptions(
    program
      .command('explain')
      .summary('the page of a rule, or a finding with its packets as a ladder')
      .description(
        'Prints the page of a rule, or tells a finding: its packets, what decided, what to do. Without a word, the rules.',
      )
      .argument('[rule or finding]', 'a rule, or the id of a finding or its beginning (4 digits or more)')
      .option('--db <file>', 'database that holds the finding', DEFAULT_DATABASE)
      .addOption(
        new Option('--format <format>', 'how to write it; md is for rules').choices(EXPLAIN_FORMATS).default('text'),
      ),
  )
    .addHelpText('after', EXPLAIN_HELP)
    .action(async (word: string | undefined, options: ExplainOptions) => {
      const { explain } = await import('./explain.ts');
      status = await explain(word, options);
    });

  program
    .command('report')
    .summary('the postmortem of a run as one self-contained HTML page')
    .description(
      'Writes the postmortem of a run: one HTML file that needs no network, for whoever was not there and whoever doubts.',
    )
    .argument('[database]', 'written by pawscope analyze', DEFAULT_DATABASE)
    .option('-o, --output <file>', 'where to write it (default: standard output)')
    .addOption(
      new Option('--format <format>', 'the page, or Markdown for a ticket').choices(REPORT_FORMATS).default('html'),
    )
    .option('--run <id>', 'the run to report, or last', runNumber, 'last')
    .option('--compare <database>', 'its last run was before: what is gone, what is new, rates side by side')
    .addHelpText('after', REPORT_HELP)
    .action(async (database: string, options: ReportOptions) => {
      const { report } = await import('./report.ts');
      status = await report(database, options);
    });

  await program.parseAsync(argv);
  return status;
}

/** Says what went wrong and returns the status that says the same. */
function tell(error: unknown): number {
  if (error instanceof CommanderError && error.exitCode === 0) return Exit.DONE;
  process.stderr.write(`pawscope: ${sentence(error)}\n`);
  return Exit.ERROR;
}

function sentence(error: unknown): string {
  if (error instanceof CommanderError) {
    if (error.code === 'commander.help')
      return 'name a command: analyze, findings, report, check, explain or collect; pawscope --help tells more';
    return `${error.message.replace(/^error: /, '').replace(/\s*\n\s*/g, ' ')}; see pawscope --help`;
  }
  if (error instanceof PawscopeError) return printable(error.message);
  return `a fault of pawscope itself, please report it: ${error instanceof Error ? error.stack : String(error)}`;
}

const PROGRAM_HELP = `
Examples:
  pawscope analyze office.pcapng
  pawscope findings --severity error
  pawscope check captures
`;

const ANALYZE_HELP = `
Examples:
  pawscope analyze office.pcapng
  pawscope analyze -r gateway.pcap.gz --db case-4711.db --fail-on error
  pawscope analyze 'rotated/cap*.pcap.zst'
  ssh gateway tcpdump -i any -s 128 -w - tcp | pawscope analyze -
  pawscope analyze --db :memory: --format ndjson office.pcap | jq .title
  pawscope analyze --profile linux-3.10 --sysctl tcp_tw_recycle=1 office.pcap
  pawscope analyze --db :memory: --fail-on error --format junit office.pcap > office.xml

Exit status (of several, the first that applies):
  130, 143  stopped by SIGINT or SIGTERM; what was read has been analysed and kept
  2  usage, unreadable input, or a database that cannot be written
  1  there are findings at or above --fail-on, or not as many as --expect says
  3  done, but the input was damaged or cut short, the kernel dropped packets, or a rule failed
  0  done
`;

const FINDINGS_HELP = `
Examples:
  pawscope findings
  pawscope findings case-4711.db --rule port-reuse --severity warning
  pawscope findings case-4711.db --client 192.0.2.10 --since 2026-11-21T07:00:00Z --format csv
  pawscope findings case-4711.db --run last --limit 20

Exit status: 0 done, 2 usage or a database that cannot be read.
`;

const CHECK_HELP = `
Examples:
  pawscope check                                 # every capture below this folder
  pawscope check --update captures/new.pcap      # make its golden; read it before you commit it
  pawscope check captures --rule port-reuse --time-wait 120

Exit status (of several, the first that applies):
  2  usage, or a capture or golden that cannot be read
  1  findings are not as their golden says, or a golden or its capture is missing
  3  a rule failed
  0  all as their goldens say
`;

const REPORT_HELP = `
Examples:
  pawscope report case-4711.db -o incident.html
  pawscope report case-4711.db --run 2 --format md > ticket.md
  pawscope report after.db --compare before.db -o fixed.html

Exit status: 0 done, 2 usage, a database that cannot be read, or a file that cannot be written.
`;

const COLLECT_HELP = `
Examples:
  pawscope collect > host.json
  ssh server npx pawscope collect > server.json
  pawscope analyze --context server.json office.pcapng

Exit status: 0 done, 2 not on Linux, or /proc cannot be read.
`;

const EXPLAIN_HELP = `
Examples:
  pawscope explain
  pawscope explain port-reuse
  pawscope explain 0477a892 --db case-4711.db
  pawscope explain 0477a892 --format json | jq .advice.checks

Exit status: 0 done, 2 no such rule or finding, or a database that cannot be read.
`;
