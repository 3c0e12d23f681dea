/** Findings that sum up many connections: they are decided by figures, not by a single packet. */
import type { FindingRow } from '../../store/rows.ts';
import { counted, thousands } from '../words.ts';
import type { Decision } from './decision.ts';

type Evidence = FindingRow['evidence'];

/** Where in the kernel the check is that tcp_tw_recycle turns on. */
export const PER_HOST = 'Linux up to 4.11 with tcp_tw_recycle=1, tcp_v4_conn_request and tcp_peer_is_proven';

/** A number in the evidence; undefined if there is none of that name. */
const figure = (evidence: Evidence, name: string): number | undefined =>
  typeof evidence[name] === 'number' ? evidence[name] : undefined;

const count = (evidence: Evidence, name: string): string => thousands(figure(evidence, name) ?? 0);

const SUMS: Readonly<Record<string, (evidence: Evidence) => Omit<Decision, 'marks'>>> = {
  'port-exhaustion': ports,
  'recycle-signature': signature,
  'shared-address': clocks,
  'time-wait-overflow': evidence => ({
    text: `The host stays at ${occupancyText(evidence)} TIME_WAITs while further connections close.`,
    source: 'net.ipv4.tcp_max_tw_buckets; Linux tcp_time_wait, counter TCPTimeWaitOverflow',
  }),
};

export function sumDecisions({ rule, evidence }: FindingRow): Decision[] {
  const sum = SUMS[rule]?.(evidence);
  return sum === undefined ? [] : [{ ...sum, marks: [] }];
}

/** The evidence in older databases has no lower bound. */
function occupancyText(evidence: Evidence): string {
  const low = figure(evidence, 'occupancy_low');
  const high = count(evidence, 'occupancy');
  if (low === figure(evidence, 'occupancy')) return high;
  return low === undefined || low === 0 ? `no more than ${high}` : `${thousands(low)} to ${high}`;
}

/** Each port comes back after a TIME_WAIT (`rate_limit` is of the run's), unless tcp_tw_reuse takes it over before. */
function ports(evidence: Evidence): Omit<Decision, 'marks'> {
  const capacity = figure(evidence, 'capacity');
  const limit = figure(evidence, 'rate_limit');
  const takeovers = figure(evidence, 'takeovers');
  const inUse = count(evidence, 'in_use');
  const atATime = 'ports were in use or in TIME_WAIT at a time';
  if (capacity === undefined || limit === undefined)
    return { text: `${inUse} ${atATime}; how many the client has is not known.`, source: PORTS };
  const used = `${inUse} of ${thousands(capacity)} ${atATime}`;
  if (takeovers === undefined) {
    const text = `${used}; each held until its TIME_WAIT is over, they allow ${perSecond(limit)} to one server port.`;
    return { text, source: PORTS };
  }
  return {
    text:
      `${used}. Each held until its TIME_WAIT is over, they would allow ${perSecond(limit)} to one server port; the client ` +
      `took ${counted(takeovers, 'port')} over sooner, and closed ${perSecond(figure(evidence, 'rate') ?? 0)}.`,
    source: `Linux tcp_twsk_unique (tcp_tw_reuse); ${PORTS}`,
  };
}

const PORTS = 'TIME_WAIT of the run (--time-wait; Linux: TCP_TIMEWAIT_LEN = 60 s); net.ipv4.ip_local_port_range';

const perSecond = (rate: number): string => `${rate.toFixed(rate < 1 ? 3 : 1)} connections a second`;

function signature(evidence: Evidence): Omit<Decision, 'marks'> {
  const syns = figure(evidence, 'syns');
  const foretold = figure(evidence, 'foretold');
  const replay =
    syns === undefined || foretold === undefined
      ? ''
      : ` Replayed SYN by SYN, the rule predicts what became of ${thousands(foretold)} of ${thousands(syns)}.`;
  return {
    text:
      `Of the connections that the rule keeps out ${count(evidence, 'bad_unanswered')} went unanswered and ` +
      `${count(evidence, 'bad_answered')} were answered; of those that it lets in ${count(evidence, 'good_answered')} ` +
      `were answered and ${count(evidence, 'good_unanswered')} were not.${replay}${othersText(evidence)}`,
    source: PER_HOST,
  };
}

/** What else may have decided the fate of the SYNs. */
function othersText({ differs, hosts_differ: hostsDiffer, both_fates: bothFates }: Evidence): string {
  if (Array.isArray(differs)) {
    return ` But the dropped SYNs differ from the answered ones in something else as cleanly: ${differs.map(String).join(', ')}.`;
  }
  if (Array.isArray(hostsDiffer)) {
    return (
      ` But the hosts that it keeps out also differ from the others in ${hostsDiffer.map(String).join(', ')}, as hosts ` +
      'usually do: something that drops SYNs for that would look the same.'
    );
  }
  return bothFates === false
    ? ' But no host that it keeps out was let in later: any other difference between the hosts would have the same effect.'
    : '';
}

function clocks(evidence: Evidence): Omit<Decision, 'marks'> {
  const reasons = Array.isArray(evidence.reasons) ? evidence.reasons.map(String) : [];
  const flows = counted(figure(evidence, 'flows') ?? 0, 'connection');
  const lines = counted(figure(evidence, 'lines') ?? 0, 'clock line');
  return {
    text: `${flows} on ${lines}${reasons.length === 0 ? '' : `: ${reasons.join('; ')}`}.`,
    source:
      'a clock runs evenly and never back: RFC 7323 §5.4; where it is offset for each connection it tells nothing',
  };
}
