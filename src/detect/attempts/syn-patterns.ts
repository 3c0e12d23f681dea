/**
 * How the SYNs of one client fared with one server, by what they carry and by what their tuple was used for before: what
 * one lost SYN does not show, a row of them does (docs/rules.md D2.3).
 */
import { type Nanos, SECOND } from '../../base/time.ts';
import type { Ends } from '../../flow/ends.ts';
import { Flow } from '../../flow/flow.ts';
import { layout } from '../../flow/layout.ts';
import type { Packet } from '../../flow/packet.ts';
import type { Attempt } from '../../flow/stories/attempt.ts';
import { PairLayout, type Pairs } from '../../flow/tables/pairs.ts';
import type { Reuse } from '../reuse/tuple-reuse.ts';
import { echoedEarlier } from './echoed-syn.ts';
import { remarksOf } from './remarks.ts';
import { type AnsweredBurdens, BURDENS, type Burden, isSynAlone } from './syn-burdens.ts';
import { heldBack } from './syn-schedule.ts';

const P = PairLayout;
const { FlowBit } = layout;

/** At fewer times SYNs may be lost by chance; and so many of the others may be lost as well. */
const ENOUGH = 3;
const FEW = 0.1;

/**
 * How often first SYNs were lost, where one outage counts once, however many it hits. A loss counts if another SYN has
 * been answered since the last one that counts: during an outage none is.
 */
class Losses {
  times = 0;
  private lostAt: Nanos = Number.NEGATIVE_INFINITY;
  private answeredAt: Nanos = Number.NEGATIVE_INFINITY;

  note({ since, delay }: Attempt): void {
    if (since <= this.answeredAt || since - this.lostAt < SECOND) return;
    this.times++;
    this.lostAt = since;
    this.answeredAt = since + delay!;
  }
}

/** Attempts on tuples that were used before, and on others: how many, and in how many of them the first SYN was lost. */
export interface UsedTuples {
  usedLate: number;
  used: number;
  freshLate: number;
  fresh: number;
}

export class SynPatterns {
  /** By burden: attempts of which only the SYN without it was answered, and how often that was. */
  private readonly relieved = BURDENS.map(() => 0);
  private readonly relievedLosses = BURDENS.map(() => new Losses());
  private answered: AnsweredBurdens | undefined;
  /** Attempts whose first SYN was answered, or lost while the second was answered: on tuples that were used before, and on others. */
  private usedAtOnce = 0;
  private usedLate = 0;
  private readonly usedLosses = new Losses();
  private freshAtOnce = 0;
  private freshLate = 0;
  /** As lost as the others: first SYNs that carry nothing that devices drop SYNs for. */
  private readonly plainLosses = new Losses();

  /** Before there was anything to remember, connections were opened that had an answer at once: the pair's record counts them. */
  begin(pairs: Pairs, of: Flow | Ends, answered: AnsweredBurdens): void {
    if (this.answered !== undefined) return;
    this.answered = answered;
    const clientIsB = of instanceof Flow ? of.has(FlowBit.CLIENT_IS_B) : of.clientIsB;
    this.freshAtOnce = pairs.words[pairs.direction(of.pair, clientIsB) + P.TRIED_ANSWERED];
  }

  /** A single SYN on a tuple that was not used before, or the client has gone on since. */
  answeredAtOnce(): void {
    this.freshAtOnce++;
  }

  /** An attempt that was accepted, at once or late. */
  accepted(attempt: Attempt): void {
    const { oldAcks, delay, syns } = attempt;
    if (oldAcks > 0 || delay === undefined) return;
    const isLate = syns > 1 && isNewestAnswered(attempt);
    if (mayBeHeld(remarksOf(attempt).reuse)) {
      if (isLate) {
        this.usedLate++;
        this.usedLosses.note(attempt);
      } else this.usedAtOnce++;
    } else if (isLate) {
      this.freshLate++;
      if (isPlain(attempt.syn)) this.plainLosses.note(attempt);
    } else this.freshAtOnce++;
    for (const burden of relievedOf(attempt)) {
      const i = BURDENS.indexOf(burden);
      this.relieved[i]++;
      this.relievedLosses[i].note(attempt);
    }
  }

