/**
 * What a SYN may carry that devices drop it for, and between which hosts SYNs with it were answered (docs/rules.md D2.3).
 */

import { type Ends, endsOf } from '../../flow/ends.ts';
import type { Flow } from '../../flow/flow.ts';
import { layout } from '../../flow/layout.ts';
import type { Packet } from '../../flow/packet.ts';
import type { Attempt } from '../../flow/stories/attempt.ts';
import { pairHash } from '../../flow/tables/pairs.ts';
import { Flag } from '../../wire/tcp.ts';

const { L } = layout;

/** What stacks leave out when they send a SYN again, since some devices drop SYNs that have it. */
export interface Burden {
  /** In titles: SYNs with … */
  name: string;
  /** As in the evidence (syn-marks.ts). */
  difference: string;
  isIn: (flags: number, length: number) => boolean;
}

export const BURDENS: readonly Burden[] = [
  {
    name: 'ECN flags (ECE, CWR)',
    difference: 'ECN flags (ECE,CWR against none)',
    isIn: flags => (flags & Flag.ECE) !== 0 && (flags & Flag.CWR) !== 0,
  },
  { name: 'data (TCP Fast Open)', difference: 'data in the SYN (some against none)', isIn: (_, length) => length > 0 },
];

/** 128 KB. */
const BITS = 1 << 20;
const STEP = 0x9e3779b1;

/**
 * For which client and server a SYN with a burden was answered, in the whole run. In many captures every SYN has ECN
 * flags, and nearly all are answered, so a direction is one bit here. Two directions may share a bit. Then a device is
 * not named that could have been, and never the other way round.
 */
export class AnsweredBurdens {
  private bits: Uint32Array | undefined;

  /** A single SYN that was answered at once. */
  atOnce(flow: Flow): void {
    const { client } = flow;
    const flags = client.sent(L.SENT_FLAGS) & 0xff;
    const length = client.sent(L.SENT_LENGTH);
    // Where the client has gone on since, its last packet does not show what the SYN had: it may have had anything.
    const isSyn = isSynAlone(flags);
    // One SYN of each healthy connection comes here, mostly with no burden at all.
    if (isSyn && !BURDENS.some(({ isIn }) => isIn(flags, length))) return;
    const ends = endsOf(flow);
    for (const [i, { isIn }] of BURDENS.entries()) if (!isSyn || isIn(flags, length)) this.note(ends, i);
  }

  /** `syns`: those of the attempt that may be the answered one. */
  ofAttempt({ ends }: Attempt, syns: readonly Packet[]): void {
    for (const [i, { isIn }] of BURDENS.entries()) {
      if (syns.some(({ flags, length }) => isIn(flags, length))) this.note(ends, i);
    }
  }

  has(ends: Ends, burden: Burden): boolean {
    const bit = bitOf(ends, BURDENS.indexOf(burden));
    return this.bits !== undefined && (this.bits[bit >>> 5] & (1 << (bit & 31))) !== 0;
  }

  private note(ends: Ends, burden: number): void {
    const bit = bitOf(ends, burden);
    this.bits ??= new Uint32Array(BITS / 32);
    this.bits[bit >>> 5] |= 1 << (bit & 31);
  }
}

export const isSynAlone = (flags: number): boolean => (flags & (Flag.SYN | Flag.ACK)) === Flag.SYN;

const bitOf = ({ client, server, scope }: Ends, burden: number): number =>
  (pairHash(client, server, scope) + Math.imul(burden, STEP)) & (BITS - 1);
