/** What decided findings about TSvals that are too old: for the per-host check of tcp_tw_recycle, or for PAWS. */
import { s32 } from '../../base/serial.ts';
import { duration, SECOND } from '../../base/time.ts';
import type { RecycleVerdict, RecycleVerdicts } from '../../detect/recycle/recycle.ts';
import type { RememberedEvidence } from '../../detect/recycle/remembered-tsval.ts';
import { isTooOld } from '../../flow/paws-window.ts';
import type { FindingOf, PacketRow } from '../../store/rows.ts';
import { type Decision, ticks } from './decision.ts';
import { PER_HOST, replayDecision } from './decision-sums.ts';
import { isSyn, raisedBy } from './eras.ts';

/** A finding that may say what a server with tcp_tw_recycle would have remembered. */
interface Compared {
  packets: readonly PacketRow[];
  evidence: RememberedEvidence & { recycle?: RecycleVerdicts };
}

type RecycleEvidence = FindingOf<'timestamp-regress' | 'recycle-hazard'>['evidence'];
type Proof = Pick<RecycleEvidence, 'several_servers' | 'syn_proxy'>;

const CONSTANTS = 'TCP_PAWS_WINDOW = 1 tick, TCP_PAWS_MSL = 60 s (Linux include/net/tcp.h)';
/** Times that differ by less are the same: those in the evidence are rounded. */
const SAME_TIME = 1e-6;

/** Keys of the evidence `recycle`, and the kernels that each stands for. */
const KERNELS: Readonly<Record<keyof RecycleVerdicts, string>> = {
  '2.6.32': 'Linux 2.6.32',
  '3.17': 'Linux 3.17 to 4.11',
};

const OUTCOMES: Readonly<Record<RecycleVerdict, string>> = {
  drop: 'would drop this SYN',
  phase: 'might still drop this SYN: the kernel counts whole seconds, and 59 to 60 have passed',
  pass: 'would let this SYN pass',
  'tw-bucket':
    'does not apply while the TIME_WAIT of its own tuple lives (3.5 RTO with tcp_tw_recycle), which decides first',
};

export function regressDecisions(finding: FindingOf<'timestamp-regress'>): Decision[] {
  const { packets, evidence } = finding;
  const syn = raisedBy(finding);
  const { delta, gap, previous_tsval: previous } = evidence;
  if (syn === undefined) return [];
  const compared = comparison(finding, syn);
  // The remembered TSval is mostly the newest one, too: then one comparison says both.
  if (previous === evidence.remembered_tsval) return [...compared, ...perHost(evidence)];
  const newest = packets.find(p => p.tsval === previous && p !== syn);
  return [
    {
      text:
        `TSval ${syn.tsval} is ${ticks(delta)} ${below(previous, syn.tsval, String(previous))}, which the same address ` +
        `sent ${duration(gap * SECOND)} earlier: more than 1 tick within 60 s.`,
      source: CONSTANTS,
      marks: [...(newest === undefined ? [] : [[newest, 'tsval'] as const]), [syn, 'tsval']],
    },
    ...compared,
    ...perHost(evidence),
  ];
}

export function hazardDecisions(finding: FindingOf<'recycle-hazard'>): Decision[] {
  const syn = raisedBy(finding);
  return syn === undefined ? [] : [...comparison(finding, syn), ...perHost(finding.evidence)];
}

export function signatureDecisions(finding: FindingOf<'recycle-signature'>): Decision[] {
  const syn = raisedBy(finding);
  return [...(syn === undefined ? [] : comparison(finding, syn)), replayDecision(finding.evidence)];
}

/** For a SYN that the server dropped by the check, as its other SYNs show. */
export const silenceDecisions = (finding: FindingOf<'unanswered-syn'>, syn: PacketRow): Decision[] =>
  finding.evidence.remembered_tsval === undefined ? [] : comparison(finding, syn);

/** For what answers at the server's address, if it accepted a SYN that the check drops. */
export function revealedDecisions(finding: FindingOf<'revealed-setting'>): Decision[] {
  const syn = finding.packets.findLast(isSyn);
  if (finding.evidence.setting !== 'tcp_tw_recycle' || syn === undefined) return [];
  const synAck = finding.packets.at(-1);
  return [
    ...comparison(finding, syn),
    {
      text:
        `The check drops this SYN in silence, and it was accepted at once, in frame ${synAck?.frame}: ` +
        `${whoAnswered(finding.evidence)} does not apply the check${unless(finding.evidence)}.`,
      source: PER_HOST,
      marks: [],
    },
  ];
}

/**
 * What else could explain the acceptance: each host remembers for itself, and several servers may answer at the
 * address.
 */
const unless = ({ several_servers: several }: Proof): string =>
  several === true ? ', or several servers share that address, and each remembers only its own connections' : '';

const whoAnswered = ({ syn_proxy: proxy }: Proof): string =>
  `what answered at the server's address${proxy === true ? ', perhaps a SYN proxy,' : ''}`;

