/** TSval of a SYN behind the newest one from the same address to the same server within 60 s (docs/rules.md D1.2). */
import { duration, MILLISECOND, seconds } from '../base/time.ts';
import { endsOf } from '../flow/ends.ts';
import type { Regime } from '../flow/output.ts';
import { newestTimestamp } from '../flow/packet.ts';
import { isOver } from '../flow/story.ts';
import type { Detector, Draft } from './detector.ts';
import {
  droppingKernels,
  groundToPass,
  notApplying,
  type RecycleVerdicts,
  recycleVerdict,
  regression,
} from './recycle.ts';
import { type RecycleSyns, recycleSyns } from './recycle-syns.ts';
import { type RememberedEvidence, rememberedFor } from './remembered.ts';
import type { SynWhatIf } from './what-if.ts';

export type TimestampRegressEvidence = {
  /** Ticks that the SYN's TSval lies behind the newest of its address. */
  delta: number;
  /** Seconds between the two. */
  gap: number;
  /** The newest TSval was of the SYN's own tuple. */
  same_tuple: boolean;
  /** So near in time and ticks that it may be the order of the capture. */
  jitter: boolean;
  /** The SYN's TSval is 0. */
  zero: boolean;
  /** The way back crosses the wrap at 2^32: the older TSval is the larger number. */
  wrapped?: true;
  /** What the clocks of the address looked like up to then. */
  regime?: Regime;
  /** What a server with tcp_tw_recycle=1 would do with the first SYN, by kernel. */
  recycle: RecycleVerdicts;
  previous_tsval: number | null;
  tsval: number;
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

/** Two SYNs of one host may be recorded in either order within this time and distance (p0f's TSTAMP_GRACE, 1500 Hz). */
const JITTER_GAP = 100 * MILLISECOND;
const JITTER_TICKS = 150;

export const timestampRegress: Detector<'timestamp-regress'> = {
  meta: {
    id: 'timestamp-regress',
    title: 'Timestamps of one source address run backwards',
    why:
      'A new connection carries a TSval older than one the same address sent to the same server within the last 60 s. ' +
      'Several hosts behind one NAT address look like this, and so does one modern host that offsets every connection. ' +
      'Servers with tcp_tw_recycle (Linux up to 4.11) silently drop such SYNs.',
    fix:
      'If SYNs go unanswered, look at recycle in the evidence and at the server: `sysctl net.ipv4.tcp_tw_recycle` ' +
      '(absent from 4.12 on) must be 0 and `nstat -az TcpExtPAWSPassive` must not grow.',
    doNot:
      'Do not conclude from this alone that the address is a NAT or that the server drops anything: the finding says ' +
      'what a tw_recycle server would do. Do not switch tcp_timestamps off as a cure.',
    references: [
      'RFC 7323 §5 (PAWS)',
      'Linux 2.6.32 tcp_v4_conn_request, 3.17 tcp_peer_is_proven',
      'Linux commit 4396e46187ca (tcp_tw_recycle removed in 4.12)',
    ],
  },
  create: (report, { timeWait, whatIf, clocks, isPastLimit }) => ({
    opened(event) {
      const back = regression(event);
      if (back === undefined) return;
      const { tracker, segment, flow, clientIsB } = event;
      const ends = endsOf(flow);
      if (isPastLimit('timestamp-regress', ends)) return;
      const { delta, gap } = back;
      const recycle = recycleVerdict(event, timeWait);
      const fate = recycle.verdicts['3.17'];
      const first = { fate, ground: fate === 'pass' ? groundToPass(event) : undefined };
      const previous = newestTimestamp(tracker.pairs, tracker.pairs.direction(flow.pair, clientIsB), clientIsB);
      const sameTuple = previous.ports === segment.ports;
      const tsval = segment.tsval >>> 0;
      const jitter = gap < JITTER_GAP && delta <= JITTER_TICKS;
      const supposed = whatIf?.ofSyn(event);
      // A TIME_WAIT of its own tuple decides by itself: what else is remembered is not asked.
      const remembered = fate === 'tw-bucket' ? undefined : rememberedFor(event);
      const { pair, scope } = flow;
      event.attempt().onTold(attempt => {
        const heard = tracker.pairs.heard(pair, !clientIsB);
        const rule = { kernels: droppingKernels(true, scope), notApplying: notApplying(true, scope) };
        const syns = recycleSyns(attempt, attempt.remarks.tried, first, rule);
        const wrapped = tsval > (previous.tsval ?? 0);
        const regime = clocks.regimeSoFar(ends, isOver(attempt));
        // A host with a clock for each connection runs back in half of them: of note only where it may have cost one.
        const ordinary = regime === 'per-connection' && !(heard && !attempt.isPending && syns.mayHaveCost);
        const back = `${delta} ticks within ${duration(gap)}${wrapped ? wrapText(previous.tsval, tsval) : ''}`;
        const draft: Draft = {
          rule: 'timestamp-regress',
          severity: jitter || ordinary ? 'info' : 'notice',
          confidence: jitter ? 'weak' : 'proof',
          title: jitter
            ? `TSval ${delta} ticks behind another packet ${duration(gap)} earlier: capture order, most likely`
            : `TSval runs back by ${back}; ${syns.text('this SYN')}`,
          raised: attempt.syn,
          ends,
          evidence: {
            delta,
            gap: seconds(gap),
            same_tuple: sameTuple,
            jitter,
            zero: tsval === 0,
            ...(wrapped ? { wrapped } : {}),
            ...(regime === 'none' ? {} : { regime }),
            recycle: recycle.verdicts,
            previous_tsval: previous.tsval,
            tsval,
            ...(recycle.unblockIn === undefined ? {} : { unblock_in: recycle.unblockIn }),
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
            {
              packet: previous,
              note: sameTuple ? 'newest TSval so far' : `newest TSval so far, from port ${previous.ports >>> 16}`,
            },
            { packet: attempt.syn, note: `SYN, TSval ${delta} ticks behind` },
            ...attempt.followed,
          ],
        };
        report(draft, attempt);
      });
    },
  }),
};

/** Else a reader would take the larger number for the newer one. */
const wrapText = (previous: number | null, tsval: number): string =>
  ` (from ${previous} to ${tsval}, back across the wrap at 2^32)`;
