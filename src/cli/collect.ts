/**
 * `pawscope collect`: prints what this host knows of itself, for `analyze --context`. Only reads, without any
 * privilege.
 */
import { networkInterfaces } from 'node:os';
import { Exit, UsageError } from './exit.ts';
import { writeOut } from './output.ts';
import { readProc } from './proc.ts';
import { address } from './values.ts';

export async function collect(): Promise<number> {
  if (process.platform !== 'linux') {
    throw new UsageError(`collect reads /proc of Linux, but this is ${process.platform}; run it on the Linux host`);
  }
  const context = readProc('/proc', localAddresses(), new Date());
  if (context.kernel === '') throw new UsageError('/proc cannot be read, so nothing is known about this host');
  await writeOut([`${JSON.stringify(context, null, 2)}\n`]);
  return Exit.DONE;
}

/** The addresses of all interfaces that are up, each address once. */
const localAddresses = (): string[] => [
  ...new Set(
    Object.values(networkInterfaces())
      .flatMap(addresses => addresses ?? [])
      .map(entry => address(entry.address)),
  ),
];
