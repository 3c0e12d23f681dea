/** Exit statuses; `--help` of analyze tells them. When several apply, the one that stands first here is given. */
import { constants } from 'node:os';
import { PawscopeError } from '../base/errors.ts';
import type { EndSignal } from './signals.ts';

export const Exit = {
  /** Usage, unreadable input, a database or disk that refuses. */
  ERROR: 2,
  /** Findings at or above --fail-on, or not as --expect or a golden says. */
  FINDINGS: 1,
  /** Done, but the input was damaged, cut short or in part no capture, packets were lost or not kept, or a rule failed. */
  DAMAGED: 3,
  DONE: 0,
} as const;

/** 130 after SIGINT, 143 after SIGTERM, 129 after SIGHUP: before all of the above, but only after a clean flush. */
export const signalStatus = (signal: EndSignal): number => 128 + constants.signals[signal];

/** The command line asks for something that cannot be. */
export class UsageError extends PawscopeError {
  override name = 'UsageError';
}
