/** The first SIGINT or SIGTERM ends a run cleanly: what was read is finished, stored and told. The second kills. */
export interface Signals {
  abort: AbortSignal;
  caught(): 'SIGINT' | 'SIGTERM' | undefined;
  /** Gives the signals their usual meaning again. */
  forget(): void;
}

export function listenForSignals(): Signals {
  const controller = new AbortController();
  let caught: 'SIGINT' | 'SIGTERM' | undefined;
  const stop = (signal: 'SIGINT' | 'SIGTERM'): void => {
    caught = signal;
    forget();
    controller.abort();
  };
  const forget = (): void => {
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  return { abort: controller.signal, caught: () => caught, forget };
}
