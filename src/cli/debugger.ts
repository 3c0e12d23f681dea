/** Node's debugger lets whoever reaches its port run what he likes in this process. */
import { close, url } from 'node:inspector';

/** A SIGUSR1 that came before bin/pawscope.js could listen for it has opened it, which nobody asked for. */
export function closeDebugger(): void {
  const asked = [...process.execArgv, process.env.NODE_OPTIONS ?? ''].some(option => option.includes('--inspect'));
  if (!asked && url() !== undefined) close();
}
