/** The comparisons that decided a finding, by its rule. */
import type { FindingRow } from '../../store/rows.ts';
import { type ByRule, ofRule } from '../by-rule.ts';
import type { Decision } from './decision.ts';
import { resetDecisions } from './decision-reset.ts';
import { reuseDecisions } from './decision-reuse.ts';
import { overflowDecisions, portDecisions, sharedDecisions } from './decision-sums.ts';
import {
  hazardDecisions,
  pawsDecisions,
  regressDecisions,
  revealedDecisions,
  signatureDecisions,
} from './decision-timestamps.ts';
import { dataDecisions, synDecisions } from './decision-unanswered.ts';
import type { Eras } from './eras.ts';

const DECISIONS: ByRule<Decision[], [Eras]> = {
  'timestamp-regress': regressDecisions,
  'recycle-hazard': hazardDecisions,
  'recycle-signature': signatureDecisions,
  'shared-address': sharedDecisions,
  'unanswered-syn': synDecisions,
  'port-reuse': reuseDecisions,
  'reset-close': resetDecisions,
  'idle-timer': () => [],
  'unanswered-data': dataDecisions,
  'paws-drop': pawsDecisions,
  'revealed-setting': revealedDecisions,
  'port-exhaustion': portDecisions,
  'time-wait-overflow': overflowDecisions,
};

/** Empty if no comparison decided the finding. */
export const decisionsOf = (finding: FindingRow, eras: Eras): Decision[] => ofRule(DECISIONS, finding, eras) ?? [];
