/**
 * Notifies systemd, for a service of Type=notify (sd_notify(3)): that capturing has begun, how it goes and, if a
 * watchdog is set, that the process is alive. It counts as alive while the analysis advances: all shards are further
 * than at the last check, by packets or, without packets, by time. A thread that hangs anywhere therefore stops the
 * sign of life.
 */
import type { RunState } from '../../analyse.ts';
import { native } from '../../capture/native.ts';
import { say } from '../output.ts';

export interface ServiceManager {
  /** Capturing has begun. */
  ready(): void;
  /** The run is ending, by a signal or by itself. */
  stopping(): void;
  close(): void;
}

export interface Watched {
  standing(): RunState | undefined;
  /** The state of the run in one line. */
  status(): string;
}

const STATUS_MS = 5_000;
/** sd_watchdog_enabled(3) recommends a sign of life every half of the watchdog's time. */
const SIGNS = 2;

/** Undefined if no service manager started this process. */
export function serviceManager(watched: Watched, environment = process.env): ServiceManager | undefined {
  const { NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID } = environment;
  if (NOTIFY_SOCKET === undefined || NOTIFY_SOCKET === '') return undefined;
  const tell = teller(NOTIFY_SOCKET);
  const mine = WATCHDOG_PID === undefined || Number(WATCHDOG_PID) === process.pid;
  const watchdogMs = mine ? Number(WATCHDOG_USEC ?? 0) / 1e3 : 0;
  const timers: NodeJS.Timeout[] = [];
  const every = (milliseconds: number, work: () => void): void => {
    timers.push(setInterval(work, milliseconds).unref());
  };
  let reached = Number.NaN;
  let ending = false;
  return {
    ready() {
      tell(`READY=1\nSTATUS=${watched.status()}`, true);
      every(STATUS_MS, () => tell(`STATUS=${watched.status()}`));
      if (!(watchdogMs > 0)) return;
      every(watchdogMs / SIGNS, () => {
        const until = watched.standing()?.until ?? Number.NaN;
        // No time limit for what is still to be stored and written at the end.
        if (until === reached && !ending) return;
        reached = until;
        tell('WATCHDOG=1');
      });
    },
    stopping() {
      if (ending) return;
      ending = true;
      tell('STOPPING=1', true);
    },
    close: () => timers.forEach(clearInterval),
  };
}

/** Sends states to the manager. If that fails it says so once; systemd will act on their absence. */
function teller(address: string): (state: string, wait?: boolean) => void {
  let complained = false;
  return (state, wait = false) => {
    try {
      native('a service of Type=notify').notify(address, state, wait);
    } catch (error) {
      if (!complained) say([`the service manager at ${address} cannot be notified: ${(error as Error).message}`]);
      complained = true;
    }
  };
}
