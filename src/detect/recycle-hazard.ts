/** A SYN that a tw_recycle server would drop although its TSval runs back nowhere: mostly one without timestamps. */

import { endsOf } from '../flow/ends.ts';
import { Timestamps } from '../wire/tcp-options.ts';
import type { Detector, Draft } from './detector.ts';
import {
  droppingKernels,
  notApplying,
  type RecycleVerdicts,
  recycleFate,
  recycleVerdict,
  regression,
} from './recycle.ts';
import { type RecycleSyns, recycleSyns } from './recycle-syns.ts';
import { type RememberedEvidence, rememberedFor } from './remembered.ts';
import type { SynWhatIf } from './what-if.ts';

export type RecycleHazardEvidence = {
  /** What a server with tcp_tw_recycle=1 would do, by kernel. */
  recycle: RecycleVerdicts;
  /** The SYN carried the option. */
  timestamps: boolean;
  /** Seconds from the SYN until such a server lets the address in again. */
  unblock_in?: number;
  /** Absent where the capture shows nothing of the server. */
  answered?: boolean;
  /** By a SYN-ACK. */
  accepted?: boolean;
  retransmissions: number;
} & RecycleSyns &
  RememberedEvidence &
  SynWhatIf;

export const recycleHazard: Detector<'recycle-hazard'> = {
  meta: {
    id: 'recycle-hazard',
    title: 'SYN that a tw_recycle server would drop',
    why:
      'Another connection from this address used timestamps and was closed by the server within the last minute. A ' +
      'server with tcp_tw_recycle=1 and Linux 3.17 to 4.11 then drops SYNs from the address that carry no timestamps.',
    fix: 'On the server: `sysctl net.ipv4.tcp_tw_recycle` must be 0; from Linux 4.12 on the setting does not exist.',
    doNot: 'Do not take it for a drop: it says what one setting would do. Do not enable tcp_tw_recycle anywhere.',
    references: ['Linux 3.17 tcp_peer_is_proven (commit a26552afe894)', 'RFC 7323 §5'],
  },
  create: (report, { timeWait, whatIf, isPastLimit }) => ({
    opened(event) {
      if (recycleFate(event, timeWait) !== 'drop' || regression(event) !== undefined) return;
      const { tracker, segment, flow, clientIsB } = event;
      const ends = endsOf(flow);
      if (isPastLimit('recycle-hazard', ends)) return;
      const { verdicts, unblockIn } = recycleVerdict(event, timeWait);
      const timestamps = segment.timestamps === Timestamps.PRESENT;
      const remembered = rememberedFor(event);
      const supposed = whatIf?.ofSyn(event);
      const { pair, scope } = flow;
      event.attempt().onTold(attempt => {
        const heard = tracker.pairs.heard(pair, !clientIsB);
        const rule = { kernels: droppingKernels(timestamps, scope), notApplying: notApplying(timestamps, scope) };
        const syns = recycleSyns(attempt, attempt.remarks.tried, { fate: 'drop', ground: undefined }, rule);
        const draft: Draft = {
          rule: 'recycle-hazard',
          severity: 'notice',
          confidence: 'proof',
          title: `SYN ${timestamps ? 'with an older TSval' : 'without timestamps'}: ${syns.text('it')}`,
          raised: attempt.syn,
          ends,
          evidence: {
            recycle: verdicts,
            timestamps,
            ...(unblockIn === undefined ? {} : { unblock_in: unblockIn }),
            ...(heard && !attempt.isPending
              ? { answered: attempt.answered, accepted: attempt.delay !== undefined }
              : {}),
            ...remembered?.evidence,
            retransmissions: attempt.syns - 1,
            ...syns.evidence,
            ...supposed,
          },
          packets: [
            ...(remembered?.notes ?? []),
            { packet: attempt.syn, note: timestamps ? 'SYN' : 'SYN without timestamps' },
            ...attempt.followed,
          ],
        };
        report(draft, attempt);
      });
    },
  }),
};
