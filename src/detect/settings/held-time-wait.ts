/**
 * What the answer to a SYN on the tuple of a server's TIME_WAIT shows of that server's settings (docs/rules.md D5).
 * `contrary`: evidence against the setting. Undefined if nothing shows.
 */
import { seconds } from '../../base/time.ts';
import type { Attempt } from '../../flow/stories/attempt.ts';
import { isOverdue } from '../reuse/reuse-answer.ts';
import type { Reuse } from '../reuse/tuple-reuse.ts';
import type { Found } from './known-settings.ts';

/** Of tcp_rfc1337: a TIME_WAIT that an RST should have ended still answers, or its numbers are continued. */
export function shownOfResets(attempt: Attempt, { afterReset }: Reuse): Found | 'contrary' | undefined {
  const { ends, syn, steps, followed, outlived } = attempt;
  const first = attempt.ofOldConnection;
  // Weak, as a firewall that eats RSTs eats all of them.
  if (outlived !== undefined) {
    return {
      end: 'server',
      value: 1,
      proof: 'ack-after-rst',
      confidence: 'weak',
      ends,
      raised: { packet: outlived.packet, note: 'ACK of the old connection, after the RST that ends it' },
      packets: [{ packet: syn, note: 'SYN on the tuple of its TIME_WAIT' }, ...followed.slice(0, 3)],
    };
  }
  if (afterReset === true && steps[0] === 'accepted:tw-isn' && first !== undefined) {
    return {
      end: 'server',
      value: 1,
      proof: 'isn-after-rst',
      confidence: 'weak',
      ends,
      raised: first,
      packets: [{ packet: syn, note: 'SYN on its tuple, after the RST that ends its TIME_WAIT' }],
    };
  }
  const isGone = (afterReset === true && steps[0] === 'accepted') || (steps[1] === 'rst' && steps[2] === 'accepted');
  return isGone ? 'contrary' : undefined;
}

/** Of how long TIME_WAIT lasts, in seconds. `longest`: as far as it is known to last, or 0. */
export function shownOfLength(attempt: Attempt, reuse: Reuse, longest: number): Found | 'contrary' | undefined {
  const { ends, syn, steps } = attempt;
  const first = attempt.ofOldConnection;
  const age = seconds(reuse.age);
  if (first !== undefined && isOverdue(reuse, first.packet)) {
    return {
      end: 'server',
      value: Math.max(age, longest),
      proof: steps[0] === 'challenge-ack' ? 'old-ack' : 'old-isn',
      confidence: 'strong',
      ends,
      raised: first,
      packets: [{ packet: syn, note: 'SYN on the tuple of its TIME_WAIT' }],
    };
  }
  const isAccepted = steps[0] === 'accepted' && steps.at(-1)?.startsWith('accepted') === true;
  return isAccepted && age <= longest ? 'contrary' : undefined;
}