  /** What its answered SYN lacks, where no SYN with it was ever answered, as far as is known. */
  suspectsOf(attempt: Attempt): Burden[] {
    return relievedOf(attempt).filter(burden => this.answered?.has(attempt.ends, burden) !== true);
  }

  /** Attempts of which only the SYN without it was answered, where they are enough to say so. */
  timesDropped(burden: Burden): number | undefined {
    const i = BURDENS.indexOf(burden);
    return this.relievedLosses[i].times < ENOUGH ? undefined : this.relieved[i];
  }

  /**
   * A first SYN was answered at once. Where none with a suspected burden ever was, it had none: so whatever drops SYNs does
   * not drop each first one.
   */
  get answersFirstSyns(): boolean {
    return this.freshAtOnce > 0 || this.usedAtOnce > 0;
  }

  /** No first SYN was answered, and those without a burden were lost at several times too, on tuples not used before. */
  get dropsFirstSyns(): boolean {
    return !this.answersFirstSyns && this.plainLosses.times >= ENOUGH;
  }

  /** The first SYN is lost on all tuples that were used before, at several times, and on hardly any other. */
  get tellsUsedTuples(): boolean {
    const { usedAtOnce, usedLosses, freshAtOnce, freshLate } = this;
    return usedLosses.times >= ENOUGH && usedAtOnce === 0 && freshAtOnce >= ENOUGH && freshLate <= FEW * freshAtOnce;
  }

  get usedTuples(): UsedTuples {
    const { usedAtOnce, usedLate, freshAtOnce, freshLate } = this;
    return { usedLate, used: usedLate + usedAtOnce, freshLate, fresh: freshLate + freshAtOnce };
  }
}

const isPlain = ({ flags, length }: Packet): boolean => !BURDENS.some(({ isIn }) => isIn(flags, length));

/** A device on the way may still hold the old connection: nothing that the server or the older attempt has explains it. */
export const mayBeHeld = (reuse: Reuse | undefined): boolean =>
  reuse !== undefined && reuse.class !== 'syn-sent' && reuse.verdict?.startsWith('ACK_') !== true;

/** The SYNs before the newest were lost, for all that the SYN-ACK shows. */
export const isNewestAnswered = (attempt: Attempt): boolean =>
  echoedEarlier(attempt) === undefined && !heldBack(attempt);

/** What all its SYNs had that got no answer, and the one that was answered has not. */
export function relievedOf(attempt: Attempt): readonly Burden[] {
  if (attempt.delay === undefined || attempt.oldAcks > 0 || !isNewestAnswered(attempt)) return [];
  const syns = synsOf(attempt);
  const { flags, length } = syns.at(-1)!;
  const silent = syns.slice(0, -1);
  if (silent.length === 0) return [];
  return BURDENS.filter(({ isIn }) => !isIn(flags, length) && silent.every(syn => isIn(syn.flags, syn.length)));
}

/** Those that were answered or may have been: an answer to an old connection shows that the SYN got through as well. */
export function answeredSynsOf(attempt: Attempt): readonly Packet[] {
  if (!attempt.answered) return [];
  const { delay, oldAcks } = attempt;
  const syns = synsOf(attempt);
  return delay !== undefined && oldAcks === 0 && isNewestAnswered(attempt) ? syns.slice(-1) : syns;
}

/** Those that are kept: the first ones, and the newest. */
const synsOf = ({ syn, followed }: Attempt): Packet[] => [
  syn,
  ...followed.map(({ packet }) => packet).filter(({ flags }) => isSynAlone(flags)),
];
