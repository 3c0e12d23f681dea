/** What became of a new SYN, in as few kinds as colours can tell apart. */

/** The last of `challenge-ack>rst>accepted`: how it ended; a whole path is more than a colour can say. */
export function outcomeClass(outcome: string | null): string {
  if (outcome === null || outcome === 'unobservable') return 'not seen';
  if (/^accepted/.test(outcome)) return 'accepted at once';
  if (/>accepted/.test(outcome)) return 'accepted late, after an old ACK';
  if (outcome === 'dropped') return 'never answered';
  return outcome.startsWith('challenge-ack') ? 'answered with an old ACK' : outcome;
}
