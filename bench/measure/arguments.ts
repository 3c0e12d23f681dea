/** The command lines of the benches. */
import { parseArgs } from 'node:util';
import { PROFILES, type Profile } from '../traffic/traffic.ts';
import { captureOf } from './captures.ts';

export interface Arguments {
  capture: string;
  runs: number;
}

/** Parses `[--runs N] [--profile NAME | FILE]`. */
export function benchArguments(defaultRuns: number): Arguments {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { runs: { type: 'string' }, profile: { type: 'string', default: 'headers' } },
  });
  const runs = values.runs === undefined ? defaultRuns : Number(values.runs);
  if (!(Number.isInteger(runs) && runs > 0)) throw new RangeError(`--runs takes a number from 1, not ${values.runs}`);
  if (!Object.hasOwn(PROFILES, values.profile)) throw new RangeError(`there is no profile ${values.profile}`);
  return { capture: positionals[0] ?? captureOf(values.profile as Profile), runs };
}

/** parseArgs found an unknown option, or one without its value. */
const isUnparsed = (error: unknown): boolean =>
  String((error as NodeJS.ErrnoException).code).startsWith('ERR_PARSE_ARGS_');

/** Reports an invalid option without a stack; any other error is a bug and keeps its stack. */
export async function reportOptionErrors(main: () => void | Promise<void>): Promise<void> {
  try {
    await main();
  } catch (error) {
    if (!(error instanceof RangeError || isUnparsed(error))) throw error;
    process.stderr.write(`${(error as Error).message}\n`);
    process.exitCode = 2;
  }
}
