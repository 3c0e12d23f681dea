/**
 * What the SYNs themselves have to do with their fate: those without an answer may differ from the answered ones in more
 * than their clock (docs/rules.md D1.5, D2.3). Which of the differences counts packets do not show.
 */
import { type Cause, type Circumstances, perHostPaws } from './syn-cause.ts';
import { inWords } from './syn-marks.ts';

/** Of an attempt that recycle-signature counts: the rule of tcp_tw_recycle, unless something else fits as well. */
export function causeOfSignature(found: Circumstances): Cause {
  const { differs } = found.trial!;
  if (differs.length === 0) return perHostPaws(found);
  return {
    name: 'unknown',
    confidence: 'weak',
    words:
      `something drops the SYNs that differ from the answered ones in ${inWords(differs)}, or a rule like that of ` +
      'tcp_tw_recycle does: see recycle-signature',
    seen: 'syn-differs',
    differs,
  };
}
