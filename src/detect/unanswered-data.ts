/** Data on an open connection that is retransmitted and never acknowledged, or only late (docs/rules.md D8). */
import { duration, type Nanos, SECOND, seconds } from '../base/time.ts';
import { type End, otherEnd } from '../flow/ends.ts';
import type { Carries, UnackedClass, Unacknowledged } from '../flow/stories/unacknowledged.ts';
import type { Detector, Draft, Note } from './detector.ts';
import type { Confidence, Severity } from './finding.ts';
import type { IcmpEvidence } from './icmp-answer.ts';
import { SHORTEST_TIMER } from './known-timers.ts';
import { isLoopback } from './loopback.ts';

/** Lowest and highest ratio of successive intervals that counts as exponential backoff (RFC 6298 §5.5). */
const DOUBLES = [1.6, 2.5] as const;

export type UnansweredDataEvidence = {
  class: UnackedClass;
  /** The end that retransmits. */
  from: End;
  carries: Carries;
  /** Bytes that were not acknowledged. */
  bytes: number;
  /** Number of retransmissions, and seconds from the first transmission to the last. */
  retransmissions: number;
  lasted: number;
  /** Seconds between successive transmissions. */
  intervals: readonly number[];
  /** The intervals double, as those of a retransmission timer. */
  backoff?: true;
  /** Seconds from the other end's last packet on the connection to the first transmission. */
  idle?: number;
  /** No data of this end was ever acknowledged on the connection. */
  never?: true;
  /** Bytes of each retransmitted segment, if none as large was ever acknowledged on the connection: the path MTU, perhaps. */
  untried_size?: number;
  /** The other end had sent its FIN before. */
  closed?: true;
  /**
   * After how many transmissions, and before the next one, a packet of the other end came on another connection of the
   * two hosts.
   */
  heard_elsewhere: number;
  /** Seconds from the first transmission to the acknowledgement, if it is known, and number of retransmissions after it. */
  answered_after?: number;
  after_ack?: number;
  /** Client port of a connection that the server accepted meanwhile, and seconds from the first transmission to it. */
  new_port?: number;
  new_after?: number;
  /** Port from which the other end continues with the same sequence numbers: likely a NAT has assigned a new one. */
  moved_to?: number;
  /** The sender gave up by RST. */
  gave_up?: true;
  /** Both ends are one host. */
  loopback?: true;
} & IcmpEvidence;

export const unansweredData: Detector<'unanswered-data'> = {
  meta: {
    id: 'unanswered-data',
    title: 'Data of an open connection without an answer',
    why:
      'Data that is never acknowledged is retransmitted for minutes (Linux: 15 times in a quarter of an hour), and the ' +
      'application hangs meanwhile. This is what happens when a NAT, firewall or balancer has forgotten an idle connection ' +
      'and silently drops its packets. A host or path that is down looks the same.',
    fix:
      'If packets of the host arrive on other connections: keep-alives shorter than the shortest idle timer on the path, or ' +
      'no reuse of connections that were idle for longer. Otherwise check whether the host and the path are up.',
    doNot:
      'Do not take the silence as proof of a NAT: the packets show that no answer came, not who dropped what. Do not lower ' +
      'tcp_retries2 for a whole host as a cure: connections then break in short outages, too.',
    references: [
      'RFC 6298 §5 (retransmission timer)',
      'RFC 5382 REQ-5 (NAT idle timers)',
      'RFC 1122 §4.2.3.5 (when to give up), §4.2.3.6 (keep-alives)',
      'Linux tcp_retransmit_timer, tcp_retries2; nf_conntrack_tcp_timeout_established, nf_conntrack_tcp_loose',
    ],
  },
  create: (report, { hosts }) => ({
    unacknowledged(story) {
      report(draftOf(story, isLoopback(story.ends, hosts)), story);
    },
  }),
};