/** The comparison that the check makes: the TSval that the server remembers for the address, and that of the SYN. */
function comparison({ packets, evidence }: Compared, syn: PacketRow): Decision[] {
  const { remembered_tsval: held, remembered_age: age } = evidence;
  if (held === undefined || age === undefined) return nothingRemembered(evidence);
  const setter = packets.find(
    p => p.tsval === held && Math.abs(Number(syn.ts_ns - p.ts_ns) / SECOND - age) < SAME_TIME && p !== syn,
  );
  const where =
    setter === undefined
      ? `from a connection that it closed first, ${duration(age * SECOND)} before the SYN (that packet is not kept)`
      : `which the ${setter.flags.includes('F') ? 'FIN' : 'segment'} in frame ${setter.frame} brought ` +
        `${duration(age * SECOND)} before the SYN, on a connection that it closed first`;
  const marks: (readonly [PacketRow, 'tsval'])[] = setter === undefined ? [] : [[setter, 'tsval']];
  if (syn.tsval !== null) marks.push([syn, 'tsval']);
  return [
    {
      text: `With tcp_tw_recycle=1 the server remembers TSval ${held} of this address, ${where}. ${comparedWith(held, syn)}`,
      source: syn.tsval === null ? `${CONSTANTS}; Linux commit a26552afe894 (drop without timestamps)` : CONSTANTS,
      marks,
    },
  ];
}

function comparedWith(held: number, { tsval }: PacketRow): string {
  if (tsval === null) {
    return 'The SYN carries no timestamp to hold against it, which Linux from 3.17 on takes for older, within 60 s.';
  }
  const behind = s32(held, tsval);
  const distance = `TSval ${tsval} of the SYN is ${behind === 0 ? 'equal to it' : `${ticks(behind)} ${behind > 0 ? below(held, tsval, 'it') : 'above it'}`}`;
  return isTooOld(tsval, held)
    ? `${distance}: more than 1 tick, within 60 s.`
    : `${distance}: what is at most 1 tick below passes.`;
}

/** How to say that a TSval is older than `newest`; when the clock has wrapped, the older one is the larger number. */
const below = (newest: unknown, tsval: number | null, name: string): string =>
  tsval !== null && tsval > Number(newest) ? `behind ${name} (across the wrap at 2^32)` : `below ${name}`;

/** Why the check lets the SYN pass, if it does. */
function nothingRemembered({ recycle }: Compared['evidence']): Decision[] {
  if (recycle?.['3.17'] !== 'pass') return [];
  return [
    {
      text:
        'As far as this capture shows, the server closed no connection of this address first within the 60 s before: ' +
        'it remembers no TSval to hold against the SYN.',
      source: 'TCP_PAWS_MSL = 60 s; Linux tcp_time_wait, which the end that closes first comes to',
      marks: [],
    },
  ];
}

function perHost(evidence: RecycleEvidence): Decision[] {
  const { recycle, recycle_syns: syns, disproved } = evidence;
  const kernels = Object.keys(KERNELS) as (keyof RecycleVerdicts)[];
  const alike = recycle['2.6.32'] === recycle['3.17'];
  const text = alike
    ? `The per-host check ${OUTCOMES[recycle['3.17']]}`
    : `By the per-host check ${kernels.map(kernel => `${KERNELS[kernel]} ${OUTCOMES[recycle[kernel]]}`).join(', and ')}`;
  const dropping = kernels.filter(kernel => recycle[kernel] === 'drop').map(kernel => KERNELS[kernel]);
  const each = syns === undefined ? '' : ` Each SYN of the attempt is tested anew: ${syns.join(', ')}.`;
  const who = `${whoAnswered(evidence)} ${
    alike || dropping.length === 0 ? 'does not apply the check' : `is not ${dropping.join(' or ')} with it`
  }`;
  const seen = disproved
    ? ` ${syns === undefined ? 'It' : 'One that it drops'} was accepted: ${who}${unless(evidence)}.`
    : '';
  return [{ text: `${text}.${each}${seen}`, source: PER_HOST, marks: [] }];
}

export function pawsDecisions(finding: FindingOf<'paws-drop'>): Decision[] {
  const raised = raisedBy(finding);
  const { delta, ts_recent: held } = finding.evidence;
  if (raised === undefined) return [];
  const echo = finding.packets.find(p => p.from_client !== raised.from_client && p.tsecr === held);
  return [
    {
      text:
        `TSval ${raised.tsval} is ${ticks(delta)} below ${held}, which its receiver holds (it echoes it as TSecr): more than ` +
        '1 tick, so it is too old for PAWS.',
      source: 'RFC 7323 §5.3; Linux tcp_validate_incoming: ts_recent - TSval > TCP_PAWS_WINDOW = 1',
      marks:
        echo === undefined
          ? [[raised, 'tsval']]
          : [
              [echo, 'tsecr'],
              [raised, 'tsval'],
            ],
    },
  ];
}
