/** The manual page, made from the option tables, in the man(7) macros that every troff has. */
import type { Command, Option } from 'commander';
import { wrap } from '../../report/columns.ts';
import { CONFIG_FILE } from '../config/config.ts';
import { kindOf } from '../option-kinds.ts';
import type { RuleName } from '../rules.ts';
import { EXIT_STATUS } from './help.ts';
import { allOptions } from './help-format.ts';

/** `date`: the date on the page, YYYY-MM-DD. `help` returns what the command's --help prints below its options. */
export function manual(
  program: Command,
  rules: readonly RuleName[],
  date: string,
  help: (command: Command) => string,
): string {
  return `${[
    `.TH PAWSCOPE 1 ${date} "Pawscope ${program.version()}" "User Commands"`,
    '.SH NAME',
    'pawscope \\- why did these TCP connections fail?',
    '.SH SYNOPSIS',
    ...program.commands
      .flatMap(command => [`.B pawscope ${roff(command.name())}`, roff(command.usage()), '.br'])
      .slice(0, -1),
    '.SH DESCRIPTION',
    line(
      'Pawscope reads packet captures and finds the faults that involve TIME_WAIT, NAT, TCP timestamps (PAWS), port reuse ' +
        'and RST. It stores each finding in SQLite: a verdict in one sentence, the packets that prove it, and how ' +
        'certain it is.',
    ),
    '.SH COMMANDS',
    ...program.commands.flatMap(command => section(command, help(command))),
    '.SH RULES',
    ...rules.flatMap(({ id, title }) => ['.TP', `.B ${roff(id)}`, line(`${title}.`)]),
    line('Their pages: pawscope explain RULE.', '.PP'),
    '.SH FILES',
    ...item('pawscope.db', 'The database, unless another is named. Each run is added to it.'),
    ...item(
      CONFIG_FILE,
      'Options by their long names, for all commands or under the name of one. It is searched for in the working directory ' +
        'and upwards to the root of the repository or the home directory. Options of the command line take precedence.',
    ),
    '.SH ENVIRONMENT',
    ...item('NO_COLOR', 'With any value: no colors, unless --color always is given.'),
    ...item('GITHUB_STEP_SUMMARY', 'The file that --format github appends its table to.'),
    '.SH EXIT STATUS',
    line('If several apply, the first of these:'),
    ...EXIT_STATUS.flatMap(([status, meaning]) => item(status, meaning)),
    '.SH SEE ALSO',
    '.BR tcpdump (8),\n.BR tshark (1),\n.BR pcap\\-filter (7)',
  ].join('\n')}\n`;
}

function section(command: Command, help: string): string[] {
  const examples = /Examples:\n((?: {2}.*\n)+)/.exec(help)?.[1]?.trimEnd() ?? '';
  return [
    `.SS pawscope ${roff(command.name())} ${roff(command.usage())}`,
    line(command.description()),
    ...command.registeredArguments.flatMap(({ description, defaultValue }, i) =>
      item(command.registeredArguments[i].name(), `${sentence(description)}${standard(defaultValue)}`),
    ),
    ...allOptions(command).flatMap(option => item(option.flags, optionText(option))),
    '.PP\nExamples:\n.EX',
    ...examples.split('\n').map(text => guarded(roff(text))),
    '.EE',
  ];
}

function optionText(option: Option): string {
  const words = option.argChoices === undefined ? '' : ` One of ${option.argChoices.join(', ')}.`;
  const repeated = kindOf(option).repeats && !option.description.includes('repeated') ? ' May be repeated.' : '';
  return `${sentence(option.description)}${words}${repeated}${standard(option.defaultValueDescription ?? option.defaultValue)}`;
}

const sentence = (text: string): string =>
  `${text.charAt(0).toUpperCase()}${text.slice(1)}${text.endsWith('?') ? '' : '.'}`;

const standard = (value: unknown): string =>
  value === undefined || (Array.isArray(value) && value.length === 0) ? '' : ` Default: ${value}.`;

const item = (term: string, text: string): string[] => ['.TP', `.B ${roff(term)}`, line(text)];

/** Escapes text for troff: `\-` is a hyphen that can be copied, `\e` a backslash. */
const roff = (text: string): string => text.replaceAll('\\', '\\e').replaceAll('-', '\\-').replaceAll('`', '\\(ga');

/** Protects a line that begins like a troff request. */
const guarded = (text: string): string => (/^[.']/.test(text) ? `\\&${text}` : text);

/** Wraps a paragraph, so that the troff source can be read as well. */
const line = (text: string, before?: string): string =>
  [...(before === undefined ? [] : [before]), ...wrap(roff(text), WIDTH, '').map(guarded)].join('\n');

const WIDTH = 78;