function draftOf(story: Unacknowledged, isLocal: boolean): Draft {
  const { ends, first, from: since, last, answered, reconnected } = story;
  const from = story.fromB === ends.clientIsB ? 'client' : 'server';
  const idle = story.idle;
  const size = untriedSize(story);
  const intervals = story.sentAt.slice(1).map((at, i) => at - story.sentAt[i]!);
  const symptom = symptomOf(story, from);
  return {
    rule: 'unanswered-data',
    severity: severityOf(story, from),
    confidence: confidenceOf(story),
    title: `${symptom}${meaningOf(story, otherEnd(from), isLocal)}`,
    symptom,
    raised: first,
    ends,
    since: Math.min(since, story.heard?.at ?? since),
    until: story.settledAt,
    lastAt: last.at,
    evidence: {
      class: story.class,
      from,
      carries: story.carries,
      bytes: story.bytes,
      retransmissions: story.sentAgain + story.againAfterAck,
      lasted: seconds(last.at - since),
      intervals: intervals.map(seconds),
      ...(doubles(intervals) ? { backoff: true } : {}),
      ...(idle === undefined ? {} : { idle: seconds(idle) }),
      ...(isFirst(story) ? { never: true } : {}),
      ...(size === undefined ? {} : { untried_size: size }),
      ...(story.hasOtherClosed ? { closed: true } : {}),
      heard_elsewhere: story.heardElsewhere,
      ...(answered && story.isFirstAnswer ? { answered_after: seconds(Math.max(0, answered.at - since)) } : {}),
      ...(story.againAfterAck === 0 ? {} : { after_ack: story.againAfterAck }),
      ...(reconnected === undefined
        ? {}
        : { new_port: story.reconnectedPort, new_after: seconds(reconnected.at - since) }),
      ...(story.moved === undefined ? {} : { moved_to: story.movedPort }),
      ...(story.givenUp === undefined ? {} : { gave_up: true }),
      ...(isLocal ? { loopback: true } : {}),
    },
    packets: packetsOf(story, otherEnd(from)),
  };
}

/** Whether the intervals double, the first one excepted: it may be that of a tail loss probe (RFC 8985 §7). */
function doubles(intervals: readonly Nanos[]): boolean {
  const [least, most] = DOUBLES;
  const waits = intervals.slice(1);
  return (
    waits.length >= 2 &&
    waits.every((wait, i) => i === 0 || (wait / waits[i - 1]! >= least && wait / waits[i - 1]! <= most))
  );
}

/**
 * Clients of a server disappear all the time (phones lose coverage), so this alone is a notice. An unanswered FIN, or
 * data for an end that has closed, does no harm.
 */
function severityOf(story: Unacknowledged, from: End): Severity {
  const isHeard = story.heardElsewhere > 0;
  switch (story.class) {
    case 'recovered':
      return 'info';
    case 'answers-lost':
      return 'warning';
    case 'not-acknowledged':
      return 'notice';
    default:
      if (story.carries === 'fin' || story.hasOtherClosed) return 'info';
      return from === 'client' || isHeard ? 'warning' : 'notice';
  }
}

function confidenceOf(story: Unacknowledged): Confidence {
  switch (story.class) {
    case 'silent':
      return story.heardElsewhere > 0 && untriedSize(story) === undefined ? 'strong' : 'weak';
    case 'not-acknowledged':
      return 'weak';
    default:
      return 'strong';
  }
}

const WHAT: Readonly<Record<Carries, (bytes: number) => string>> = {
  data: bytes => `${bytes} ${bytes === 1 ? 'byte' : 'bytes'}`,
  fin: () => 'The FIN',
  'keep-alive': () => 'The keep-alive probe',
  'window-probe': () => 'The probe of a closed window',
};

function symptomOf(story: Unacknowledged, from: End): string {
  const { sentAgain, againAfterAck, carries, bytes, answered, last } = story;
  const other = otherEnd(from);
  const [verb, them] = carries === 'data' && bytes !== 1 ? ['were', 'them'] : ['was', 'it'];
  const again = sentAgain + againAfterAck;
  const lasted = duration(last.at - story.from);
  const what =
    carries === 'data' && story.isInParts
      ? `Parts of ${bytes} bytes of the ${from} were sent again ${again} times in ${lasted}`
      : `${WHAT[carries](bytes)} of the ${from} ${verb} sent ${again + 1} times in ${lasted}`;
  switch (story.class) {
    case 'recovered':
      return `${what} until the ${other} answered, ${duration(answered!.at - story.from)} after the first`;
    case 'answers-lost':
      return `${what}, ${againAfterAck} of them after the ${other} had acknowledged ${them}`;
    case 'not-acknowledged':
      return `${what} and not acknowledged, although other packets of the ${other} arrive on this connection`;
    default:
      return `${what} and never ${story.ignored === undefined ? 'answered' : 'acknowledged'}${before(story, other)}`;
  }
}

/** A shorter silence is normal within a connection. */
const PAUSE: Nanos = 3 * SECOND;

/** No data of the sender was ever acknowledged. */
const isFirst = ({ carries, ackedBefore }: Unacknowledged): boolean => carries === 'data' && ackedBefore === 0;

/** IPv6 requires a path to carry 1280 bytes, and IPv4 paths do in practice: smaller segments fit. */
const LARGE = 1200;
/** With the usual MTU of 1500: the largest segment, and the usual one, which has timestamps. */
const LARGEST = 1460;
const USUAL = 1448;
/** Segments of jumbo frames (MTU 9000) are longer than six usual ones, and no longer than this. */
const JUMBO = 8960;

