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
import { withFilterWords } from './filter-words.ts';
import type { FindingsOptions } from './findings.ts';
import {
  ANALYZE_HELP,
  CHECK_HELP,
  COLLECT_HELP,
  EXPLAIN_HELP,
  FINDINGS_HELP,
  INTERFACES_HELP,
  LIVE_HELP,
  PROGRAM_HELP,
  REPORT_HELP,
} from './help.ts';
import type { InterfacesOptions } from './interfaces.ts';
import {
  type AnalyzeOptions,
  analysisOptions,
  CHECK_FORMATS,
  type CheckOptions,
  colorOptions,
  DEFAULT_DATABASE,
  EXPLAIN_FORMATS,
  judgingOptions,
  type LiveCommandOptions,
  liveOptions,
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
        .argument('[captures...]', 'files, folders, globs, or - for standard input; a filter may follow after --')
        .option('--filter <text>', 'leave out frames that do not match, as tcpdump has it: "tcp port 443"')
        .option('-r, --read <file>', 'a capture, as tcpdump and tshark name it; may be repeated', list1, []),
    ),
  )
    .addHelpText('after', ANALYZE_HELP)
    .action(async (captures: string[], options: AnalyzeOptions) => {
      const { analyze } = await import('./analyze.ts');
      status = await analyze(...withFilterWords(captures, options, argv));
    });

  analysisOptions(
    liveOptions(
      outputOptions(
        program
          .command('live')
          .summary('the same on interfaces, until Ctrl-C')
          .description('Captures on interfaces and analyses what comes: findings reach the database within seconds.')
          .argument('[filter...]', 'a filter as tcpdump has it, such as: tcp port 443'),
      ),
    ),
    'live',
  )
    .addHelpText('after', LIVE_HELP)
    .action(async (words: string[], options: LiveCommandOptions) => {
      const { live } = await import('./live.ts');
      status = await live(words, options);
    });

  program
    .command('interfaces')
    .summary('what can be captured on, and what is missing if nothing can')
    .description('Lists what can be captured on, and says what is missing if nothing can.')
    .addOption(new Option('--format <format>', 'how to write it').choices(['text', 'json']).default('text'))
    .addHelpText('after', INTERFACES_HELP)
    .action(async (options: InterfacesOptions) => {
      const { interfaces } = await import('./interfaces.ts');
      status = await interfaces(options);
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
      return 'name a command: analyze, live, interfaces, findings, report, check, explain or collect; pawscope --help tells more';
    return `${error.message.replace(/^error: /, '').replace(/\s*\n\s*/g, ' ')}; see pawscope --help`;
  }
  if (error instanceof PawscopeError) return printable(error.message);
  return `a fault of pawscope itself, please report it: ${error instanceof Error ? error.stack : String(error)}`;
}
