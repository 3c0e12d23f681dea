/** The comparisons that decided a finding, by its rule. */
import type { FindingRow } from '../../store/rows.ts';
import type { Decision } from './decision.ts';
import { resetDecisions } from './decision-reset.ts';
import { reuseDecisions } from './decision-reuse.ts';
import { sumDecisions } from './decision-sums.ts';
import {
  hazardDecisions,
  pawsDecisions,
  regressDecisions,
  revealedDecisions,
  signatureDecisions,
} from './decision-timestamps.ts';
import { dataDecisions, synDecisions } from './decision-unanswered.ts';
import type { Eras } from './eras.ts';

const BY_RULE: Readonly<Record<string, (finding: FindingRow, eras: Eras) => Decision[]>> = {
  'port-reuse': reuseDecisions,
  'reset-close': resetDecisions,
  'timestamp-regress': regressDecisions,
  'recycle-hazard': hazardDecisions,
  'recycle-signature': signatureDecisions,
  'revealed-setting': revealedDecisions,
  'paws-drop': pawsDecisions,
  'unanswered-syn': synDecisions,
  'unanswered-data': dataDecisions,
};

/** Empty if no comparison decided the finding. */
export const decisionsOf = (finding: FindingRow, eras: Eras): Decision[] =>
  (BY_RULE[finding.rule] ?? sumDecisions)(finding, eras);
