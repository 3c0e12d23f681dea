/** Where the program begins. The version is told before the parser of options is loaded: half of the time that took. */
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
