/**
 * The command line. The code of a command is loaded when it is called, so that `--version` need not wait for SQLite.
 * Whatever goes wrong is one sentence on stderr and a status from exit.ts; only a fault of this program prints a stack.
 */
import { existsSync } from 'node:fs';
import { type Command, CommanderError } from 'commander';
import { similarWords } from '../base/did-you-mean.ts';
import { PawscopeError } from '../base/errors.ts';
import { printable } from '../report/printable.ts';
import { collectEarly, makeObjectsYoung } from '../shard/v8-gc.ts';
import { Exit } from './exit.ts';
import { COLOR_MODES } from './options.ts';
import { isAbandoned, quietStreams, writeOut } from './output.ts';
import { createProgram } from './program.ts';

export async function main(argv: readonly string[]): Promise<void> {
  quietStreams();
  makeObjectsYoung();
  collectEarly();
  try {
    process.exitCode = await run(argv);
  } catch (error) {
    process.stderr.write(`pawscope: ${sentence(error, argv)}\n`);
    process.exitCode = Exit.ERROR;
  }
  if (isAbandoned()) process.exit();
}

async function run(given: readonly string[]): Promise<number> {
  const argv = withColorModes(given);
  let status: number = Exit.DONE;
  let printed = '';
  const program = createProgram(
    argv,
    ended => {
      status = ended;
    },
    text => {
      printed += text;
    },
  );
  try {
    await program.parseAsync(isKnown(program, argv[2]) ? argv : withoutHelp(argv));
  } catch (error) {
    // commander ends --help and --version by throwing, too.
    if (!(error instanceof CommanderError) || error.exitCode !== 0) throw error;
  }
  if (printed !== '') await writeOut([printed]);
  return status;
}

/**
 * `--color` alone, as grep and ls take it, means always. It is alone unless a mode follows, or a word that is probably one
 * mistyped.
 */
function withColorModes(argv: readonly string[]): string[] {
  const end = argv.indexOf('--');
  return argv.map((word, i) => {
    const isAlone =
      word === '--color' && (end < 0 || i < end) && similarWords(argv[i + 1] ?? '', COLOR_MODES).length === 0;
    return isAlone ? '--color=always' : word;
  });
}

/** A command, the help of one, or an option. */
const isKnown = (program: Command, word = ''): boolean =>
  word === 'help' || word.startsWith('-') || program.commands.some(command => command.name() === word);

/** commander prints help before it looks whether there is such a command; so a mistyped one would end with status 0. */
const withoutHelp = (argv: readonly string[]): string[] => argv.filter(word => word !== '--help' && word !== '-h');

/** What went wrong, as one sentence. The exit status is then 2. */
function sentence(error: unknown, argv: readonly string[]): string {
  if (error instanceof CommanderError) return misuse(error, argv.slice(2));
  if (error instanceof PawscopeError) return printable(error.message);
  return `a fault of pawscope itself, please report it: ${error instanceof Error ? error.stack : String(error)}`;
}

function misuse({ code, message }: CommanderError, words: readonly string[]): string {
  const commands = createProgram([], ignore, ignore).commands.map(command => command.name());
  const [first = '', second = ''] = words;
  if (code === 'commander.help') {
    const all = `${commands.slice(0, -1).join(', ')} or ${commands.at(-1)}`;
    const missing =
      first === 'help' && second !== '' ? `there is no command ${printable(second)}; name one of` : 'name a command:';
    return `${missing} ${all}; see pawscope --help`;
  }
  if (code === 'commander.unknownCommand' && !message.includes('Did you mean') && existsSync(first)) {
    return printable(`unknown command '${first}'; to read a capture: pawscope analyze ${first}`);
  }
  const explanation = message
    .replace(/^error: /, '')
    .replace(/\s*\n\s*/g, ' ')
    .replace(/\.$/, '');
  const command = words.find(word => !word.startsWith('-')) ?? '';
  const unknown = /^unknown option '([^'=]+)/.exec(explanation)?.[1] ?? '';
  const elsewhere = READS.includes(command) ? ELSEWHERE[unknown] : undefined;
  if (elsewhere !== undefined) return `unknown option '${unknown}'; ${elsewhere}; see pawscope ${command} --help`;
  return `${printable(explanation)}; see pawscope ${commands.includes(command) ? `${command} ` : ''}--help`;
}

/** What other programs, and other commands of this one, call by these names. */
const READS: readonly string[] = ['analyze', 'live'];
const WRITES_REPORT = 'to write a report of what it stores: pawscope report DB -o FILE';
const ELSEWHERE: Readonly<Record<string, string>> = {
  '--severity':
    'to fail from a severity on: --fail-on SEVERITY; to list findings of one: pawscope findings DB --severity SEVERITY',
  '-o': WRITES_REPORT,
  '--output': WRITES_REPORT,
};

const ignore = (): void => {};
