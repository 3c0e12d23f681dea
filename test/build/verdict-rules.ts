/** Rules whose findings are verdicts on the whole run, and how live is to tell them. */

export const VERDICTS = [
  'shared-address',
  'recycle-signature',
  'port-exhaustion',
  'time-wait-overflow',
  'revealed-setting',
  'idle-timer',
];
/** A finding is in the database so soon after the packet that proves it. */
export const SOON_MS = 2_000;
/** All of them are judged anew so often: seconds. */
export const JUDGE_EVERY = 10;
