/** What decided findings of port-reuse: what the old connection was expected to answer, and the numbers that show it. */
import { s32 } from '../../base/serial.ts';
import { SECOND } from '../../base/time.ts';
import { type FirstAnswer, firstAnswer, isUnseen } from '../../detect/reuse/outcome.ts';
import { LONGEST_TIME_WAIT } from '../../detect/reuse/reuse-answer.ts';
import { followsTimeWait, TIME_WAIT } from '../../flow/time-wait.ts';
import type { FindingOf, PacketRow } from '../../store/rows.ts';
import { thousands } from '../words.ts';
import { type Decision, ticks } from './decision.ts';
import { answersAck, type Eras, endOf } from './eras.ts';

const TW_RULE = 'Linux 2.6.32 to 6.18 tcp_timewait_state_process';

type Evidence = FindingOf<'port-reuse'>['evidence'];

export function reuseDecisions(finding: FindingOf<'port-reuse'>, eras: Eras): Decision[] {
  const { syn, oldAck } = eras;
  if (syn === undefined) return [];
  const { packets, evidence } = finding;
  const old = packets.slice(0, packets.indexOf(syn));
  const lastOf = (from: 0 | 1): PacketRow | undefined => old.findLast(p => p.from_client === from);
  // Of the old connection, by the two ends of the new SYN.
  const lastOfSender = lastOf(syn.from_client);
  const lastOfReceiver = lastOf(syn.from_client === 1 ? 0 : 1);
  const found = [
    ...verdictOf(evidence, syn, lastOfSender, lastOfReceiver, oldAck),
    ...overdue(evidence, oldAck),
    ...continued(packets, syn, lastOfSender, lastOfReceiver),
  ];
  const rst = packets.find(p => answersAck(p, oldAck));
  if (oldAck !== undefined && rst !== undefined) found.push(resetOf(oldAck, rst, evidence.class));
  return found;
}

/** The effect of the RST with which the client answers the old connection's ACK. */
function resetOf(oldAck: PacketRow, rst: PacketRow, kind: Evidence['class']): Decision {
  const { holder, source } = HOLDERS[kind] ?? BUCKET;
  return {
    text:
      `The RST stands at ${rst.seq}, exactly what the old ACK acknowledges, which is what ${holder} expects next: it ` +
      `should end ${holder}${holder === BUCKET.holder ? ', unless tcp_rfc1337=1' : ''}.`,
    source: `RFC 9293 §3.10.7.3 (why it is sent), ${source}`,
    marks: [
      [oldAck, 'ack'],
      [rst, 'seq'],
    ],
  };
}

const BUCKET = { holder: 'the TIME_WAIT', source: 'RFC 1337; Linux tcp_timewait_state_process' };
const CONNECTION = { holder: 'the old connection', source: 'RFC 5961 §3; Linux tcp_validate_incoming' };
/** What answered the SYN, for the classes of port-reuse in which that is not a TIME_WAIT, or need not be one. */
const HOLDERS: Readonly<Partial<Record<Evidence['class'], typeof CONNECTION>>> = {
  open: CONNECTION,
  'half-closed': CONNECTION,
  'unknown-close': CONNECTION,
  'after-rst': CONNECTION,
  'syn-sent': { holder: 'the older attempt', source: 'RFC 9293 §3.10.7.4; Linux tcp_check_req' },
};

/** What the old connection's TIME_WAIT does with the SYN, or its socket, if it has not reached TIME_WAIT. */
function verdictOf(
  { verdict, outcome }: Evidence,
  syn: PacketRow,
  lastOfSender: PacketRow | undefined,
  lastOfReceiver: PacketRow | undefined,
  oldAck: PacketRow | undefined,
): Decision[] {
  switch (verdict) {
    case 'ACK_PAWS':
    case 'ACCEPT_TS':
      return oldAck?.tsecr != null
        ? byTimestamp(verdict, outcome, syn, oldAck, 'tsecr')
        : byTimestamp(verdict, outcome, syn, lastOfSender, 'tsval');
    case 'ACK_SEQ':
    case 'ACCEPT_SEQ':
      return bySequence(verdict, outcome, syn, oldAck ?? lastOfReceiver);
    case 'CHALLENGE_ACK':
    case 'FINWAIT2_RST':
      return bySocket(verdict, outcome, oldAck);
    default:
      return [];
  }
}

