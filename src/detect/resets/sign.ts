/** What one function of the signs says of an RST (reset-signs.ts). */
import type { End } from '../../flow/ends.ts';
import type { ResetCloseEvidence } from '../reset-close.ts';
import type { Meaning } from './reset-words.ts';

export interface Sign {
  evidence?: Partial<ResetCloseEvidence>;
  /** Absent if the sentence of the class is right as it is (reset-words.ts). */
  meaning?: Meaning;
  /** The end of which the capture lacks packets. */
  unseen?: End;
}
