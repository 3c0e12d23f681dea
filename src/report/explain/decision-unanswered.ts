/** What decided findings about SYNs and data without an answer: when they were sent again, and what was heard. */

import type { Schedule } from '../../detect/attempts/syn-schedule.ts';
import { isDoubled } from '../../detect/unacknowledged/backoff.ts';
import type { Carries } from '../../flow/stories/unacknowledged.ts';
import type { FindingOf } from '../../store/rows.ts';
import { counted } from '../words.ts';
import type { Decision } from './decision.ts';
import { silenceDecisions } from './decision-timestamps.ts';
import { isSyn, raisedBy } from './eras.ts';

/** `backoff` says that the waits double, except perhaps the second: the first may be that of a probe (RFC 8985 §7). */
function growth([first = 0, second = 0]: readonly number[]): string {
  return isDoubled(second, first)
    ? 'each wait about twice the last'
    : 'from the third on each wait about twice the last';
}

/** Written out are so many waits. */
const WAITS = 8;

/** What sends again, by what is sent. */
const DATA = 'RFC 6298 §5.5; RFC 8985 §7 (the first may be a probe); Linux tcp_retransmit_timer, tcp_retries2 = 15';
const TIMERS: Readonly<Record<Carries, string>> = {
  data: DATA,
  fin: DATA,
  'keep-alive':
    'RFC 1122 §4.2.3.6; Linux tcp_keepalive_timer: probes are an interval apart (TCP_KEEPINTVL, 75 s), not doubled',
  'window-probe': 'RFC 9293 §3.8.6.1; Linux tcp_probe_timer, whose waits double',
};

export function dataDecisions(finding: FindingOf<'unanswered-data'>): Decision[] {
  const { intervals, backoff, class: kind, carries } = finding.evidence;
  if (intervals.length === 0) return [];
  const waits = intervals.slice(0, WAITS).map(wait => wait.toFixed(3));
  const timer = backoff === true ? `: ${growth(intervals)}, a retransmission timer` : '';
  const more = intervals.length > WAITS ? ' and so on' : '';
  const decisions: Decision[] = [
    {
      text: `Sent again after ${waits.join(', ')} s${more}${timer}.`,
      source: TIMERS[carries],
      marks: [],
    },
  ];
  if (kind === 'silent') {
    decisions.push({
      text: elsewhereText(finding),
      source: 'docs/rules.md D8',
      marks: [],
    });
  }
  return decisions;
}

function elsewhereText({ evidence }: FindingOf<'unanswered-data'>): string {
  const times = evidence.heard_elsewhere;
  if (times > 0) {
    return `Between these the other end was heard ${counted(times, 'time')} on other connections: it is up, and so is the path from it.`;
  }
  return evidence.heard_after !== undefined
    ? `The other end was heard on other connections again only ${evidence.heard_after.toFixed(3)} s after the last: an outage may have been over by then.`
    : 'From the second retransmission on, nothing was heard of the other end on other connections of the two hosts either.';
}

const SCHEDULES: Readonly<Record<Schedule, string>> = {
  classic: ': each wait twice the last, from 1 s: Linux up to 6.4 and most others',
  linear: ': a second apart before the waits double: Linux 6.5 and newer (tcp_syn_linear_timeouts = 4), the BSDs',
  fast: ': at once: Linux 5.15 and newer after an ACK that does not fit, TCP_TIMEOUT_MIN = 2 jiffies',
  other: '',
};

export function synDecisions(finding: FindingOf<'unanswered-syn'>): Decision[] {
  const raised = raisedBy(finding);
  if (raised === undefined) return [];
  // An earlier SYN belongs to the attempt if it has the same sequence number: it came from another port of a NAT.
  const syns = finding.packets.filter(p => isSyn(p) && (p.ts_ns >= raised.ts_ns || p.seq === raised.seq));
  const times = syns.map(p => (Number(p.ts_ns - raised.ts_ns) / 1e9).toFixed(3)).join(', ');
  const { cause, seen, syn_acks: synAcks, syns: total, schedule } = finding.evidence;
  const shown = finding.evidence.ports === undefined ? ', the first' : ', those shown';
  if ((cause === 'path-loss' || seen === 'not-heard') && synAcks !== undefined) return heardDecisions(finding);
  const answer = finding.packets.find(p => p.flags === 'A' && p.from_client !== raised.from_client);
  const old: Decision[] =
    cause !== 'time-wait' || answer === undefined
      ? []
      : [
          {
            text:
              `The ACK in frame ${answer.frame} acknowledges ${answer.ack}, where the SYN calls for ` +
              `${(raised.seq + 1) % 2 ** 32}: it answers ${seen === 'foreign-ack' ? 'something else' : 'for the old connection'}.`,
            // Of an ACK that fits nothing captured only its receiver's rule is known: no packet shows what sent it.
            source:
              seen === 'foreign-ack'
                ? 'RFC 9293 §3.10.7.3 (an ACK that the SYN does not call for); what sent it is not known'
                : 'Linux 2.6.32 to 6.18 tcp_timewait_state_process',
            marks: [
              [answer, 'ack'],
              [raised, 'seq'],
            ],
          },
        ];
  const decided = [...old, ...silenceDecisions(finding, raised)];
  // With a single SYN there is no retransmission timer to describe.
  if (total === 1) return decided;
  return [
    ...decided,
    {
      text:
        `${counted(total, 'SYN')}${total > syns.length ? shown : ''} at ${times} s` +
        `${schedule === undefined ? '' : SCHEDULES[schedule]}.`,
      source:
        schedule === 'fast'
          ? 'Linux tcp_rcv_synsent_state_process'
          : 'RFC 6298 §2 and §5 (RTO of 1 s, doubled); Linux tcp_retransmit_timer',
      marks: [],
    },
  ];
}

/** What shows that a captured SYN-ACK did not reach the client. */
function heardDecisions({ packets, evidence }: FindingOf<'unanswered-syn'>): Decision[] {
  const decisions: Decision[] = [];
  const synAck = packets.find(p => p.flags.startsWith('SA'));
  const again = packets.find(p => isSyn(p) && synAck !== undefined && p.ts_ns >= synAck.ts_ns);
  if (again !== undefined) {
    decisions.push({
      text: `A SYN is sent again in frame ${again.frame}, though a SYN-ACK had passed here: the client's timer ran out without one.`,
      source: 'RFC 6298 §2 and §5 (RTO of 1 s, doubled); Linux tcp_retransmit_timer',
      marks: [],
    });
  }
  const ack = packets.find(p => p.from_client && p.flags.includes('A'));
  if (ack?.tsecr !== undefined && ack.tsecr !== null) {
    const which = ack.tsecr === synAck?.tsval ? `the SYN-ACK in frame ${synAck.frame}` : 'a later SYN-ACK';
    const shows =
      evidence.seen === 'no-ack'
        ? `that of the first SYN-ACK, out of ${evidence.syn_acks}: it had heard that, and what it answered then did not come here`
        : `which is that of ${which}, out of ${evidence.syn_acks}: it did not hear the first`;
    decisions.push({
      text: `The client's ACK echoes TSval ${ack.tsecr}, ${shows}.`,
      source: 'RFC 7323 §4.3 (TSecr is the TSval of the segment that is answered)',
      marks: [[ack, 'tsecr']],
    });
  }
  return decisions;
}
