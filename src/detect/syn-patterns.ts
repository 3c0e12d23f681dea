/**
 * How the SYNs of one client fared with one server, by what they carry and by what their tuple was used for before: what
 * one lost SYN does not show, a row of them does (docs/rules.md D2.3).
 */
import type { Attempt } from '../flow/attempt.ts';
import type { Ends } from '../flow/ends.ts';
import { Flow, type Side } from '../flow/flow.ts';
import { layout } from '../flow/layout.ts';
import type { Packet } from '../flow/packet.ts';
import { PairLayout, type Pairs } from '../flow/pairs.ts';
import { Flag } from '../wire/tcp.ts';
import { echoedEarlier } from './echoed-syn.ts';
import { heldBack } from './syn-schedule.ts';
import type { Reuse } from './tuple-reuse.ts';

const P = PairLayout;
const { L, FlowBit } = layout;

/** What stacks leave out when they send a SYN again, since some devices drop SYNs that have it. */
export interface Burden {
  /** In titles: SYNs with … */
  name: string;
  /** As in the evidence (syn-marks.ts). */
  difference: string;
  isIn: (flags: number, length: number) => boolean;
}

const BURDENS: readonly Burden[] = [
  {
    name: 'ECN flags (ECE, CWR)',
    difference: 'ECN flags (ECE,CWR against none)',
    isIn: flags => (flags & Flag.ECE) !== 0 && (flags & Flag.CWR) !== 0,
  },
  { name: 'data (TCP Fast Open)', difference: 'data in the SYN (some against none)', isIn: (_, length) => length > 0 },
];

/** Fewer SYNs may all be lost by chance; and so many of the others may have another fate. */
const ENOUGH = 3;
const FEW = 0.1;

export class SynPatterns {
  /** By burden: SYNs with it that were answered, and attempts of which only the SYN without it was. */
  private readonly answered = BURDENS.map(() => 0);
  private readonly relieved = BURDENS.map(() => 0);
  /** Attempts whose first SYN was answered, or lost while the second was answered: on tuples that were used before, and on others. */
  private usedAtOnce = 0;
  private usedLate = 0;
  private freshAtOnce = 0;
  private freshLate = 0;

  private isBegun = false;

  /** Before there was anything to remember, connections were opened that had an answer at once: the pair's record counts them. */
  begin(pairs: Pairs, of: Flow | Ends): void {
    if (this.isBegun) return;
    this.isBegun = true;
    const clientIsB = of instanceof Flow ? of.has(FlowBit.CLIENT_IS_B) : of.clientIsB;
    this.freshAtOnce = pairs.words[pairs.direction(of.pair, clientIsB) + P.TRIED_ANSWERED];
  }

  /** A single SYN on a tuple that was not used before, or the client has gone on since. */
  answeredAtOnce(client: Side): void {
    this.freshAtOnce++;
    const flags = client.sent(L.SENT_FLAGS) & 0xff;
    if ((flags & (Flag.SYN | Flag.ACK)) === Flag.SYN) this.noteAnswered(flags, client.sent(L.SENT_LENGTH));
  }

  /** An attempt that was accepted, at once or late. */
  accepted(attempt: Attempt): void {
    const { oldAcks, delay, remarks, syns } = attempt;
    if (oldAcks > 0 || delay === undefined) return;
    const isLate = syns > 1 && isNewestAnswered(attempt);
    if (mayBeHeld(remarks.reuse)) {
      if (isLate) this.usedLate++;
      else this.usedAtOnce++;
    } else if (isLate) this.freshLate++;
    else this.freshAtOnce++;
    const { flags, length } = synsOf(attempt).at(-1)!;
    this.noteAnswered(flags, length);
    for (const burden of relievedOf(attempt)) this.relieved[BURDENS.indexOf(burden)]!++;
  }

  /** What its answered SYN lacks, and for which SYNs never were answered, as far as is known. */
  suspectsOf(attempt: Attempt): Burden[] {
    return relievedOf(attempt).filter(burden => this.answered[BURDENS.indexOf(burden)] === 0);
  }

  /** Attempts of which only the SYN without it was answered, where they are enough to say so. */
  timesDropped(burden: Burden): number | undefined {
    const times = this.relieved[BURDENS.indexOf(burden)]!;
    return times < ENOUGH ? undefined : times;
  }

  /** The first SYN is lost on nearly all tuples that were used before, and on hardly any other. */
  get tellsUsedTuples(): boolean {
    const { usedAtOnce, usedLate, freshAtOnce, freshLate } = this;
    return (
      usedLate >= ENOUGH && usedAtOnce <= FEW * usedLate && freshAtOnce >= ENOUGH && freshLate <= FEW * freshAtOnce
    );
  }

  /** `in 20 of 20 attempts on tuples that were used before, and in 0 of 10 others` */
  get usedText(): string {
    const { usedAtOnce, usedLate, freshAtOnce, freshLate } = this;
    return (
      `in ${usedLate} of ${usedLate + usedAtOnce} attempts on tuples that were used before, and in ${freshLate} of ` +
      `${freshLate + freshAtOnce} others`
    );
  }

  private noteAnswered(flags: number, length: number): void {
    for (const [i, { isIn }] of BURDENS.entries()) if (isIn(flags, length)) this.answered[i]!++;
  }
}

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

/** Those that are kept: the first ones, and the newest. */
const synsOf = ({ syn, followed }: Attempt): Packet[] => [
  syn,
  ...followed.map(({ packet }) => packet).filter(({ flags }) => (flags & (Flag.SYN | Flag.ACK)) === Flag.SYN),
];
