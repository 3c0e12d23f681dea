/** What one sign says of an RST. Which sign wins over which others is in reset-signs.ts. */
import type { End } from '../../../flow/ends.ts';
import type { ResetSeen } from '../../../flow/events.ts';
import type { ResetCloseEvidence } from '../../reset-close.ts';
import type { Meaning } from '../reset-words.ts';

export interface Sign {
  evidence?: Partial<ResetCloseEvidence>;
  /** Absent if the sentence of the class is right as it is (reset-words.ts). */
  meaning?: Meaning;
  /** The end of which the capture lacks packets. */
  unseen?: End;
}

/** Undefined if the sign does not apply. */
export type SignOf = (event: ResetSeen) => Sign | undefined;
