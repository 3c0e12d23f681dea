/** The rules, in the order in which they are run and listed. */
import type { Detector } from './detector.ts';
import type { Rule } from './evidence.ts';
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
import { unansweredData } from './unanswered-data.ts';
import { unansweredSyn } from './unanswered-syn.ts';

/** Each rule that has an evidence type has a detector, and vice versa. */
const REGISTERED: { readonly [R in Rule]: Detector<R> } = {
  'timestamp-regress': timestampRegress,
  'recycle-hazard': recycleHazard,
  'recycle-signature': recycleSignature,
  'shared-address': sharedAddress,
  'unanswered-syn': unansweredSyn,
  'port-reuse': portReuse,
  'reset-close': resetClose,
  'idle-timer': idleTimer,
  'unanswered-data': unansweredData,
  'paws-drop': pawsDrop,
  'revealed-setting': revealedSetting,
  'port-exhaustion': portExhaustion,
  'time-wait-overflow': timeWaitOverflow,
};

export const detectors: readonly Detector<Rule>[] = Object.values(REGISTERED);

/** Whether this version has the rule: a database may have findings of another version's rules. */
export const isRule = (word: string): word is Rule => Object.hasOwn(REGISTERED, word);
