/** The tables of commands and options, in the order of the help. The code of a command is loaded when it is called. */
import { Argument, type Command } from 'commander';
import { SEVERITIES } from '../detect/finding.ts';
import { wrap } from '../report/columns.ts';
import type { ExplainOptions } from './explain.ts';
import { withFilterWords } from './filter-words.ts';
import type { FindingsOptions } from './findings.ts';
import {
  ANALYZE_HELP,
  CHECK_HELP,
  COLLECT_HELP,
  COMPLETION_HELP,
  EXPLAIN_HELP,
  FINDINGS_HELP,
  INTERFACES_HELP,
  LIVE_HELP,
  REPORT_HELP,
  SLICE_HELP,
} from './help/help.ts';
import { sharedWithAnalyze } from './help/help-format.ts';
import type { InterfacesOptions } from './interfaces.ts';
import {
  type AnalyzeOptions,
  analysisOptions,
  anonymizeOption,
  CHECK_FORMATS,
  type CheckOptions,
  choiceOption,
  colorOptions,
  configOptions,
  DEFAULT_DATABASE,
  EXPLAIN_FORMATS,
  judgingOptions,
  type LiveCommandOptions,
  liveOptions,
  outputOptions,
  REPORT_FORMATS,
  SHELLS,
} from './options.ts';
import type { ReportOptions } from './report.ts';
import type { SliceOptions } from './slice.ts';
import { address, choice, instant, integer, list, list1, runNumber } from './values.ts';

/** Wraps a command that returns an exit status into the action that the parser calls. */
// biome-ignore lint/suspicious/noExplicitAny: what commander hands over depends on the table
export type Acting = <A extends any[]>(run: (...given: A) => Promise<number>) => (...given: unknown[]) => Promise<void>;

/** Largest --margin: ten days, in seconds. */
const MAX_MARGIN = 864_000;
/** Width of the help text: 80 columns less a margin. */
const WIDTH = 78;

export function addCommands(program: Command, acting: Acting, argv: readonly string[]): void {
  addAnalyze(program, acting, argv);
  for (const add of [addLive, addInterfaces, addFindings, addCheck]) add(program, acting);
  for (const add of [addCollect, addExplain, addReport, addSlice, addCompletion]) add(program, acting);
}

function addAnalyze(program: Command, acting: Acting, argv: readonly string[]): void {
  const command = program
    .command('analyze')
    .summary('read captures, print a summary, keep the findings in a database')
    .description('Reads captures, prints a summary and keeps the findings in a database.')
    .argument('[captures...]', 'files, folders, globs, - for stdin; after --, a filter')
    .option('--filter <text>', 'only frames that match, such as "tcp port 443"')
    .option('-r, --read <file>', 'a capture, as in tcpdump; may be repeated', list1, [])
    .addHelpText('after', ANALYZE_HELP)
    .action(
      acting(async (captures: string[], options: AnalyzeOptions) => {
        const { analyze } = await import('./analyze.ts');
        return analyze(...withFilterWords(captures, options, argv));
      }),
    );
  configOptions(anonymizeOption(analysisOptions(outputOptions(command))));
}

function addLive(program: Command, acting: Acting): void {
  const command = program
    .command('live')
    .summary('the same on interfaces, until Ctrl-C')
    .description(
      'Captures on interfaces and analyses packets as they come: findings reach the database within seconds.',
    )
    .argument('[filter...]', 'a filter as in tcpdump, such as: tcp port 443')
    .option('--filter <text>', 'only frames that match, such as "tcp port 443"')
    .addHelpText('after', ({ command: live }) => `${alsoOfAnalyze(live)}\n${LIVE_HELP}`)
    .action(
      acting(async (words: string[], options: LiveCommandOptions) => {
        const { live } = await import('./live/live.ts');
        return live(words, options);
      }),
    );
  configOptions(analysisOptions(liveOptions(outputOptions(command)), 'live'));
}

/** The part of live's help that names the options it shares with analyze. */
const alsoOfAnalyze = (live: Command): string =>
  `\nAlso these options of \`pawscope analyze\`:\n${wrap(
    sharedWithAnalyze(live)
      .map(({ long }) => long)
      .join(' '),
    WIDTH,
    '  ',
  ).join('\n')}`;

function addInterfaces(program: Command, acting: Acting): void {
  const command = program
    .command('interfaces')
    .summary('list the interfaces to capture on, or say what is missing')
    .description('Lists the interfaces to capture on. If none can be used, says what is missing.')
    .addOption(choiceOption('--format <format>', 'output format', ['text', 'json']).default('text'))
    .addHelpText('after', INTERFACES_HELP)
    .action(
      acting(async (options: InterfacesOptions) => {
        const { interfaces } = await import('./interfaces.ts');
        return interfaces(options);
      }),
    );
  configOptions(command);
}

