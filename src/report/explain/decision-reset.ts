/**
 * Position of an RST's sequence number relative to what its receiver expects: RFC 5961 §3, Linux tcp_validate_incoming.
 */
import { s32 } from '../../base/serial.ts';
import { knownTimers, UNASKED } from '../../detect/resets/known-timers.ts';
import type { ResetClass } from '../../flow/resets.ts';
import type { FindingOf, PacketRow } from '../../store/rows.ts';
import { thousands } from '../words.ts';
import type { Decision } from './decision.ts';
import { answersAck, endOf, isSyn, raisedBy } from './eras.ts';

type Evidence = FindingOf<'reset-close'>['evidence'];

export function resetDecisions(finding: FindingOf<'reset-close'>): Decision[] {
  const rst = raisedBy(finding);
  if (rst === undefined) return [];
  const { packets, evidence } = finding;
  const other = packets.slice(0, packets.indexOf(rst)).findLast(p => p.from_client !== rst.from_client);
  return [...position(evidence, rst, other), ...timer(evidence)];
}

function position(evidence: Evidence, rst: PacketRow, other: PacketRow | undefined): Decision[] {
  const kind = evidence.class;
  if (other === undefined) return [];
  if (kind === 'refused' && isSyn(other) && rst.ack === endOf(other)) {
    return [
      {
        text: `The RST acknowledges ${rst.ack} = ${other.seq} + ${s32(rst.ack, other.seq)}: exactly this SYN, so it is its answer.`,
        source: 'RFC 9293 §3.10.7.1',
        marks: [
          [other, 'seq'],
          [rst, 'ack'],
        ],
      },
    ];
  }
  if (!other.flags.includes('A')) return [];
  const marks: Decision['marks'] = [
    [other, 'ack'],
    [rst, 'seq'],
  ];
  if (kind === 'answer-to-old-ack' && answersAck(rst, other)) {
    const text = `The RST stands at ${rst.seq}, the number that the unfitting ${evidence.unfitting === 'syn-ack' ? 'SYN-ACK' : 'ACK'} acknowledges: its sender takes it for valid.`;
    return [{ text, source: 'RFC 9293 §3.10.7.3; Linux tcp_rcv_synsent_state_process', marks }];
  }
  if (kind === 'unsolicited-synack' && answersAck(rst, other)) {
    const text = `The RST stands at ${rst.seq}, the number that the SYN-ACK acknowledges: its sender takes it for valid.`;
    return [{ text, source: 'RFC 9293 §3.10.7.1 and §3.10.7.3', marks }];
  }
  const ahead = s32(rst.seq, other.ack);
  const isBeyondCapture = ahead > 0 && evidence.unseen === evidence.from;
  const text =
    `The RST stands at ${rst.seq}, ${whereabouts(ahead, other.ack)} ` +
    (isBeyondCapture
      ? 'what the other end acknowledged last in this capture, which lacks what was sent since.'
      : `what the other end expects next${consequence(evidence, ahead)}`);
  const source = TIME_WAIT_CLASSES.has(kind)
    ? 'RFC 1337; Linux tcp_timewait_state_process: RST at seq == rcv_nxt'
    : 'RFC 5961 §3; Linux tcp_validate_incoming: RST at seq == rcv_nxt';
  return [{ text, source, marks }];
}

const TIME_WAIT_CLASSES: ReadonlySet<ResetClass> = new Set(['tw-assassination', 'tw-ignored']);

const whereabouts = (ahead: number, expected: number): string =>
  ahead === 0 ? 'exactly' : `${thousands(Math.abs(ahead))} ${ahead > 0 ? 'above' : 'below'} ${expected},`;

function consequence({ class: kind, effective }: Evidence, ahead: number): string {
  if (kind === 'tw-assassination') {
    if (effective === false) return ': it should have ended the TIME_WAIT.';
    return `: it ${effective === true ? 'ends the TIME_WAIT there' : 'should end the TIME_WAIT there, unless tcp_rfc1337=1'}.`;
  }
  if (kind === 'challenged') return ': inside the window but not on the number, a challenge ACK is due.';
  if (kind === 'tw-ignored' && ahead === 0)
    return ', but with an older TSval: PAWS rejects it, and it should have no effect.';
  if (kind === 'repeat' && effective !== true) return ', but the connection had been reset before.';
  if (kind === 'after-close') return ', but the connection was closed: it changes nothing.';
  // By its last packet here the other end expects less than its next one may.
  if (effective === undefined)
    return ' by its last packet here; but more had passed towards it: the RST counts only if that was lost.';
  if (!effective)
    return ahead === 0
      ? ' by its last packet here; but more arrived before the RST, which has no effect.'
      : ': it should have no effect.';
  if (ahead === 0) return ': it takes effect at once, if it arrives.';
  if (ahead > 0) return ': its sender had sent just that much before, so it takes effect when that has arrived.';
  return ahead === -1 ? ': at the FIN of its sender, which counts as well.' : '.';
}

/** The known idle timer that fits the silence, for RSTs of which idle-timer would take one for the reason, too. */
function timer(evidence: Evidence): Decision[] {
  const { class: kind, idle, passed, from } = evidence;
  if (idle !== undefined && passed !== undefined) {
    return [
      {
        text:
          `${idle.toFixed(3)} s of silence by the clock of the capture, but at most ${passed.toFixed(3)} s by TSvals: that clock ` +
          'was set forward meanwhile, or the host slept.',
        source: 'docs/rules.md D0.8',
        marks: [],
      },
    ];
  }
  if (!UNASKED.has(kind) || idle === undefined || waitedInVain(evidence)) return [];
  const { names } = knownTimers(idle, from);
  if (names.length === 0) return [];
  return [
    {
      text: `It followed ${idle.toFixed(3)} s of silence, within 2 % of the idle timer of ${names.join(', ')}.`,
      source: 'documents of vendors (docs/rules.md B9), a hint and no proof',
      marks: [],
    },
  ];
}

/** Its sender was not idle, or it waited for what never came: then that is the timer. */
const waitedInVain = ({ unanswered, answers_lost, unacked_bytes, probed, no_data }: Evidence): boolean =>
  unanswered === true || answers_lost === true || unacked_bytes !== undefined || probed === true || no_data === true;
