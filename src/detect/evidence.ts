/**
 * The evidence of each rule, as its detector states it: a draft with other keys does not compile. The library exports
 * these types.
 */
import type { HostWord } from './context/context.ts';
import type { IdleTimerEvidence } from './idle-timer.ts';
import type { PawsDropEvidence } from './paws-drop.ts';
import type { PortExhaustionEvidence } from './port-exhaustion.ts';
import type { PortReuseEvidence } from './port-reuse.ts';
import type { RecycleHazardEvidence } from './recycle-hazard.ts';
import type { RecycleSignatureEvidence } from './recycle-signature.ts';
import type { ResetCloseEvidence } from './reset-close.ts';
import type { RevealedSettingEvidence } from './revealed-setting.ts';
import type { SharedAddressEvidence } from './shared-address.ts';
import type { TimeWaitOverflowEvidence } from './time-wait-overflow.ts';
import type { TimestampRegressEvidence } from './timestamp-regress.ts';
import type { UnansweredDataEvidence } from './unanswered-data.ts';
import type { UnansweredSynEvidence } from './unanswered-syn.ts';

export interface EvidenceOf {
  'timestamp-regress': TimestampRegressEvidence;
  'recycle-hazard': RecycleHazardEvidence;
  'recycle-signature': RecycleSignatureEvidence;
  'shared-address': SharedAddressEvidence;
  'unanswered-syn': UnansweredSynEvidence;
  'port-reuse': PortReuseEvidence;
  'reset-close': ResetCloseEvidence;
  'idle-timer': IdleTimerEvidence;
  'unanswered-data': UnansweredDataEvidence;
  'paws-drop': PawsDropEvidence;
  'revealed-setting': RevealedSettingEvidence;
  'port-exhaustion': PortExhaustionEvidence;
  'time-wait-overflow': TimeWaitOverflowEvidence;
}

export type Rule = keyof EvidenceOf;

/** Added to the evidence of any rule if the host of an end was described (context.ts). */
export type ContextEvidence = { context?: HostWord };

/**
 * Added to the evidence of any rule if packets are known to have been lost between those of the finding (reporter.ts).
 */
export type LossEvidence = { dropped_between?: true };
