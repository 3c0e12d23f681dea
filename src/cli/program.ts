/** The command-line parser. Help, completion and the manual page are made from its tables (commands.ts). */
import { Command } from 'commander';
import { type Acting, addCommands } from './commands.ts';
import { configure } from './config/config.ts';
import { PROGRAM_HELP } from './help/help.ts';
import { HELP_FORMAT } from './help/help-format.ts';
import { packageVersion } from './version.ts';

/**
 * `ended` receives the exit status of the command that ran, `print` what the parser itself prints: help and version.
 */
export function createProgram(
  argv: readonly string[],
  ended: (status: number) => void,
  print: (text: string) => void,
): Command {
  const acting: Acting =
    run =>
    async (...given) => {
      const command = given.at(-1) as Command;
      const status = await configure(command, given);
      ended(status ?? (await run(...(given as Parameters<typeof run>))));
    };
  const program = new Command('pawscope')
    .description('Why did these TCP connections fail? Finds TIME_WAIT, NAT, timestamp, port-reuse and RST faults.')
    .version(packageVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .showSuggestionAfterError()
    .exitOverride()
    .configureHelp(HELP_FORMAT)
    // main.ts reports errors.
    .configureOutput({ outputError: () => {}, writeErr: () => {}, writeOut: print })
    .helpCommand('help [command]', 'print the help of a command')
    .addHelpText('after', PROGRAM_HELP);
  addCommands(program, acting, argv);
  return program;
}