/** `holder`: a packet that shows ts_recent, in `field`. */
function byTimestamp(
  verdict: 'ACK_PAWS' | 'ACCEPT_TS',
  outcome: string,
  syn: PacketRow,
  holder: PacketRow | undefined,
  field: 'tsecr' | 'tsval',
): Decision[] {
  const recent = holder?.[field];
  if (holder === undefined || recent == null || syn.tsval === null) return [];
  const distance = ticks(s32(recent, syn.tsval));
  const last = `${recent}, the last one of the old connection (ts_recent)`;
  const isSeen = isAsForetold(verdict, outcome);
  const marks: Decision['marks'] = [
    [holder, field],
    [syn, 'tsval'],
  ];
  const [is, source] =
    verdict === 'ACK_PAWS'
      ? [
          `below ${last}: PAWS ${isSeen ? 'rejects' : 'would reject'} the SYN`,
          `${TW_RULE}: ts_recent - TSval > 0 (TCP_PAWS_WINDOW: 1 in open connections, 0 in TIME_WAIT)`,
        ]
      : [
          `above ${last}: the SYN ${isSeen ? 'is' : 'would be'} taken`,
          `${TW_RULE}, as RFC 6191 §2: TSval - ts_recent > 0`,
        ];
  const text = `TSval ${syn.tsval} is ${distance} ${is}, whatever its sequence number.${mismatchOf(verdict, outcome)}`;
  return [{ text, source, marks }];
}

/** `holder`: a packet that acknowledges rcv_nxt. */
function bySequence(
  verdict: 'ACK_SEQ' | 'ACCEPT_SEQ',
  outcome: string,
  syn: PacketRow,
  holder: PacketRow | undefined,
): Decision[] {
  if (holder === undefined) return [];
  const ahead = s32(syn.seq, holder.ack);
  const distance = `${thousands(Math.abs(ahead))} ${ahead > 0 ? 'above' : 'below'}`;
  const fate = isAsForetold(verdict, outcome) ? 'is' : 'would be';
  return [
    {
      text:
        `Sequence number ${syn.seq} is ${ahead === 0 ? 'equal to' : distance} ${holder.ack}, what TIME_WAIT expects next ` +
        `(rcv_nxt): ${
          verdict === 'ACCEPT_SEQ'
            ? `the SYN ${fate} taken.`
            : `with no newer TSval to speak for it, the SYN ${fate} not taken.`
        }${mismatchOf(verdict, outcome)}`,
      source: `${TW_RULE}, as RFC 1122 §4.2.2.13: after(seq, rcv_nxt)`,
      marks: [
        [holder, 'ack'],
        [syn, 'seq'],
      ],
    },
  ];
}

function bySocket(verdict: keyof typeof SOCKETS, outcome: string, oldAck: PacketRow | undefined): Decision[] {
  const { seen, otherwise, source } = SOCKETS[verdict];
  const isSeen = isAsForetold(verdict, outcome);
  const text = isSeen ? seen : otherwise + (isUnseen(outcome) ? '' : NO_SOCKET);
  return [{ text, source, marks: oldAck === undefined ? [] : [[oldAck, 'ack']] }];
}

/** Else the answer may be that of another host: of a firewall, or of a server that keeps no TIME_WAIT. */
const isAsForetold = (verdict: keyof typeof ANSWERS, outcome: string): boolean =>
  firstAnswer(outcome) === ANSWERS[verdict];

const ANSWERS: Readonly<Record<NonNullable<Evidence['verdict']>, FirstAnswer>> = {
  ACCEPT_SEQ: 'accepted',
  ACCEPT_TS: 'accepted',
  ACK_PAWS: 'old-ack',
  ACK_SEQ: 'old-ack',
  CHALLENGE_ACK: 'old-ack',
  FINWAIT2_RST: 'refused',
};

const MISMATCH = ' The outcome does not match: the TIME_WAIT was gone, the answer was lost, or another host answered.';
const NO_LISTENER =
  ' Yet the TIME_WAIT answered with its ACK: no socket listened at that moment, most likely, as only one that does takes such a SYN.';
