/** Node's debugger lets anybody who can reach its port run code in this process. */
import { close, url } from 'node:inspector';

/**
 * Closes a debugger that nobody asked for: a SIGUSR1 before bin/pawscope.js handles that signal makes Node open one.
 */
export function closeDebugger(): void {
  const asked = [...process.execArgv, process.env.NODE_OPTIONS ?? ''].some(option => option.includes('--inspect'));
  if (!asked && url() !== undefined) close();
}
