/** The outcome of a new SYN, in as few classes as colours can distinguish. */
import { firstAnswer, isAcceptedLate } from '../../detect/reuse/outcome.ts';

/** The last step of an outcome such as `challenge-ack>rst>accepted`: a colour cannot show the whole path. */
export function outcomeClass(outcome: string | null): string {
  if (outcome === null || outcome === 'unobservable') return 'not seen';
  if (outcome === 'dropped') return 'never answered';
  const isLate = isAcceptedLate(outcome);
  switch (firstAnswer(outcome)) {
    case 'accepted':
      return 'accepted at once';
    case 'old-syn-ack':
    case 'foreign-syn-ack':
      return isLate ? 'accepted late, after a SYN-ACK that does not fit' : 'answered with a SYN-ACK that does not fit';
    case 'old-ack':
    case 'foreign-ack':
      return isLate ? 'accepted late, after an old ACK' : 'answered with an old ACK';
    default:
      return outcome;
  }
}
