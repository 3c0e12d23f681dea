/** What is known of the settings of a client and a server. What speaks against one takes it back. */
import type { Attempt } from '../flow/attempt.ts';
import type { Found, Setting } from './revealed-setting.ts';

/** What first showed the newest value, with the best confidence, and how often the setting was seen. */
export type Proof = Omit<Found, 'confidence'> & { confidence: Found['confidence']; count: number };

declare module '../flow/attempt.ts' {
  interface Remarks {
    /** Where something is kept that it has shown before it was over. */
    shownEarly?: Known;
  }
}

export class Known {
  readonly proofs = new Map<Setting, Proof>();
  /** Live: what an attempt has shown that is not over, where nothing was known of that setting. */
  private readonly early = new Map<Setting, { attempt: Attempt; found: Found }>();

  /** `underWay`: the attempt that shows it, where it is not over: it will be told anew. True where it is news. */
  prove(setting: Setting, found: Found, underWay: Attempt | undefined): boolean {
    const { proofs, early } = this;
    const before = proofs.get(setting);
    if (underWay !== undefined) {
      if (before !== undefined || early.has(setting)) return false;
      early.set(setting, { attempt: underWay, found });
      underWay.remarks.shownEarly = this;
      return true;
    }
    if (before === undefined) {
      proofs.set(setting, { ...found, count: 1 });
      return true;
    }
    const { value } = before;
    const isWeak = before.confidence === 'weak'; // seen twice, it is more
    // What proves it is shown in the place of what does not.
    const proves = found.confidence === 'proof' && before.confidence !== 'proof';
    const confidence = proves ? 'proof' : isWeak ? 'strong' : before.confidence;
    const count = before.count + 1;
    // Shown are the packets on which the value rests. A setting may be seen at every SYN.
    if (value !== found.value || proves) proofs.set(setting, { ...found, confidence, count });
    else {
      before.confidence = confidence;
      before.count = count;
    }
    return isWeak || proves || value !== found.value;
  }

  forgetEarly(attempt: Attempt): void {
    for (const [setting, known] of this.early) if (known.attempt === attempt) this.early.delete(setting);
  }

  *standing(): Generator<[Setting, Proof]> {
    yield* this.proofs;
    for (const [setting, { found }] of this.early) {
      if (!this.proofs.has(setting)) yield [setting, { ...found, count: 1 }];
    }
  }
}
