/** Exit statuses, as `analyze --help` lists them. When several apply, the first one here is returned. */
import { constants } from 'node:os';
import { PawscopeError } from '../base/errors.ts';
import type { EndSignal } from './signals.ts';

export const Exit = {
  /** Wrong usage, unreadable input, or a database or disk that cannot be written. */
  ERROR: 2,
  /** Findings at or above --fail-on, or other findings than --expect or a golden says. */
  FINDINGS: 1,
  /**
   * Done, but the input was damaged, cut short or partly no capture, packets were lost or not kept, or a rule failed.
   */
  DAMAGED: 3,
  DONE: 0,
} as const;

/**
 * 130 after SIGINT, 143 after SIGTERM, 129 after SIGHUP. Takes precedence over the statuses above, but is returned only
 * after everything has been stored.
 */
export const signalStatus = (signal: EndSignal): number => 128 + constants.signals[signal];

/** The command line asks for something impossible. */
export class UsageError extends PawscopeError {
  override name = 'UsageError';
}
