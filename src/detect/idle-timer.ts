/** RSTs that come after the same length of silence repeatedly: an idle timer (docs/rules.md D7). */
import { s32 } from '../base/serial.ts';
import { duration, type Nanos, SECOND, seconds } from '../base/time.ts';
import { type End, type Ends, endsOf, otherEnd } from '../flow/ends.ts';
import type { ResetSeen } from '../flow/events.ts';
import { layout } from '../flow/layout.ts';
import { lastPacket, type Packet } from '../flow/packet.ts';
import type { Detector, Note, Report } from './detector.ts';
import { BoundedLists } from './memory/bounded-lists.ts';
import { Directions } from './memory/directions.ts';
import { DirtySet } from './memory/dirty-set.ts';
import { awaitsAnswer } from './resets/awaited-answer.ts';
import { isFromSocket } from './resets/client-abort.ts';
import { type KnownTimers, knownTimers, NO_TIMERS, UNASKED } from './resets/known-timers.ts';
import { lacksUse, neitherSentAByte } from './resets/no-data.ts';
import { gaveUpProbing } from './resets/probes.ts';
import { lessPassed, senderClock } from './resets/sender-clock.ts';
import { unusedSubflow } from './resets/signs/nothing-sent.ts';

/** A shorter silence is an ordinary pause. */
const SHORTEST: Nanos = 3 * SECOND;
/** RSTs this close together count as one event, such as a restart, whatever silence preceded each of them. */
const TOGETHER: Nanos = 1 * SECOND;
/** Gaps of one timer differ by no more than this: by its tick, and by what the path adds. */
const WIDTH = 0.02;
const NARROWEST: Nanos = 0.5 * SECOND;
const FEWEST = 3;
/**
 * If the gaps were spread by chance between one second and a thousand, at most this many such clusters would be
 * expected.
 */
const BY_CHANCE = 0.01;
const RANGE = Math.log(1000);
/**
 * Most RSTs kept for each port, and most ports for each client and server. When there are more, the first half of them and
 * the newest are kept: RSTs of another cause may come first, and hide no timer after them.
 */
const KEPT_RESETS = 256;
const KEPT_PORTS = 16;
/** Most RSTs kept in a shard, 400 bytes each. If there are more, this many are kept of each port. */
const MAX_RESETS = 1 << 17;
const LEAST_RESETS = 8;

interface Idle {
  epoch: number;
  gap: Nanos;
  rst: Packet;
  last: Packet | undefined;
  ends: Ends;
  unanswered: boolean;
  noData: boolean;
}

/** The first and the newest RSTs of one end on connections to one port, and how many there were. */
interface Kept {
  resets: Idle[];
  seen: number;
}

export type IdleTimerEvidence = {
  /** Seconds of silence: the middle between the shortest and the longest. */
  gap: number;
  /** Seconds between the shortest and the longest. */
  spread: number;
  /** Connections that were reset after this silence, and those that were reset after another. */
  resets: number;
  others: number;
  /** RSTs after a silence beyond those that there is room for: the first and the newest were looked at. */
  later?: number;
  /** Products with a timer of this length. */
  known: readonly string[];
  from: End;
  /** In all cases the server had acknowledged the client's last data without answering it. */
  unanswered?: boolean;
  /** In all cases neither end had sent a byte since the handshake. */
  no_data?: boolean;
};

export const idleTimer: Detector<'idle-timer'> = {
  meta: {
    id: 'idle-timer',
    title: 'Idle connections reset by a timer',
    why:
      'RSTs that come unasked after the same silence on several connections are an idle timer: of the end that they ' +
      'carry the address of, or of a balancer, firewall or NAT that speaks in its name. Whoever uses a pooled connection ' +
      'at that moment loses a request.',
    fix: 'Keep-alives shorter than the timer, idle connections closed by the client before it, or a longer timer.',
    doNot:
      'Do not retry requests blindly that may have been executed. Do not take the name of a known timer for proof: any ' +
      'device may be set to it.',
    references: ['RFC 9293 §3.8.4 (keep-alives)', 'RFC 5382 REQ-5 (NAT idle timers)'],
  },
  create: (report, { evicted, glances }) => {
    const kept = new BoundedLists<Idle>(MAX_RESETS, KEPT_RESETS, LEAST_RESETS, items => evicted('idle-timers', items));
    const directions = new Directions<Map<string, Kept>>(() => new Map(), {
      evicted: byPort => {
        for (const { resets } of byPort.values()) {
          evicted('idle-timers', resets.length);
          kept.drop(resets);
        }
      },
    });
    const changed = new DirtySet<Kept>(glances);
    return {
      reset(event) {
        const idle = unasked(event);
        if (idle === undefined) return;
        const byPort = directions.of(event.flow, event.tracker);
        const key = `${event.from} ${idle.ends.serverPort}`;
        const known = byPort.get(key);
        if (known !== undefined) {
          known.seen++;
          if (kept.add(known.resets, idle) || replaceNewest(known, idle)) changed.add(known);
        } else if (byPort.size < KEPT_PORTS) {
          const resets = kept.begin(idle);
          if (resets !== undefined) byPort.set(key, { resets, seen: 1 });
        }
      },
      glance() {
        for (const known of changed.take()) judge(report, known);
      },
      finish() {
        for (const [, byPort] of directions) for (const [, known] of byPort) judge(report, known);
      },
      forEachHost: visit => directions.forEachHost(visit),
    };
  },
};

/** Puts it in the place of the oldest of the second half. False if so few are kept that there are no halves. */
function replaceNewest({ resets, seen }: Kept, idle: Idle): boolean {
  if (resets.length < LEAST_RESETS) return false;
  const half = resets.length >> 1;
  resets[half + (seen % (resets.length - half))] = idle;
  return true;
}

