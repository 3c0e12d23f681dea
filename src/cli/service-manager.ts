/**
 * What systemd wants to know of a service of Type=notify (sd_notify(3)): that it captures, how it goes, and, where a
 * watchdog is set, that it lives. It lives while the analysis moves: all shards have come further than at the last look,
 * with packets or, where none come, with time. A thread that hangs stops it, wherever it hangs.
 */
import type { Standing } from '../analyse.ts';
import { native } from '../capture/native.ts';
import { say } from './output.ts';

export interface ServiceManager {
  /** It captures. */
  ready(): void;
  /** It has been told to end, or ends by itself. */
  stopping(): void;
  close(): void;
}

export interface Watched {
  standing(): Standing | undefined;
  /** One line. */
  status(): string;
}

const STATUS_MS = 5_000;
/** systemd asks for two signs of life in the time it waits for one. */
const SIGNS = 2;

/** Undefined where none has started this process. */
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
        // What is still told at the end takes as long as it takes.
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

/** What cannot be told is said once: systemd will act upon its absence. */
function teller(address: string): (state: string, wait?: boolean) => void {
  let complained = false;
  return (state, wait = false) => {
    try {
      native('a service of Type=notify').notify(address, state, wait);
    } catch (error) {
      if (!complained) say([`the service manager at ${address} cannot be told: ${(error as Error).message}`]);
      complained = true;
    }
  };
}
