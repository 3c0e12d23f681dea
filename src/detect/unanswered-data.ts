/** Data on an open connection that is retransmitted and never acknowledged, or only late (docs/rules.md D8). */
import { seconds } from '../base/time.ts';
import { type End, otherEnd } from '../flow/ends.ts';
import { isLoopback } from '../flow/loopback.ts';
import type { Carries, UnackedClass, Unacknowledged } from '../flow/stories/unacknowledged.ts';
import type { Detector, Draft, Note } from './detector.ts';
import type { Confidence, Severity } from './finding.ts';
import type { IcmpEvidence } from './findings/icmp-answer.ts';
import { doubles } from './unacknowledged/backoff.ts';
import { meaningOf, symptomOf } from './unacknowledged/data-words.ts';
import { isFirst, untriedSize } from './unacknowledged/untried-size.ts';

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
  /** Seconds from the last transmission to the first such packet, if none came before. */
  heard_after?: number;
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
  const { ends, transmissions, here, elsewhere } = story;
  const { first, last, from: since, again, afterAck } = transmissions;
  const { reconnected, moved } = elsewhere;
  const heardAfter = elsewhere.onlySince(last.at);
  const from = story.fromB === ends.clientIsB ? 'client' : 'server';
  const idle = story.idle;
  const size = untriedSize(story);
  const intervals = transmissions.at.slice(1).map((at, i) => at - transmissions.at[i]);
  const symptom = symptomOf(story, from);
  return {
    rule: 'unanswered-data',
    severity: severityOf(story, from),
    confidence: confidenceOf(story),
    title: `${symptom}${meaningOf(story, otherEnd(from), isLocal)}`,
    symptom,
    raised: first,
    ends,
    since: Math.min(since, here.before?.at ?? since),
    until: story.settledAt,
    lastAt: last.at,
    evidence: {
      class: story.class,
      from,
      carries: story.carries,
      bytes: story.bytes,
      retransmissions: again,
      lasted: seconds(transmissions.span),
      intervals: intervals.map(seconds),
      ...(doubles(intervals) ? { backoff: true } : {}),
      ...(idle === undefined ? {} : { idle: seconds(idle) }),
      ...(isFirst(story) ? { never: true } : {}),
      ...(size === undefined ? {} : { untried_size: size }),
      ...(here.hasClosed ? { closed: true } : {}),
      heard_elsewhere: elsewhere.times,
      ...(heardAfter === undefined || story.class !== 'silent' ? {} : { heard_after: seconds(heardAfter) }),
      ...(here.answer && here.isFirstAnswer ? { answered_after: seconds(Math.max(0, here.answer.at - since)) } : {}),
      ...(afterAck === 0 ? {} : { after_ack: afterAck }),
      ...(reconnected === undefined
        ? {}
        : { new_port: reconnected.port, new_after: seconds(reconnected.packet.at - since) }),
      ...(moved === undefined ? {} : { moved_to: moved.port }),
      ...(story.givenUp === undefined ? {} : { gave_up: true }),
      ...(isLocal ? { loopback: true } : {}),
    },
    packets: packetsOf(story, otherEnd(from)),
  };
}

/**
 * Clients of a server disappear all the time (phones lose coverage), so this alone is a notice. An unanswered FIN, or
 * data for an end that has closed, does no harm.
 */
function severityOf(story: Unacknowledged, from: End): Severity {
  switch (story.class) {
    case 'recovered':
      return 'info';
    case 'answers-lost':
      return 'warning';
    case 'not-acknowledged':
      return 'notice';
    default:
      if (story.carries === 'fin' || story.here.hasClosed) return 'info';
      return from === 'client' || story.elsewhere.isWitness ? 'warning' : 'notice';
  }
}

function confidenceOf(story: Unacknowledged): Confidence {
  switch (story.class) {
    case 'silent':
      return story.elsewhere.isWitness && untriedSize(story) === undefined ? 'strong' : 'weak';
    case 'not-acknowledged':
      return 'weak';
    default:
      return 'strong';
  }
}

function packetsOf(story: Unacknowledged, other: End): Note[] {
  const packets: Note[] = [];
  const add = (packet: Note['packet'] | undefined, note: string): void => {
    if (packet !== undefined) packets.push({ packet, note });
  };
  const { original, first: again, last } = story.transmissions;
  const { before, answer, isFirstAnswer, ignored } = story.here;
  if (before !== answer) add(before, `last packet of the ${other} before`);
  add(original, 'first transmission');
  add(answer, isFirstAnswer ? `the ${other} answers` : `last packet of the ${other} before: all of it is acknowledged`);
  add(again, 'retransmission');
  add(ignored, `the ${other} acknowledges no more than before`);
  const { first, sinceLast, reconnected, moved } = story.elsewhere;
  const elsewhere = first ?? sinceLast;
  add(elsewhere?.packet, `packet of the ${other} on another connection (client port ${elsewhere?.port})`);
  add(reconnected?.packet, `the server accepts another connection (client port ${reconnected?.port})`);
  add(moved?.packet, `the ${other} continues from port ${moved?.port}`);
  add(last, 'last retransmission');
  add(story.givenUp, 'the sender gives up');
  return packets;
}
