/**
 * The command line. Commands are loaded when they are called: `--version` must not wait for SQLite. Whatever goes
 * wrong is one sentence on stderr and a status of exit.ts; nothing but a fault of this program shows a stack.
 */
import { CommanderError } from 'commander';
import { PawscopeError } from '../base/errors.ts';
import { printable } from '../report/printable.ts';
import { Exit } from './exit.ts';
import { quietStreams } from './output.ts';
import { createProgram } from './program.ts';

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
  const program = createProgram(argv, ended => {
    status = ended;
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
      return 'name a command: analyze, live, interfaces, findings, report, check, explain, collect or completion; pawscope --help tells more';
    return `${error.message
      .replace(/^error: /, '')
      .replace(/\s*\n\s*/g, ' ')
      .replace(/\.$/, '')}; see pawscope --help`;
  }
  if (error instanceof PawscopeError) return printable(error.message);
  return `a fault of pawscope itself, please report it: ${error instanceof Error ? error.stack : String(error)}`;
}
