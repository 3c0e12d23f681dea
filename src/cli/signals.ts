import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { isatty } from 'node:tty';

/**
 * The first of these signals ends a run cleanly: what was read is analysed, stored and written out. The second kills
 * it.
 */
export interface Signals {
  abort: AbortSignal;
  caught(): EndSignal | undefined;
  /** Resolves so many milliseconds after the first signal; never without one. */
  after(milliseconds: number): Promise<void>;
  /** Restores the default action of the signals. */
  forget(): void;
}

/** Ctrl-C, `kill`, and a terminal that went away, as when an SSH connection breaks. */
const END_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
export type EndSignal = (typeof END_SIGNALS)[number];

/**
 * A second signal this soon is the first one delivered twice: `timeout` signals its command and then its process group.
 */
const SAME_SIGNAL_MS = 1000;

export function listenForSignals(): Signals {
  const controller = new AbortController();
  let caught: EndSignal | undefined;
  let since = 0;
  const terminals = [0, 1, 2].filter(fd => isatty(fd));
  const stop = (signal: EndSignal): void => {
    if (caught === undefined) {
      caught = signal;
      since = performance.now();
      if (signal === 'SIGHUP') process.once('exit', () => leave(terminals));
      controller.abort();
    } else if (performance.now() - since > SAME_SIGNAL_MS) {
      forget();
      process.kill(process.pid, signal);
    }
  };
  const forget = (): void => {
    for (const signal of END_SIGNALS) process.off(signal, stop);
  };
  for (const signal of END_SIGNALS) process.on(signal, stop);
  const after = async (milliseconds: number): Promise<void> => {
    const { signal } = controller;
    if (!signal.aborted) await once(signal, 'abort');
    await sleep(Math.max(since + milliseconds - performance.now(), 0), undefined, { ref: false });
  };
  return { abort: controller.signal, caught: () => caught, after, forget };
}

/**
 * At exit Node resets the terminals that it started with, and aborts if that fails, as it does on one that is gone.
 * This reopens such descriptors on /dev/null.
 */
function leave(terminals: readonly number[]): void {
  for (const fd of terminals) {
    if (isatty(fd)) continue;
    closeSync(fd);
    openSync('/dev/null', 'r+'); // takes the lowest free descriptor: this one
  }
}
