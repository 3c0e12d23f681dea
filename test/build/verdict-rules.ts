/** Rules whose findings are verdicts on the whole run, and how soon live must report them. */

export const VERDICTS = [
  'shared-address',
  'recycle-signature',
  'port-exhaustion',
  'time-wait-overflow',
  'revealed-setting',
  'idle-timer',
];
/** A finding must be in the database this soon after the packet that proves it. */
export const SOON_MS = 2_000;
/** Interval in seconds at which all of them are judged again. */
export const JUDGE_EVERY = 10;
