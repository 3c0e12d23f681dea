/**
 * The TSval of a SYN is behind the newest one from the same address to the same server within 60 s (docs/rules.md
 * D1.2).
 */
import { duration, MILLISECOND, seconds } from '../base/time.ts';
import { endsOf } from '../flow/ends.ts';
import type { Opened } from '../flow/events.ts';
import { newestTimestamp } from '../flow/packet.ts';
import type { Attempt } from '../flow/stories/attempt.ts';
import { isOver } from '../flow/stories/story.ts';
import type { Regime } from './clocks/clock-verdict.ts';
import type { Detector, Draft, Note, Settings } from './detector.ts';
import { type Recycle, type RecycleVerdicts, type Regression, recycleVerdict, regression } from './recycle/recycle.ts';
import { type RecycleSyns, type RecycleTold, recycleSyns } from './recycle/recycle-syns.ts';
import { type Remembered, type RememberedEvidence, rememberedFor } from './recycle/remembered-tsval.ts';
import type { SynWhatIf } from './what-if/what-if.ts';

export type TimestampRegressEvidence = {
  /** Ticks by which the SYN's TSval is behind the newest of its address. */
  delta: number;
  /** Seconds between the two. */
  gap: number;
  /** The newest TSval was of the SYN's own tuple. */
  same_tuple: boolean;
  /** So close in time and ticks that it may only be the order of the capture. */
  jitter: boolean;
  /** The SYN's TSval is 0. */
  zero: boolean;
  /** The step back crosses the wrap at 2^32, so the older TSval is the larger number. */
  wrapped?: true;
  /** The regime of the address's clocks up to then. */
  regime?: Regime;
  /** What a server with tcp_tw_recycle=1 would do with the first SYN, by kernel. */
  recycle: RecycleVerdicts;
  previous_tsval: number | null;
  tsval: number;
  /** Seconds from the SYN until such a server lets the address in again. */
  unblock_in?: number;
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
  create: (report, settings) => ({
    opened(event) {
      const back = regression(event);
      if (back === undefined || settings.isPastLimit('timestamp-regress', endsOf(event.flow))) return;
      const seen = seenIn(event, back, settings);
      const { pairs } = event.tracker;
      event.attempt().onTold(attempt => {
        const heard = pairs.heard(attempt.ends.pair, !attempt.ends.clientIsB);
        const syns = recycleSyns(attempt, seen, heard);
        const regime = settings.clocks.regimeSoFar(attempt.ends, isOver(attempt));
        report(draftOf(seen, attempt, syns, regime), attempt);
      });
    },
  }),
};

/** What is known when the SYN arrives. */
interface Seen extends Regression {
  tsval: number;
  /** The packet with the newest TSval of its address. */
  previous: ReturnType<typeof newestTimestamp>;
  sameTuple: boolean;
  recycle: Recycle;
  remembered: Remembered | undefined;
  supposed: SynWhatIf | undefined;
}

function seenIn(event: Opened, { delta, gap }: Regression, { timeWait, whatIf }: Settings): Seen {
  const { tracker, segment, flow, clientIsB } = event;
  const { pairs } = tracker;
  const previous = newestTimestamp(pairs, pairs.direction(flow.pair, clientIsB), clientIsB);
  const recycle = recycleVerdict(event, timeWait);
  return {
    // Not by a spread: V8 makes the type of such an object anew each time.
    delta,
    gap,
    tsval: segment.tsval >>> 0,
    previous,
    sameTuple: previous.ports === segment.ports,
    recycle,
    // A TIME_WAIT of its own tuple decides instead, so other remembered values do not matter.
    remembered: recycle.verdicts['3.17'] === 'tw-bucket' ? undefined : rememberedFor(event),
    supposed: whatIf?.ofSyn(event),
  };
}

function draftOf(seen: Seen, attempt: Attempt, syns: RecycleTold, regime: Regime): Draft {
  const { delta, gap, tsval, previous, sameTuple, recycle, remembered } = seen;
  const jitter = isJitter(seen);
  return {
    rule: 'timestamp-regress',
    severity: jitter || isOrdinary(seen, regime, syns) ? 'info' : 'notice',
    confidence: jitter ? 'weak' : 'proof',
    title: jitter ? jitterText(seen) : `TSval runs back by ${backText(seen)}; ${syns.text('this SYN')}`,
    raised: attempt.syn,
    ends: attempt.ends,
    evidence: {
      delta,
      gap: seconds(gap),
      same_tuple: sameTuple,
      jitter,
      zero: tsval === 0,
      ...(isWrapped(seen) ? { wrapped: true } : {}),
      ...(regime === 'none' ? {} : { regime }),
      recycle: recycle.verdicts,
      previous_tsval: previous.tsval,
      tsval,
      ...(recycle.unblockIn === undefined ? {} : { unblock_in: recycle.unblockIn }),
      ...syns.answer,
      ...remembered?.evidence,
      ...syns.evidence,
      ...seen.supposed,
    },
    packets: packetsOf(seen, attempt),
  };
}

const isJitter = ({ gap, delta }: Seen): boolean => gap < JITTER_GAP && delta <= JITTER_TICKS;

/**
 * A host with a clock for each connection runs back in half of them, and a few connections do not show that it is one. On a
 * tuple that is used again it does not, as the offset is that of the tuple (B7).
 */
const isOrdinary = ({ sameTuple }: Seen, regime: Regime, { mayHaveCost }: RecycleTold): boolean =>
  !mayHaveCost && !sameTuple && (regime === 'per-connection' || regime === 'none');

const isWrapped = ({ previous, tsval }: Seen): boolean => tsval > (previous.tsval ?? 0);

const jitterText = ({ delta, gap }: Seen): string =>
  `TSval ${delta} ticks behind another packet ${duration(gap)} earlier: capture order, most likely`;

/** Across the wrap a reader would take the larger number for the newer one, so it is explained. */
function backText(seen: Seen): string {
  const { delta, gap, previous, tsval } = seen;
  const across = isWrapped(seen) ? ` (across the wrap at 2^32, from ${previous.tsval} to ${tsval})` : '';
  return `${delta} ticks within ${duration(gap)}${across}`;
}

function packetsOf({ delta, previous, sameTuple, remembered }: Seen, attempt: Attempt): Note[] {
  const port = sameTuple ? '' : `, from port ${previous.ports >>> 16}`;
  return [
    ...(remembered?.notes ?? []),
    { packet: previous, note: `newest TSval so far${port}` },
    { packet: attempt.syn, note: `SYN, TSval ${delta} ticks behind` },
    ...attempt.followed,
  ];
}