const NO_SOCKET = ' The outcome does not match: the socket was gone, or the capture lacks the close.';

function mismatchOf(verdict: keyof typeof ANSWERS, outcome: string): string {
  if (isAsForetold(verdict, outcome) || isUnseen(outcome)) return '';
  return firstAnswer(outcome) === 'old-ack' && ANSWERS[verdict] === 'accepted' ? NO_LISTENER : MISMATCH;
}

/** What the old connection answers if it has not reached TIME_WAIT. */
const SOCKETS = {
  CHALLENGE_ACK: {
    seen: 'The old connection still has a socket: it answers a SYN with an ACK of its own numbers, whatever the SYN carries.',
    otherwise:
      'As far as the capture shows the old connection still has a socket, which would answer a SYN with an ACK of its own ' +
      'numbers, whatever the SYN carries.',
    source: 'RFC 5961 §4; Linux 3.13 to 6.18 tcp_validate_incoming',
  },
  FINWAIT2_RST: {
    seen: 'The old connection is left in FIN_WAIT2 without a process: a SYN inside its window is answered by RST and ends it.',
    otherwise:
      'As far as the capture shows the old connection is left in FIN_WAIT2: without a process, it would answer a SYN inside ' +
      'its window by RST.',
    source: 'Linux tcp_timewait_state_process, FIN_WAIT2 (measured on 6.18)',
  },
} as const;

/** How long Linux holds a TIME_WAIT at most, in seconds. */
const LATEST_S = LONGEST_TIME_WAIT / SECOND;

function overdue({ class: kind, age, passed }: Evidence, oldAck: PacketRow | undefined): Decision[] {
  if (kind !== 'after-time-wait' || oldAck === undefined || age < LATEST_S) return [];
  if (passed !== undefined) {
    return [
      {
        text:
          `The old connection answers ${age.toFixed(3)} s after its TIME_WAIT began by the clock of the capture, but at most ` +
          `${passed.toFixed(3)} s by the TSvals of its host: that clock was set forward meanwhile, or the host slept.`,
        source: 'RFC 7323 §5.4 (a timestamp clock runs evenly)',
        marks: [[oldAck, 'tsval']],
      },
    ];
  }
  return [
    {
      text:
        `The old connection answers ${age.toFixed(3)} s after its TIME_WAIT began, where Linux holds it for ${TIME_WAIT / SECOND} ` +
        `to ${LATEST_S} s: this host keeps it longer, or something restarted its timer.`,
      source: 'TCP_TIMEWAIT_LEN = 60 s (Linux include/net/tcp.h); kernel/time/timer.c',
      marks: [[oldAck, 'ack']],
    },
  ];
}

/** A connection that takes a TIME_WAIT over shows it by its ISN. */
function continued(
  packets: readonly PacketRow[],
  syn: PacketRow,
  lastOfSender: PacketRow | undefined,
  lastOfReceiver: PacketRow | undefined,
): Decision[] {
  const synAck = packets.find(p => p.flags.startsWith('SA') && p.ack === endOf(syn));
  const proofs = [
    [synAck, lastOfReceiver, lastOfSender, 'SYN-ACK', 'tcp_timewait_state_process'],
    [syn, lastOfSender, lastOfReceiver, 'SYN', 'tcp_twsk_unique'],
  ] as const;
  return proofs.flatMap(([packet, own, peer, name, kernel]): Decision[] => {
    if (packet === undefined) return [];
    const last = own && endOf(own);
    // If the capture lacks the FIN, the next number is one higher (flow/time-wait.ts).
    const withFin = last === undefined || own?.flags.includes('F') ? undefined : (last + 1) >>> 0;
    const next = [last, peer?.ack, withFin].find(number => number !== undefined && followsTimeWait(packet.seq, number));
    if (next === undefined) return [];
    const counted = next === last || next === peer?.ack ? '' : ', its FIN counted that the capture lacks,';
    return [
      {
        text:
          `The ${name} begins at ${packet.seq} = ${next} + 65537: the old connection's next number${counted} plus 65535 + 2. ` +
          'Linux does this, and only when it takes a TIME_WAIT over.',
        source: `Linux ${kernel}: tw_snd_nxt + 65535 + 2`,
        marks: [[packet, 'seq']],
      },
    ];
  });
}