/**
 * The RST and the silence before it. Undefined if the RST answers a packet, because then the other end chose the
 * moment.
 */
function unasked(event: ResetSeen): Idle | undefined {
  const { class: kind, tracker, flow, packet } = event;
  const gap = tracker.now - flow.last;
  if (!UNASKED.has(kind) || !(gap >= SHORTEST) || lacksUse(event)) return undefined;
  // The sender was not idle: it waited for an acknowledgment and gave up (unanswered-data).
  if (event.receiver.has(layout.SideBit.SPOKE) && s32(event.sender.nxt, event.receiver.acked) > 0) return undefined;
  // Nor one that gave up its keep-alive probes, and the interval between those is no timer either.
  if (gaveUpProbing(event) || unusedSubflow(event) !== undefined) return undefined;
  // By its own clock the sender was not silent for so long: the clock of the capture was set forward (D0.8).
  const rst = packet();
  if (lessPassed(senderClock(flow, event.sender), rst.tsval, gap) !== undefined) return undefined;
  const [a, b] = [lastPacket(flow, false), lastPacket(flow, true)];
  const last = a === undefined || (b !== undefined && b.at > a.at) ? b : a;
  const noData = neitherSentAByte(event) && isFromSocket(event);
  return { epoch: tracker.epoch, gap, rst, last, ends: endsOf(flow), unanswered: awaitsAnswer(event), noData };
}

/** Judges the RSTs of one end, on connections to one port. */
function judge(report: Report, { resets, seen }: Kept): void {
  const cluster = densest(resets);
  if (cluster.length < FEWEST || expected(cluster, resets.length) > BY_CHANCE) return;
  const gaps = cluster.map(({ gap }) => gap);
  const low = Math.min(...gaps);
  const spread = Math.max(...gaps) - low;
  const middle = low + spread / 2;
  const { rst, ends } = cluster.reduce((a, b) => (b.rst.at > a.rst.at ? b : a));
  const from = rst.fromB === ends.clientIsB ? 'client' : 'server';
  const unanswered = cluster.every(idle => idle.unanswered);
  const noData = cluster.every(idle => idle.noData);
  const later = seen - resets.length;
  const known = unanswered || noData ? NO_TIMERS : knownTimers(middle / SECOND, from);
  report({
    rule: 'idle-timer',
    severity: known.isApplication ? 'info' : 'notice',
    confidence: 'strong',
    title:
      `${later > 0 ? 'At least ' : ''}${cluster.length} connections to port ${ends.serverPort} were reset after ${duration(middle)} of silence each: ` +
      (unanswered ? READ_TIMEOUT : noData ? NO_DATA : holder(from, known)),
    raised: rst,
    ends,
    evidence: {
      gap: seconds(middle),
      spread: seconds(spread),
      resets: cluster.length,
      others: resets.length - cluster.length,
      ...(later > 0 ? { later } : {}),
      known: known.names,
      from,
      ...(unanswered ? { unanswered } : {}),
      ...(noData ? { no_data: true } : {}),
    },
    packets: cluster.slice(-4).flatMap(packetsOf),
  });
}

const READ_TIMEOUT =
  'the server had acknowledged what the client sent last and did not answer it, so it is a read timeout of the client, most likely';

const NO_DATA =
  'neither end had sent a byte, so it is a timer of the client, most likely: it waited for a greeting, or drops connections ' +
  'that it does not need';

function holder(from: End, { names, isApplication }: KnownTimers): string {
  const whose = isApplication
    ? `an application timer of the ${from}, most likely`
    : `an idle timer of the ${from} or of a device on its way to the ${otherEnd(from)}`;
  return names.length === 0 ? whose : `${whose}; so long is that of ${names.join(', ')}`;
}

function packetsOf({ rst, last, gap }: Idle): Note[] {
  const reset = { packet: rst, note: `RST after ${duration(gap)} of silence` };
  return last === undefined ? [reset] : [{ packet: last, note: 'last packet of the connection' }, reset];
}

/** The largest group of RSTs at separate moments whose gaps lie within the width of one timer, in order of time. */
function densest(resets: readonly Idle[]): Idle[] {
  const byGap = resets.toSorted((a, b) => a.gap - b.gap);
  let best: Idle[] = [];
  for (const [i, { gap }] of byGap.entries()) {
    const end = byGap.findIndex(other => other.gap > gap + widthOf(gap));
    const apart = separate(byGap.slice(i, end < 0 ? undefined : end));
    if (apart.length > best.length) best = apart;
  }
  return best;
}

const widthOf = (gap: Nanos): Nanos => Math.max(gap * WIDTH, NARROWEST);

/** RSTs before and after a clock step count as separate, since the silence of the later one has lasted since the step. */
function separate(resets: readonly Idle[]): Idle[] {
  const apart: Idle[] = [];
  for (const reset of resets.toSorted((a, b) => a.epoch - b.epoch || a.rst.at - b.rst.at)) {
    const before = apart.at(-1);
    if (before?.epoch !== reset.epoch || reset.rst.at - before.rst.at > TOGETHER) apart.push(reset);
  }
  return apart;
}

/** How many clusters of this size chance would create among `count` gaps: count × C(count − 1, k − 1) × p^(k − 1). */
function expected(cluster: readonly Idle[], count: number): number {
  const gap = Math.min(...cluster.map(idle => idle.gap));
  const share = Math.log(1 + widthOf(gap) / gap) / RANGE;
  let clusters = count;
  for (let i = 1; i < cluster.length; i++) clusters *= ((count - i) / i) * share;
  return clusters;
}
