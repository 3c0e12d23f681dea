/** Where the program begins. The version is told before the parser of options is loaded: half of the time that took. */
import { quietStreams } from './output.ts';
import { packageVersion } from './version.ts';

export async function start(argv: readonly string[]): Promise<void> {
  const [word, ...more] = argv.slice(2);
  if (more.length === 0 && (word === '--version' || word === '-V')) {
    quietStreams();
    process.stdout.write(`${packageVersion()}\n`);
    return;
  }
  const { main } = await import('./main.ts');
  await main(argv);
}
