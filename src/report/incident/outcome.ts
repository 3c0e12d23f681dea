/** The outcome of a new SYN, in as few classes as colours can distinguish. */

/** The last step of an outcome such as `challenge-ack>rst>accepted`: a colour cannot show the whole path. */
export function outcomeClass(outcome: string | null): string {
  if (outcome === null || outcome === 'unobservable') return 'not seen';
  if (/^accepted/.test(outcome)) return 'accepted at once';
  if (/^syn-ack.*>accepted/.test(outcome)) return 'accepted late, after a SYN-ACK that does not fit';
  if (/>accepted/.test(outcome)) return 'accepted late, after an old ACK';
  if (outcome === 'dropped') return 'never answered';
  if (outcome.startsWith('syn-ack')) return 'answered with a SYN-ACK that does not fit';
  return outcome.startsWith('challenge-ack') ? 'answered with an old ACK' : outcome;
}
