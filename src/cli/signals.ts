import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { isatty } from 'node:tty';

/** The first of these signals ends a run cleanly: what was read is finished, stored and told. The second kills. */
export interface Signals {
  abort: AbortSignal;
  caught(): EndSignal | undefined;
  /** Resolves so many milliseconds after the first; never without one. */
  after(milliseconds: number): Promise<void>;
  /** Gives the signals their usual meaning again. */
  forget(): void;
}

/** Ctrl-C, `kill`, and the terminal that went away, as when a connection of ssh breaks. */
const END_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
export type EndSignal = (typeof END_SIGNALS)[number];

/** A second signal this soon is the first one told twice: `timeout` signals its command and then its whole group. */
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

/** When it exits, Node resets the terminals that it began with, and aborts where that fails: on one that is gone. */
function leave(terminals: readonly number[]): void {
  for (const fd of terminals) {
    if (isatty(fd)) continue;
    closeSync(fd);
    openSync('/dev/null', 'r+'); // takes the lowest number that is free: this one
  }
}
