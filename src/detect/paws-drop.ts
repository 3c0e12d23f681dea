/**
 * Segments of open connections that PAWS drops: late copies, segments that were overtaken, and a clock that went back
 * (docs/rules.md D6).
 */
import { duration, seconds } from '../base/time.ts';
import { type End, otherEnd } from '../flow/ends.ts';
import type { PawsEpisode } from '../flow/stories/paws.ts';
import type { Detector, Draft, Note } from './detector.ts';
import type { Severity } from './finding.ts';
import type { LaterWhatIf } from './what-if/what-if.ts';

type Effect = 'none' | 'refused' | 'accepted' | 'not-shown';

export type PawsDropEvidence = {
  class: PawsEpisode['class'];
  /** Who sent the segments. */
  from: End;
  carries: PawsEpisode['carries'];
  /** Ticks by which the first of them is older than what its receiver holds. */
  delta: number;
  tsval: number | null;
  ts_recent: number | null;
  /** How many there were, and over how many seconds. */
  segments: number;
  lasted: number;
  /** Seconds since the receiver recorded what it holds. */
  age: number;
  /** Seconds that the segment is late, by the clock of its sender. */
  late?: number;
  /** How the receiver treated it. */
  effect: Effect;
} & LaterWhatIf;

export const pawsDrop: Detector<'paws-drop'> = {
  meta: {
    id: 'paws-drop',
    title: 'Segment dropped by PAWS',
    why:
      'A receiver that uses timestamps throws away a segment whose TSval is older than what it holds. For a late copy ' +
      'that is right; where the clock of the sender went back, the connection hangs.',
    fix:
      'For clock-back: find what gives one connection two clocks, such as a balancer that moves it to another host or a ' +
      'device that rewrites timestamps. Late copies and reordering want no change at the hosts.',
    doNot:
      'Do not switch timestamps off to get such segments through: old duplicates would then reach the application.',
    references: ['RFC 7323 §5 (PAWS)', 'RFC 7323 §4.3 (which timestamp to echo)'],
  },
  create: (report, { whatIf }) => ({
    refused(episode) {
      const { ends, first } = episode;
      const from = first.fromB === ends.clientIsB ? 'client' : 'server';
      const effect = effectOf(episode);
      const draft: Draft = {
        rule: 'paws-drop',
        severity: severityOf(episode, effect),
        confidence: effect === 'refused' ? 'proof' : 'strong',
        title: `${TITLE[episode.class](from, episode)}${EFFECT[effect](otherEnd(from))}`,
        raised: first,
        ends,
        evidence: {
          class: episode.class,
          from,
          carries: episode.carries,
          delta: episode.delta,
          tsval: first.tsval,
          ts_recent: episode.echo.tsecr,
          segments: episode.segments,
          lasted: seconds(episode.last.at - first.at),
          age: seconds(episode.age),
          ...(episode.hz === undefined || episode.class === 'clock-back' ? {} : { late: seconds(episode.late) }),
          effect,
          ...whatIf?.ofOldSegment(),
        },
        packets: packetsOf(episode),
      };
      report(draft, episode);
    },
  }),
};

/**
 * How the receiver treated it, judged by its answer. For copies of data that it had, and for overtaken ACKs, this makes
 * no difference.
 */
function effectOf({ fresh, accepted, dupAck, sentAgain }: PawsEpisode): Effect {
  if (fresh === undefined) return 'none';
  if (accepted !== undefined) return 'accepted';
  return dupAck !== undefined || sentAgain !== undefined ? 'refused' : 'not-shown';
}

function severityOf(episode: PawsEpisode, effect: Effect): Severity {
  if (episode.isHarmless) return 'info';
  return effect === 'refused' ? 'warning' : 'notice';
}

function packetsOf(episode: PawsEpisode): Note[] {
  const { before, echo, first, last, fresh, dupAck, sentAgain, accepted, passes } = episode;
  const packets: Note[] = [
    { packet: echo, note: 'the receiver echoes the TSval that it holds' },
    { packet: first, note: 'older than that: too old for PAWS' },
  ];
  const add = (packet: Note['packet'] | undefined, note: string): void => {
    if (packet !== undefined) packets.push({ packet, note });
  };
  add(before, 'last packet of the sender before');
  add(fresh, 'carries what the receiver lacks');
  add(dupAck, 'the receiver acknowledges no more than before');
  add(sentAgain, 'the receiver sends again what was acknowledged');
  add(accepted, 'acknowledged all the same');
  add(last, 'the last that is older');
  add(passes, "the sender's TSvals pass again");
  return packets;
}

const TITLE: Readonly<Record<PawsEpisode['class'], (from: End, episode: PawsEpisode) => string>> = {
  duplicate: (from, e) =>
    `A copy of data that had arrived comes again from the ${from}, ${e.delta} ticks behind: too old for PAWS, and nothing is lost`,
  'old-duplicate': (from, { beforeSyn, late }) =>
    beforeSyn
      ? `A segment from before the SYN of the ${from}, too old for PAWS: likely a relic of an older connection`
      : `A copy of data that had arrived comes again from the ${from}, ${duration(late)} late: too old for PAWS, and nothing is lost`,
  reordered: (from, e) =>
    `A segment of the ${from} was overtaken by one sent later and comes with a TSval ${e.delta} ticks older, too old for PAWS`,
  'clock-back': (from, { delta, segments, beforeSyn, passes }) =>
    segments === 1 && passes !== undefined
      ? `A single segment of the ${from} with a TSval ${delta} ticks behind, while the next ones pass: damaged or rewritten on the way, most likely`
      : `${segments === 1 ? 'A segment' : `${segments} segments`} of the ${from} with a TSval ${delta} ticks behind: ` +
        (beforeSyn ? 'another clock than that of its SYN' : 'its clock went back within the connection'),
};

const EFFECT: Readonly<Record<Effect, (receiver: End) => string>> = {
  none: () => '',
  refused: receiver => `; the ${receiver} refuses what it lacks`,
  accepted: receiver => `; but the ${receiver} acknowledges it: PAWS likely does not apply there`,
  'not-shown': receiver => `; what the ${receiver} made of it is not in the capture`,
};
