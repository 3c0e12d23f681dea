/** What the titles of port-reuse say (docs/rules.md D2). */
import { duration } from '../../base/time.ts';
import type { Attempt } from '../../flow/stories/attempt.ts';
import type { Note } from '../detector.ts';
import type { SynWhatIf } from '../what-if/what-if.ts';
import { firstAnswer, isUnseen, outcomeWords, stepWords } from './outcome.ts';
import type { Reuse } from './tuple-reuse.ts';

/** A reuse together with the present state of its attempt. */
export interface Told {
  attempt: Attempt;
  /** The last packets of the old connection. */
  before: readonly Note[];
  reuse: Reuse;
  outcome: string;
  supposed: SynWhatIf | undefined;
}

/** A server that still has a socket of the old connection accepts no SYN on its tuple: the capture lacks how that ended. */
export const isDenied = (reuse: Reuse, outcome: string): boolean =>
  (reuse.class === 'half-closed' || reuse.class === 'open') && firstAnswer(outcome) === 'accepted';

/** `isProved`: numbers of the old connection show that the TIME_WAIT exists. */
export function titleOf(told: Told, isProved: boolean): string {
  const { attempt, reuse } = told;
  const age = duration(reuse.sinceClose ?? reuse.age);
  const where =
    endedEarly(told) ?? clockStepped(told) ?? shownInPart(told) ?? LEFT_BEHIND[reuse.class](holderOf(reuse), isProved);
  return `Port ${attempt.ends.clientPort} used again after ${age}, ${where}${restartText(reuse)}: ${answerText(told)}`;
}

/** A segment that a TIME_WAIT rejects, or a FIN sent again, restarts its timer. A moment after the close that is not told. */
const restartText = ({ sinceClose, age }: Reuse): string =>
  sinceClose === undefined || duration(sinceClose) === duration(age) ? '' : ` (restarted ${duration(age)} before)`;

const holderOf = ({ owner, clientIsn }: Reuse): string =>
  owner === 'both' ? 'both ends' : `the ${owner}${clientIsn === 'other' ? ', or of a host behind its address' : ''}`;

const LEFT_BEHIND: Readonly<Record<Reuse['class'], (holder: string, isProved: boolean) => string>> = {
  'in-time-wait': (holder, isProved) => `${isProved ? '' : 'likely '}in TIME_WAIT of ${holder}`,
  grace: (holder, isProved) => `${isProved ? '' : 'likely '}at the very end of TIME_WAIT of ${holder}`,
  'after-time-wait': holder => `when the TIME_WAIT of ${holder} should be over`,
  closed: () => 'after a close that left no TIME_WAIT',
  'half-closed': () => 'with the old connection half closed',
  'after-rst': () => 'after a reset',
  open: () => 'with the old connection still open',
  'unknown-close': () => 'after a connection whose close this capture does not show',
  'syn-sent': () => 'after a handshake that was never completed, as far as this capture shows',
};

/** If much less time has passed by the TSvals of the server that has the TIME_WAIT. */
const clockStepped = ({ reuse }: Told): string | undefined =>
  reuse.passed === undefined
    ? undefined
    : `in TIME_WAIT of ${holderOf(reuse)}, most likely (by its TSvals at most ${duration(reuse.passed)} had passed: the clock of the capture was set forward, or that host slept)`;

/** If the capture shows one FIN only, and the numbers, or the answer, show more. */
function shownInPart({ reuse, outcome }: Told): string | undefined {
  const { class: kind, lacksFin, missingFin } = reuse;
  if (isDenied(reuse, outcome)) {
    return `with the old connection ${kind === 'open' ? 'still open' : 'half closed'}, as far as this capture shows`;
  }
  if (lacksFin !== true) {
    const hasOneFin = kind === 'unknown-close' && missingFin !== undefined;
    return hasOneFin ? "after a connection of which this capture shows only one side's close" : undefined;
  }
  return kind === 'in-time-wait'
    ? `in TIME_WAIT of ${holderOf(reuse)}, by its answer, which covers a FIN that this capture lacks`
    : 'after a close of which this capture likely lacks a FIN';
}

/** The words for a TIME_WAIT that was ended early, or should have been; undefined if that does not apply. */
function endedEarly({ reuse, outcome, attempt }: Told): string | undefined {
  const outlived = reuse.class === 'closed' && attempt.outlived !== undefined;
  // Only a server that accepts with a new ISN while its TIME_WAIT would still last shows that it was gone.
  const isGone = outcome === 'accepted' && reuse.wouldLast === true;
  if (reuse.endedBy === 'rst' || outlived)
    return `after an RST that ${isGone ? 'ended' : 'should have ended'} its TIME_WAIT`;
  return reuse.endedBy === 'syn' ? 'after an earlier SYN that likely ended its TIME_WAIT' : undefined;
}

function answerText({ outcome, attempt, reuse }: Told): string {
  const { steps, syns, delay } = attempt;
  if (outcome === 'dropped')
    return syns === 1 ? 'the SYN was not answered, nor sent again' : `none of ${syns} SYNs was answered`;
  if (isUnseen(outcome)) return outcomeWords(outcome);
  const after = delay === undefined ? '' : ` after ${duration(delay)}`;
  const words = steps.map(stepWords);
  if (reuse.answeredBefore !== undefined) {
    const lead = duration(reuse.answeredBefore);
    words[0] = `${stepWords('challenge-ack')}, most likely the one recorded ${lead} before the SYN`;
  }
  return `${words.join(', then ')}${after}`;
}
