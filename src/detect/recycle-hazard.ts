/**
 * A SYN that a server with tcp_tw_recycle would drop although its TSval is not behind the newest one of its address:
 * one without timestamps, or one behind an older TSval, which the server remembers. TSvals are compared on a circle, so
 * of three clocks each may be ahead of another (docs/rules.md D1.3).
 */

import { endsOf } from '../flow/ends.ts';
import type { Attempt } from '../flow/stories/attempt.ts';
import type { Detector, Draft } from './detector.ts';
import { type Recycle, type RecycleVerdicts, recycleFate, recycleVerdict, regression } from './recycle/recycle.ts';
import { type RecycleSyns, type RecycleTold, recycleSyns } from './recycle/recycle-syns.ts';
import { type Remembered, type RememberedEvidence, rememberedFor } from './recycle/remembered-tsval.ts';
import type { SynWhatIf } from './what-if/what-if.ts';

export type RecycleHazardEvidence = {
  /** What a server with tcp_tw_recycle=1 would do, by kernel. */
  recycle: RecycleVerdicts;
  /** The SYN carried the option. */
  timestamps: boolean;
  /** Seconds from the SYN until such a server lets the address in again. */
  unblock_in?: number;
} & RecycleSyns &
  RememberedEvidence &
  SynWhatIf;

export const recycleHazard: Detector<'recycle-hazard'> = {
  meta: {
    id: 'recycle-hazard',
    title: 'SYN that a tw_recycle server would drop',
    why:
      'The server closed another connection of this address within the last minute. With tcp_tw_recycle=1 (Linux up to ' +
      '4.11) it then remembers a TSval of that connection, and drops a SYN that is behind it; from Linux 3.17 on also one ' +
      'without timestamps. Hosts behind a NAT send such SYNs, and so does one modern host that offsets every connection. ' +
      'A SYN that was accepted shows that the rule is not applied.',
    fix: 'On the server: `sysctl net.ipv4.tcp_tw_recycle` must be 0; from Linux 4.12 on the setting does not exist.',
    doNot: 'Do not take it for a drop: it says what one setting would do. Do not enable tcp_tw_recycle anywhere.',
    references: ['Linux 3.17 tcp_peer_is_proven (commit a26552afe894)', 'RFC 7323 §5'],
  },
  create: (report, { timeWait, whatIf, isPastLimit }) => ({
    opened(event) {
      if (recycleFate(event, timeWait) !== 'drop' || regression(event) !== undefined) return;
      if (isPastLimit('recycle-hazard', endsOf(event.flow))) return;
      const seen: Seen = {
        recycle: recycleVerdict(event, timeWait),
        remembered: rememberedFor(event),
        supposed: whatIf?.ofSyn(event),
      };
      const { pairs } = event.tracker;
      event.attempt().onTold(attempt => {
        const heard = pairs.heard(attempt.ends.pair, !attempt.ends.clientIsB);
        report(draftOf(seen, attempt, recycleSyns(attempt, seen, heard)), attempt);
      });
    },
  }),
};

/** What is known when the SYN arrives. */
interface Seen {
  recycle: Recycle;
  remembered: Remembered | undefined;
  supposed: SynWhatIf | undefined;
}

function draftOf({ recycle, remembered, supposed }: Seen, attempt: Attempt, syns: RecycleTold): Draft {
  const { verdicts, unblockIn } = recycle;
  const timestamps = attempt.syn.tsval !== null;
  return {
    rule: 'recycle-hazard',
    // Behind the remembered value and ahead of the newest is mostly one host with a clock for each connection.
    severity: timestamps && !syns.mayHaveCost ? 'info' : 'notice',
    confidence: 'proof',
    title: `SYN ${timestamps ? 'with an older TSval' : 'without timestamps'}: ${syns.text('it')}`,
    raised: attempt.syn,
    ends: attempt.ends,
    evidence: {
      recycle: verdicts,
      timestamps,
      ...(unblockIn === undefined ? {} : { unblock_in: unblockIn }),
      ...syns.answer,
      ...remembered?.evidence,
      ...syns.evidence,
      ...supposed,
    },
    packets: [
      ...(remembered?.notes ?? []),
      { packet: attempt.syn, note: timestamps ? 'SYN' : 'SYN without timestamps' },
      ...attempt.followed,
    ],
  };
}
