/** The outcome of a new SYN, in as few classes as colours can distinguish. */

/** The last step of an outcome such as `challenge-ack>rst>accepted`: a colour cannot show the whole path. */
export function outcomeClass(outcome: string | null): string {
  if (outcome === null || outcome === 'unobservable') return 'not seen';
  if (/^accepted/.test(outcome)) return 'accepted at once';
  if (/>accepted/.test(outcome)) return 'accepted late, after an old ACK';
  if (outcome === 'dropped') return 'never answered';
  return outcome.startsWith('challenge-ack') ? 'answered with an old ACK' : outcome;
}
