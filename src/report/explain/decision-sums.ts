/** Findings that sum up many connections: they are decided by figures, not by a single packet. */
import type { Rule } from '../../detect/evidence.ts';
import type { FindingOf } from '../../store/rows.ts';
import { counted, thousands } from '../words.ts';
import type { Decision } from './decision.ts';

type EvidenceIn<R extends Rule> = FindingOf<R>['evidence'];

/** Where in the kernel the check is that tcp_tw_recycle turns on. */
export const PER_HOST = 'Linux up to 4.11 with tcp_tw_recycle=1, tcp_v4_conn_request and tcp_peer_is_proven';

export const overflowDecisions = ({ evidence }: FindingOf<'time-wait-overflow'>): Decision[] => [
  {
    text: `The host stays at ${occupancyText(evidence)} TIME_WAITs while further connections close.`,
    source: 'net.ipv4.tcp_max_tw_buckets; Linux tcp_time_wait, counter TCPTimeWaitOverflow',
    marks: [],
  },
];

function occupancyText({ occupancy_low: low, occupancy: high }: EvidenceIn<'time-wait-overflow'>): string {
  if (low === high) return thousands(high);
  return low === 0 ? `no more than ${thousands(high)}` : `${thousands(low)} to ${thousands(high)}`;
}

/** Each port comes back after a TIME_WAIT (`rate_limit` is of the run's), unless tcp_tw_reuse takes it over before. */
export function portDecisions({ evidence }: FindingOf<'port-exhaustion'>): Decision[] {
  const { in_use: inUse, capacity, rate, rate_limit: limit, takeovers } = evidence;
  const atATime = 'ports were in use or in TIME_WAIT at a time';
  if (capacity === undefined || limit === undefined)
    return [
      { text: `${thousands(inUse)} ${atATime}; how many the client has is not known.`, source: PORTS, marks: [] },
    ];
  const used = `${thousands(inUse)} of ${thousands(capacity)} ${atATime}`;
  if (takeovers === undefined) {
    const text = `${used}; each held until its TIME_WAIT is over, they allow ${perSecond(limit)} to one server port.`;
    return [{ text, source: PORTS, marks: [] }];
  }
  return [
    {
      text:
        `${used}. Each held until its TIME_WAIT is over, they would allow ${perSecond(limit)} to one server port; the client ` +
        `took ${counted(takeovers, 'port')} over sooner, and closed ${perSecond(rate)}.`,
      source: `Linux tcp_twsk_unique (tcp_tw_reuse); ${PORTS}`,
      marks: [],
    },
  ];
}

const PORTS = 'TIME_WAIT of the run (--time-wait; Linux: TCP_TIMEWAIT_LEN = 60 s); net.ipv4.ip_local_port_range';

const perSecond = (rate: number): string => `${rate.toFixed(rate < 1 ? 3 : 1)} connections a second`;

/** What the replay of the rule counted. */
export function replayDecision(evidence: EvidenceIn<'recycle-signature'>): Decision {
  const { syns, foretold, bad_unanswered, bad_answered, good_answered, good_unanswered } = evidence;
  return {
    text:
      `Of the connections that the rule keeps out ${thousands(bad_unanswered)} went unanswered and ` +
      `${thousands(bad_answered)} were answered; of those that it lets in ${thousands(good_answered)} ` +
      `were answered and ${thousands(good_unanswered)} were not. Replayed SYN by SYN, the rule predicts what became of ` +
      `${thousands(foretold)} of ${thousands(syns)}.${othersText(evidence)}`,
    source: PER_HOST,
    marks: [],
  };
}

/** What else may have decided the fate of the SYNs. */
function othersText({
  differs,
  hosts_differ: hostsDiffer,
  both_fates: bothFates,
}: EvidenceIn<'recycle-signature'>): string {
  if (differs !== undefined) {
    return ` But the dropped SYNs differ from the answered ones in something else as cleanly: ${differs.join(', ')}.`;
  }
  if (hostsDiffer !== undefined) {
    return (
      ` But the hosts that it keeps out also differ from the others in ${hostsDiffer.join(', ')}, as hosts ` +
      'usually do: something that drops SYNs for that would look the same.'
    );
  }
  return bothFates
    ? ''
    : ' But no host that it keeps out was let in later: any other difference between the hosts would have the same effect.';
}

export function sharedDecisions({ evidence }: FindingOf<'shared-address'>): Decision[] {
  const { flows, lines, reasons } = evidence;
  const why = reasons.length === 0 ? '' : `: ${reasons.join('; ')}`;
  return [
    {
      text: `${counted(flows, 'connection')} on ${counted(lines, 'clock line')}${why}.`,
      source:
        'a clock runs evenly and never back: RFC 7323 §5.4; where it is offset for each connection it tells nothing',
      marks: [],
    },
  ];
}
