/** The comparisons that decided a finding, written out with their numbers, and the rule or constant behind each. */
import { s32 } from '../../base/serial.ts';
import type { FindingRow, PacketRow } from '../../store/rows.ts';
import { thousands } from '../words.ts';
import { dataDecisions, pawsDecisions, synDecisions } from './decision-other.ts';
import { hazardDecisions, regressDecisions, revealedDecisions, signatureDecisions } from './decision-recycle.ts';
import { resetDecisions } from './decision-reset.ts';
import { sumDecisions } from './decision-sums.ts';
import { type Eras, endOf } from './eras.ts';

export type Field = 'seq' | 'ack' | 'tsval' | 'tsecr';

export interface Decision {
  /** The comparison in one sentence. */
  text: string;
  /** Source of the rule or constant. */
  source: string;
  /** The fields of packets that it compares. */
  marks: readonly (readonly [PacketRow, Field])[];
}

export const ticks = (n: number): string => `${thousands(Math.abs(n))} tick${Math.abs(n) === 1 ? '' : 's'}`;

/** The decisions of a finding; empty if no comparison decided it. */
export function decisionsOf(finding: FindingRow, eras: Eras): Decision[] {
  switch (finding.rule) {
    case 'port-reuse':
      return reuseDecisions(finding, eras);
    case 'reset-close':
      return resetDecisions(finding);
    case 'timestamp-regress':
      return regressDecisions(finding);
    case 'recycle-hazard':
      return hazardDecisions(finding);
    case 'recycle-signature':
      return signatureDecisions(finding);
    case 'revealed-setting':
      return revealedDecisions(finding);
    case 'paws-drop':
      return pawsDecisions(finding);
    case 'unanswered-syn':
      return synDecisions(finding);
    case 'unanswered-data':
      return dataDecisions(finding);
    default:
      return sumDecisions(finding);
  }
}

const TW_RULE = 'Linux 2.6.32 to 6.18 tcp_timewait_state_process';

function reuseDecisions(finding: FindingRow, eras: Eras): Decision[] {
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
  const rst = packets.find(p => p.flags === 'R' && p.seq === oldAck?.ack);
  if (oldAck !== undefined && rst !== undefined) found.push(resetOf(oldAck, rst, evidence.class));
  return found;
}

/** The effect of the RST with which the client answers the old connection's ACK. */
function resetOf(oldAck: PacketRow, rst: PacketRow, kind: unknown): Decision {
  const { holder, source } = HOLDERS[String(kind)] ?? TIME_WAIT;
  return {
    text:
      `The RST stands at ${rst.seq}, exactly what the old ACK acknowledges, which is what ${holder} expects next: it ` +
      `should end ${holder}${holder === TIME_WAIT.holder ? ', unless tcp_rfc1337=1' : ''}.`,
    source: `RFC 9293 §3.10.7.3 (why it is sent), ${source}`,
    marks: [
      [oldAck, 'ack'],
      [rst, 'seq'],
    ],
  };
}

/** What answered the SYN, for the classes of port-reuse in which that is not a TIME_WAIT, or need not be one. */
const CONNECTION = { holder: 'the old connection', source: 'RFC 5961 §3; Linux tcp_validate_incoming' };
const HOLDERS: Readonly<Record<string, typeof CONNECTION>> = {
  open: CONNECTION,
  'half-closed': CONNECTION,
  'unknown-close': CONNECTION,
  'after-rst': CONNECTION,
  'syn-sent': { holder: 'the older attempt', source: 'RFC 9293 §3.10.7.4; Linux tcp_check_req' },
};
const TIME_WAIT = { holder: 'the TIME_WAIT', source: 'RFC 1337; Linux tcp_timewait_state_process' };

/** Outcomes without an answer that could be compared with the verdict. */
const UNSEEN: ReadonlySet<unknown> = new Set(['unobservable', 'pending', undefined]);
const MISMATCH = ' The outcome does not match: the TIME_WAIT was gone, the answer was lost, or another host answered.';

const NO_LISTENER =
  ' Yet the TIME_WAIT answered with its ACK: no socket listened at that moment, most likely, as only one that does takes such a SYN.';

function mismatchOf(verdict: unknown, outcome: unknown): string {
  const isOldAck = /^challenge-ack(?!:foreign)/.test(String(outcome));
  return isOldAck && String(verdict).startsWith('ACCEPT') ? NO_LISTENER : MISMATCH;
}