function addFindings(program: Command, acting: Acting): void {
  const command = program
    .command('findings')
    .summary('list, filter and export what a database holds')
    .description(
      'Lists, filters and exports the findings of a database. Findings must match all filters that are given.',
    )
    .argument('[database]', 'written by pawscope analyze', DEFAULT_DATABASE)
    .option('--rule <ids>', 'of these rules, separated by commas', list)
    .addOption(choiceOption('--severity <severity>', 'of this severity or a worse one', SEVERITIES))
    .option('--client <address>', 'of this client', address)
    .option('--server <address>', 'of this server', address)
    .option('--since <time>', 'that end at this time or later (RFC 3339, or epoch)', instant)
    .option('--until <time>', 'that begin at this time or earlier', instant)
    .option('--run <id>', 'of this run, or last (default: of all)', runNumber)
    .option('--limit <n>', 'at most this many', integer(1, Number.MAX_SAFE_INTEGER))
    .addHelpText('after', FINDINGS_HELP)
    .action(
      acting(async (database: string, options: FindingsOptions) => {
        const { findings } = await import('./findings.ts');
        return findings(database, options);
      }),
    );
  configOptions(anonymizeOption(outputOptions(command)));
}

function addCheck(program: Command, acting: Acting): void {
  const command = program
    .command('check')
    .summary('compare captures with the goldens beside them')
    .description(
      'Compares the findings of captures with the goldens beside them: x.findings.json beside x.pcap. Folders are ' +
        'searched recursively; one that has a golden beside it is analysed as one rotated capture.',
    )
    .argument('[captures...]', 'files, folders or globs (default: this folder)')
    .option('--update', 'rewrite the goldens instead of comparing')
    .addOption(choiceOption('--format <format>', 'output format', CHECK_FORMATS).default('text'))
    .addHelpText('after', CHECK_HELP)
    .action(
      acting(async (captures: string[], options: CheckOptions) => {
        const { check } = await import('./check.ts');
        return check(captures, options);
      }),
    );
  judgingOptions(command).option('-v, --verbose', 'also captures that match, and every difference');
  configOptions(colorOptions(command));
}

/** No configOptions: collect has no options that a file could set. */
function addCollect(program: Command, acting: Acting): void {
  program
    .command('collect')
    .summary('print settings and counters of this Linux host, for analyze --context')
    .description(
      'Prints kernel, settings, counters and addresses of this Linux host as JSON. It only reads and needs no root.',
    )
    .addHelpText('after', COLLECT_HELP)
    .action(
      acting(async () => {
        const { collect } = await import('./collect.ts');
        return collect();
      }),
    );
}

function addExplain(program: Command, acting: Acting): void {
  const command = program
    .command('explain')
    .summary('the page of a rule, or a finding with its packets as a ladder')
    .description(
      'Prints the page of a rule, or explains a finding: its packets, what decided it, what to do. Without an argument, ' +
        'lists the rules.',
    )
    .argument('[rule or finding]', "a rule, or a finding's id or its first digits (4 at least)")
    .option('--db <file>', 'database that holds the finding', DEFAULT_DATABASE)
    .addOption(
      choiceOption('--format <format>', 'output format; md is for rules only', EXPLAIN_FORMATS).default('text'),
    )
    .addHelpText('after', EXPLAIN_HELP)
    .action(
      acting(async (word: string | undefined, options: ExplainOptions) => {
        const { explain } = await import('./explain.ts');
        return explain(word, options);
      }),
    );
  configOptions(anonymizeOption(colorOptions(command)));
}

function addReport(program: Command, acting: Acting): void {
  const command = program
    .command('report')
    .summary('the postmortem of a run as one self-contained HTML page')
    .description('Writes the postmortem of a run as one HTML file that needs no network.')
    .argument('[database]', 'written by pawscope analyze', DEFAULT_DATABASE)
    .option('-o, --output <file>', 'where to write it (default: standard output)')
    .addOption(choiceOption('--format <format>', 'the page, or Markdown for a ticket', REPORT_FORMATS).default('html'))
    .option('--run <id>', 'the run to report, or last', runNumber, 'last')
    .option('--compare <database>', 'its last run is compared: what is gone, what is new')
    .addHelpText('after', REPORT_HELP)
    .action(
      acting(async (database: string, options: ReportOptions) => {
        const { report } = await import('./report.ts');
        return report(database, options);
      }),
    );
  configOptions(anonymizeOption(command));
}

function addSlice(program: Command, acting: Acting): void {
  const command = program
    .command('slice')
    .summary('extract the packets of a finding, for Wireshark')
    .description("Extracts the packets of a finding's connections from the captures of its run.")
    .argument('<finding>', "a finding's id or its first digits (4 at least)")
    .option('--db <file>', 'database that holds the finding', DEFAULT_DATABASE)
    .requiredOption('-o, --output <file>', 'where to write them, or -')
    .option('--margin <seconds>', 'seconds to keep before and after its packets', integer(0, MAX_MARGIN), 150)
    .addHelpText('after', SLICE_HELP)
    .action(
      acting(async (word: string, options: SliceOptions) => {
        const { slice } = await import('./slice.ts');
        return slice(word, options);
      }),
    );
  configOptions(command);
}

function addCompletion(program: Command, acting: Acting): void {
  program
    .command('completion')
    .summary('print the completion script of a shell')
    .description('Prints the script with which a shell completes commands, options and their values.')
    .addArgument(new Argument('<shell>', 'bash, zsh or fish').choices(SHELLS).argParser(choice(SHELLS)))
    .addHelpText('after', COMPLETION_HELP)
    .action(
      acting(async (shell: (typeof SHELLS)[number]) => {
        const { completion } = await import('./completion.ts');
        return completion(shell, program);
      }),
    );
}
