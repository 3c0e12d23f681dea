/**
 * The outcome of a reuse: the steps of its attempt as one word of the evidence (docs/detectors/port-reuse.md), and what
 * that word says.
 */
import type { Attempt } from '../../flow/stories/attempt.ts';
import type { Step } from '../../flow/stories/attempt-steps.ts';

export function outcomeOf({ isPending, steps }: Attempt, serverHeard: boolean): string {
  if (isPending) return 'pending';
  if (!serverHeard) return 'unobservable';
  return steps.length > 0 ? steps.join('>') : 'dropped';
}

/** What came back to the SYN first. `old-…` has the numbers of the old connection, `foreign-…` those of neither. */
export type FirstAnswer = 'accepted' | 'refused' | 'old-ack' | 'foreign-ack' | 'old-syn-ack' | 'foreign-syn-ack';

const FIRST: Readonly<Partial<Record<Step, FirstAnswer>>> = {
  accepted: 'accepted',
  'accepted:tw-isn': 'accepted',
  'challenge-ack': 'old-ack',
  'challenge-ack:unseen': 'old-ack',
  'challenge-ack:foreign': 'foreign-ack',
  'syn-ack:old': 'old-syn-ack',
  'syn-ack:foreign': 'foreign-syn-ack',
  refused: 'refused',
};

/** Undefined if nothing came back, as far as the capture shows. */
export const firstAnswer = (outcome: string): FirstAnswer | undefined => FIRST[outcome.split('>')[0] as Step];

/** Nothing that could be compared with what was expected. */
export const isUnseen = (outcome: string): boolean => outcome === 'unobservable' || outcome === 'pending';

export const isRefused = (outcome: string): boolean => outcome.endsWith('refused');

/** Accepted, but only after an answer that does not acknowledge the SYN. */
export const isAcceptedLate = (outcome: string): boolean => />accepted(:tw-isn)?$/.test(outcome);

/** The SYN-ACK continues the numbers of the TIME_WAIT. */
export const isTakenOver = (outcome: string): boolean => outcome.includes('accepted:tw-isn');

/** The ACK of the old connection was captured. */
export const hasOldAck = (outcome: string): boolean => outcome.split('>')[0] === 'challenge-ack';

const WORDS: Readonly<Record<Step, string>> = {
  accepted: 'accepted',
  'accepted:tw-isn': 'accepted out of TIME_WAIT',
  'challenge-ack': 'answered with an ACK of the old connection',
  'challenge-ack:unseen': 'answered with an ACK of the old connection that this capture lacks or has out of order',
  'challenge-ack:foreign': 'answered with an ACK of neither connection',
  'syn-ack:old': 'answered with the SYN-ACK of the old connection',
  'syn-ack:foreign': 'answered with a SYN-ACK that acknowledges another number',
  rst: 'reset by the client',
  refused: 'refused',
};

export const stepWords = (step: Step): string => WORDS[step] ?? step;

/** In words that hold for every reuse with this outcome. */
export function outcomeWords(outcome: string): string {
  if (outcome === 'pending') return 'no answer so far';
  if (outcome === 'dropped') return 'not answered';
  if (outcome === 'unobservable') return 'the answer is not in this capture';
  return (outcome.split('>') as Step[]).map(stepWords).join(', then ');
}
