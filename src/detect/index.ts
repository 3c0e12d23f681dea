/** The rules, in the order in which they are run and listed. */
import type { Detector } from './detector.ts';
import { idleTimer } from './idle-timer.ts';
import { pawsDrop } from './paws-drop.ts';
import { portExhaustion } from './port-exhaustion.ts';
import { portReuse } from './port-reuse.ts';
import { recycleHazard } from './recycle-hazard.ts';
import { recycleSignature } from './recycle-signature.ts';
import { resetClose } from './reset-close.ts';
import { revealedSetting } from './revealed-setting.ts';
import { sharedAddress } from './shared-address.ts';
import { timeWaitOverflow } from './time-wait-overflow.ts';
import { timestampRegress } from './timestamp-regress.ts';
import { unansweredSyn } from './unanswered-syn.ts';

export const detectors: readonly Detector[] = [
  timestampRegress,
  recycleHazard,
  recycleSignature,
  sharedAddress,
  unansweredSyn,
  portReuse,
  resetClose,
  idleTimer,
  pawsDrop,
  revealedSetting,
  portExhaustion,
  timeWaitOverflow,
];
