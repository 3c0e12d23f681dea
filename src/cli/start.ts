/** The entry point. Prints the version before the option parser is loaded, which would take half of the time. */
import { Exit } from './exit.ts';
import { quietStreams, writeOut } from './output.ts';
import { packageVersion } from './version.ts';

export async function start(argv: readonly string[]): Promise<void> {
  const [word, ...more] = argv.slice(2);
  if (more.length === 0 && (word === '--version' || word === '-V')) {
    quietStreams();
    try {
      await writeOut([`${packageVersion()}\n`]);
    } catch (error) {
      process.stderr.write(`pawscope: ${(error as Error).message}\n`);
      process.exitCode = Exit.ERROR;
    }
    return;
  }
  const { main } = await import('./main.ts');
  await main(argv);
}