/**
 * The other end answered smaller packets, its SYN-ACK at least, and of the segments that it does not acknowledge none is
 * smaller than all that it had acknowledged before together: none of their size has reached it, as far as is known. After a
 * longer silence a device that has forgotten the connection is likelier.
 */
function untriedSize(story: Unacknowledged): number | undefined {
  const { carries, shortest, ackedBefore, idle } = story;
  const isUnacked = story.class === 'silent' || story.class === 'not-acknowledged';
  if (!isUnacked || carries !== 'data' || ackedBefore === undefined || ackedBefore < 0) return undefined;
  if (story.hasOtherClosed || story.moved !== undefined) return undefined;
  const isInUse = idle === undefined || seconds(idle) < SHORTEST_TIMER;
  const size = segmentSize(shortest);
  return isInUse && size >= LARGE && ackedBefore < size ? size : undefined;
}

/** A capture on the sender may show several segments as one, which the network card splits (TSO). */
function segmentSize(captured: number): number {
  const isOne = captured <= LARGEST || (captured > 6 * LARGEST && captured <= JUMBO);
  return isOne ? captured : USUAL;
}

function before(story: Unacknowledged, other: End): string {
  const { idle, hasOtherClosed } = story;
  if (hasOtherClosed) return `, after the ${other} had sent its FIN`;
  if (isFirst(story)) return `: the ${other} has acknowledged nothing but the handshake`;
  return idle !== undefined && idle >= PAUSE ? `, after the ${other} had been silent for ${duration(idle)}` : '';
}

function meaningOf(story: Unacknowledged, other: End, isLocal: boolean): string {
  const size = untriedSize(story);
  const tooLarge =
    size === undefined
      ? ''
      : `, being too large for the path, perhaps (no segment of ${size} bytes was ever acknowledged here)`;
  switch (story.class) {
    case 'recovered':
      return `: likely an outage of the path or of the ${other}`;
    case 'answers-lost':
      return ': the answers are likely lost on the way back';
    case 'not-acknowledged':
      return `: the data does not reach the ${other}${tooLarge}, or is dropped there`;
  }
  if (story.moved !== undefined) {
    return `; the ${other} continues from port ${story.movedPort}: likely a NAT has lost the connection and assigned a new port`;
  }
  if (story.hasOtherClosed) return '';
  if (isLocal) return '; both ends are one host: a stopped process or a local firewall';
  if (story.heardElsewhere === 0) {
    // Only this pair of hosts is watched, and only from the second retransmission on (retransmission.ts).
    return (
      `; ${story.ignored === undefined ? 'nothing else' : 'only one packet'} was heard from the ${other} to this ${otherEnd(other)} from the second retransmission on: ` +
      `the ${other} or the path between them may be down${size === undefined ? '' : `, or the path does not carry segments of ${size} bytes: none of that size was ever acknowledged here`}`
    );
  }
  const accepts = story.reconnected === undefined ? '' : ', and the server accepts a new one';
  if (size !== undefined) {
    return (
      `; packets of the ${other} still arrive on other connections${accepts}, and no segment of ${size} bytes was ever ` +
      `acknowledged on this one: too large for the path, perhaps, or a device on it has lost this connection, or the ` +
      `${other} does not answer for it`
    );
  }
  return (
    `; packets of the ${other} still arrive on other connections${accepts}: a device on the path has lost this ` +
    `connection, or the ${other} does not answer for it`
  );
}

function packetsOf(story: Unacknowledged, other: End): Note[] {
  const packets: Note[] = [];
  const add = (packet: Note['packet'] | undefined, note: string): void => {
    if (packet !== undefined) packets.push({ packet, note });
  };
  if (story.heard !== story.answered) add(story.heard, `last packet of the ${other} before`);
  add(story.sent, 'first transmission');
  add(
    story.answered,
    story.isFirstAnswer ? `the ${other} answers` : `last packet of the ${other} before: all of it is acknowledged`,
  );
  add(story.first, 'retransmission');
  add(story.ignored, `the ${other} acknowledges no more than before`);
  add(story.elsewhere, `packet of the ${other} on another connection (client port ${story.elsewherePort})`);
  add(story.reconnected, `the server accepts another connection (client port ${story.reconnectedPort})`);
  add(story.moved, `the ${other} continues from port ${story.movedPort}`);
  add(story.last, 'last retransmission');
  add(story.givenUp, 'the sender gives up');
  return packets;
}
