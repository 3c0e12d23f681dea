/** What kernels do with a tuple that an old connection still holds (docs/rules.md B3, B5). */
import { s32 } from '../../base/serial.ts';
import { type Nanos, SECOND } from '../../base/time.ts';
import type { Flow, Side } from '../../flow/flow.ts';
import { layout } from '../../flow/layout.ts';
import { pawsRejects, type SynFields } from '../../flow/time-wait.ts';

const { SideBit } = layout;

/** Undecided if it depends on the phase of the kernel's clock. */
export type Eligible = 'yes' | 'no' | 'phase';

/** Whether tcp_tw_reuse lets the owner of a TIME_WAIT take it over, by kernel. */
export type TwReuse = { '<=4.18': Eligible; '4.19': Eligible; '6.14': Eligible };

/**
 * tcp_twsk_unique (B5). Up to 4.18 the last TSval must be more than one whole second old, from 4.19 on at least one.
 * Both count whole seconds, so in between the phase of the kernel's clock decides. From 6.14 on the age of the
 * TIME_WAIT in milliseconds is compared with tcp_tw_reuse_delay. A repeated FIN restarts the timer, but changes neither
 * of these times; a bare ACK changes that of the TSval. Which of the two `peer` sent last is not remembered, so that
 * time is only known to be within bounds.
 */
export function twReuse(owner: Side, peer: Side, at: Nanos, delay: Nanos = SECOND): TwReuse {
  const least = at - peer.tsAt;
  const most = Math.max(least, at - owner.entered);
  // After an RST that did not end the TIME_WAIT, `entered` is the time of the RST (tracker.ts); the TIME_WAIT is older.
  const isOlder = owner.has(SideBit.TIME_WAIT_OUTLIVES_RST);
  return {
    '<=4.18': least >= 2 * SECOND ? 'yes' : most > SECOND || isOlder ? 'phase' : 'no',
    '4.19': least >= SECOND ? 'yes' : most > 0 ? 'phase' : 'no',
    '6.14': at - owner.entered > delay ? 'yes' : isOlder ? 'phase' : 'no',
  };
}

/** The FIN_WAIT2 of a closed socket answers a SYN in its window with an RST; otherwise a challenge ACK is sent (B3). */
export function halfClosedVerdict(
  old: Flow,
  sender: Side,
  receiver: Side,
  syn: SynFields,
): 'FINWAIT2_RST' | 'CHALLENGE_ACK' {
  const finWait2 = receiver.has(SideBit.FIN_ACKED) && !sender.has(SideBit.FIN);
  const ahead = s32(syn.seq, receiver.acked);
  return finWait2 && !pawsRejects(old, sender, syn) && ahead >= 0 && ahead < receiver.window
    ? 'FINWAIT2_RST'
    : 'CHALLENGE_ACK';
}
