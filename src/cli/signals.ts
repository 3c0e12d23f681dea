/** The first SIGINT or SIGTERM ends a run cleanly: what was read is finished, stored and told. The second kills. */
export interface Signals {
  abort: AbortSignal;
  caught(): 'SIGINT' | 'SIGTERM' | undefined;
  /** Gives the signals their usual meaning again. */
  forget(): void;
}

/** A second signal this soon is the first one told twice: `timeout` signals its command and then its whole group. */
const SAME_SIGNAL_MS = 1000;

export function listenForSignals(): Signals {
  const controller = new AbortController();
  let caught: 'SIGINT' | 'SIGTERM' | undefined;
  let since = 0;
  const stop = (signal: 'SIGINT' | 'SIGTERM'): void => {
    if (caught === undefined) {
      caught = signal;
      since = performance.now();
      controller.abort();
    } else if (performance.now() - since > SAME_SIGNAL_MS) {
      forget();
      process.kill(process.pid, signal);
    }
  };
  const forget = (): void => {
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  return { abort: controller.signal, caught: () => caught, forget };
}