function verdictOf(
  { verdict, outcome }: FindingRow['evidence'],
  syn: PacketRow,
  lastOfSender: PacketRow | undefined,
  lastOfReceiver: PacketRow | undefined,
  oldAck: PacketRow | undefined,
): Decision[] {
  // The answer may be that of another host: of a firewall, or of a server that keeps no TIME_WAIT.
  const isAsSeen = String(outcome).startsWith(String(verdict).startsWith('ACCEPT') ? 'accepted' : 'challenge-ack');
  /** What happened where it was seen, else what would have happened. */
  const verb = (seen: string, otherwise: string): string => (isAsSeen ? seen : otherwise);
  const mismatch = isAsSeen || UNSEEN.has(outcome) ? '' : mismatchOf(verdict, outcome);
  if (verdict === 'ACK_PAWS' || verdict === 'ACCEPT_TS') {
    const [holder, field] = oldAck?.tsecr != null ? ([oldAck, 'tsecr'] as const) : ([lastOfSender, 'tsval'] as const);
    const recent = holder?.[field];
    if (holder === undefined || recent == null || syn.tsval === null) return [];
    const behind = s32(recent, syn.tsval);
    return [
      {
        text:
          verdict === 'ACK_PAWS'
            ? `TSval ${syn.tsval} is ${ticks(behind)} below ${recent}, the last one of the old connection (ts_recent): ` +
              `PAWS ${verb('rejects', 'would reject')} the SYN, whatever its sequence number.${mismatch}`
            : `TSval ${syn.tsval} is ${ticks(behind)} above ${recent}, the last one of the old connection (ts_recent): ` +
              `the SYN ${verb('is', 'would be')} taken, whatever its sequence number.${mismatch}`,
        source:
          verdict === 'ACK_PAWS'
            ? `${TW_RULE}: ts_recent - TSval > 0 (TCP_PAWS_WINDOW: 1 in open connections, 0 in TIME_WAIT)`
            : `${TW_RULE}, as RFC 6191 §2: TSval - ts_recent > 0`,
        marks: [
          [holder, field],
          [syn, 'tsval'],
        ],
      },
    ];
  }
  if (verdict === 'ACK_SEQ' || verdict === 'ACCEPT_SEQ') {
    const expected = oldAck?.ack ?? lastOfReceiver?.ack;
    const holder = oldAck ?? lastOfReceiver;
    if (expected === undefined || holder === undefined) return [];
    const ahead = s32(syn.seq, expected);
    const distance = `${thousands(Math.abs(ahead))} ${ahead > 0 ? 'above' : 'below'}`;
    return [
      {
        text:
          `Sequence number ${syn.seq} is ${ahead === 0 ? 'equal to' : distance} ${expected}, what TIME_WAIT expects next ` +
          `(rcv_nxt): ${
            verdict === 'ACCEPT_SEQ'
              ? `the SYN ${verb('is', 'would be')} taken.`
              : `with no newer TSval to speak for it, the SYN ${verb('is', 'would be')} not taken.`
          }${mismatch}`,
        source: `${TW_RULE}, as RFC 1122 §4.2.2.13: after(seq, rcv_nxt)`,
        marks: [
          [holder, 'ack'],
          [syn, 'seq'],
        ],
      },
    ];
  }
  const socket = SOCKETS[String(verdict)];
  if (socket === undefined) return [];
  const { seen, otherwise, source } = socket;
  const isSeen = String(outcome).startsWith(verdict === 'CHALLENGE_ACK' ? 'challenge-ack' : 'refused');
  const text = isSeen ? seen : otherwise + (UNSEEN.has(outcome) ? '' : NO_SOCKET);
  return [{ text, source, marks: oldAck === undefined ? [] : [[oldAck, 'ack']] }];
}

const NO_SOCKET = ' The outcome does not match: the socket was gone, or the capture lacks the close.';

/** What the old connection answers if it has not reached TIME_WAIT. */
const SOCKETS: Readonly<Record<string, { seen: string; otherwise: string; source: string }>> = {
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
};

/** How long Linux holds a TIME_WAIT, in seconds, without and with the slack of its timer wheel (docs/rules.md B2). */
const TIME_WAIT_S = 60;
const LATEST_S = 65.12;

function overdue({ class: kind, age, passed }: FindingRow['evidence'], oldAck: PacketRow | undefined): Decision[] {
  if (kind !== 'after-time-wait' || typeof age !== 'number' || oldAck === undefined || age < LATEST_S) return [];
  if (typeof passed === 'number') {
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
        `The old connection answers ${age.toFixed(3)} s after its TIME_WAIT began, where Linux holds it for ${TIME_WAIT_S} ` +
        `to ${LATEST_S} s: this host keeps it longer, or something restarted its timer.`,
      source: 'TCP_TIMEWAIT_LEN = 60 s (Linux include/net/tcp.h); kernel/time/timer.c',
      marks: [[oldAck, 'ack']],
    },
  ];
}

/** A connection that takes a TIME_WAIT over shows it: its ISN is the old snd_nxt + 65537. */
const TW_ISN = 65_537;

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
    const next = [last, peer?.ack, withFin].find(number => number !== undefined && s32(packet.seq, number) === TW_ISN);
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
