/**
 * A server answers those SYNs of an address that tcp_tw_recycle lets pass, and does not answer those that it drops
 * (docs/rules.md D1.5). This is a verdict on the whole run, for each client address and server.
 */
import { duration, type Nanos, seconds } from '../base/time.ts';
import { SCOPE_IPV6 } from '../capture/slab.ts';
import { inWords } from './attempts/syn-marks.ts';
import type { Detector, Draft, Note } from './detector.ts';
import type { Trial } from './recycle/recycle-trial.ts';
import { answeredSyn } from './recycle/recycle-tried.ts';
import type { RememberedEvidence } from './recycle/remembered-tsval.ts';
import type { ServerClocks } from './recycle/server-clocks.ts';

export const recycleSignature: Detector<'recycle-signature'> = {
  meta: {
    id: 'recycle-signature',
    title: 'SYNs are dropped as tcp_tw_recycle does',
    why:
      'A server with tcp_tw_recycle=1 (Linux up to 4.11) remembers one TSval for each client address and drops SYNs ' +
      'with an older one in silence. Behind a NAT that locks out every host whose clock is behind, for up to a minute ' +
      'after each connection of the others.',
    fix: 'On the server, where it is 1: `sysctl -w net.ipv4.tcp_tw_recycle=0`, for good in /etc/sysctl.d; Linux 4.12 removed it.',
    doNot:
      'Do not change the server before it has shown the setting: unless one and the same clock was kept out and let in, ' +
      'whatever else tells two hosts apart looks the same. Do not set tcp_timestamps to 0 on the clients: from Linux 3.17 on ' +
      'the rule drops SYNs without timestamps as well.',
    references: [
      'Linux 2.6.32 tcp_v4_conn_request; 3.13 to 4.11 tcp_peer_is_proven',
      'Linux commit 4396e46187ca (tcp_tw_recycle removed in 4.12)',
    ],
  },
  create: (report, { trials }) => ({
    finish(_tracker, now) {
      for (const [, trial] of trials) if (trial.holds(now)) report(verdict(trial.asOf(now)));
    },
    glance(_tracker, now) {
      for (const trial of trials.news) if (trial.held) report(verdict(trial.asOf(now)));
    },
  }),
};

export type RecycleSignatureEvidence = {
  /** Attempts that the rule drops, and attempts that it lets pass, without an answer and with one. */
  bad_unanswered: number;
  bad_answered: number;
  good_answered: number;
  good_unanswered: number;
  syns: number;
  /** SYNs whose fate the rule predicted. */
  foretold: number;
  /** One clock, or one no further ahead, met both fates: then no difference between two hosts explains them. */
  both_fates: boolean;
  /** In what that devices filter by the dropped SYNs differ from the answered ones as cleanly as in their clock. */
  differs?: readonly string[];
  /** In what else they do, as nearly every two hosts do. */
  hosts_differ?: readonly string[];
  /** Kernels whose rule fits. */
  kernels: string;
  /** Number of clocks that the SYN-ACKs came from, and of connections that show them, if there is more than one clock. */
  server_clocks?: number;
  server_connections?: number;
  /** Seconds that the sender of the last dropped SYN stays locked out. */
  unblock_in: number;
} & RememberedEvidence;

function verdict(trial: Trial): Draft {
  const { badUnanswered, badAnswered, goodAnswered, goodUnanswered, syns, against, serverClocks } = trial;
  const { filtered: differs, others } = trial.differs;
  const { attempt: first, remembered } = trial.dropped[0];
  const kernels = kernelsOf(trial, (first.ends.scope & SCOPE_IPV6) !== 0);
  const lockedOut = Math.max(0, trial.unblockAt - trial.lastDrop);
  return {
    rule: 'recycle-signature',
    severity: differs.length > 0 ? 'warning' : 'critical',
    confidence: trial.isProof ? 'proof' : differs.length > 0 ? 'weak' : 'strong',
    ...(differs.length > 0 ? titleOfOthers(trial, differs) : titleOf(trial, kernels, lockedOut)),
    raised: first.syn,
    ends: first.ends,
    evidence: {
      bad_unanswered: badUnanswered,
      bad_answered: badAnswered,
      good_answered: goodAnswered,
      good_unanswered: goodUnanswered,
      syns,
      foretold: syns - against,
      both_fates: trial.oneClockBothFates,
      ...(differs.length > 0 ? { differs } : {}),
      ...(others.length > 0 ? { hosts_differ: others } : {}),
      kernels: serverClocks.oneEach ? '4.10, before 4.10.17' : kernels,
      ...(serverClocks.count > 1
        ? { server_clocks: serverClocks.count, server_connections: serverClocks.connections }
        : {}),
      unblock_in: seconds(lockedOut),
      ...remembered?.evidence,
    },
    packets: proofOf(trial),
  };
}

/** No packet shows who drops the SYNs: the server, or a device that ends connections in its place. */
function titleOf(
  { badUnanswered, goodAnswered, syns, against, serverClocks, oneClockBothFates, differs }: Trial,
  kernels: string,
  lockedOut: Nanos,
): Pick<Draft, 'title' | 'symptom'> {
  const foretold = `the rule predicts what became of ${against === 0 ? `all ${syns}` : `${syns - against} of ${syns}`} SYNs`;
  const later =
    lockedOut === 0 ? '' : `; the sender of the last SYN stays locked out for another ${duration(lockedOut)}`;
  // Hosts that are always kept out may differ from the others in more than their clock.
  const others = oneClockBothFates
    ? bothFatesText(differs.others)
    : '; any other difference between the hosts would look the same';
  const as = (rule: string): string =>
    `${fatesText(badUnanswered, goodAnswered)}, as tcp_tw_recycle=1 does${rule}: ${foretold}${others}`;
  if (serverClocks.count > 1) return { title: `${as('')}; but ${clocksText(serverClocks)}${later}`, symptom: as('') };
  const symptom = as(` (Linux ${kernels}; not 4.12 and newer)`);
  return { title: `${symptom}${later}`, symptom };
}

/** One clock was kept out and let in, which excludes a proof only where the SYNs with those fates look otherwise. */
const bothFatesText = (others: readonly string[]): string =>
  others.length === 0
    ? ''
    : `; one clock was kept out and let in as the rule says, but the dropped SYNs differ in ${inWords(others)}, too, as those of ` +
      'two hosts do';

/** The SYNs differ in something else as well: nothing says that it is the clock that they are dropped for. */
function titleOfOthers(
  { badUnanswered, goodAnswered }: Trial,
  differs: readonly string[],
): Pick<Draft, 'title' | 'symptom'> {
  const symptom = fatesText(badUnanswered, goodAnswered);
  return {
    title:
      `${symptom}; but the dropped SYNs differ from the answered ones in ${inWords(differs)} as well: what filters by that ` +
      'looks the same as tcp_tw_recycle=1',
    symptom,
  };
}

const fatesText = (dropped: number, answered: number): string =>
  `${dropped} connection attempts of this address whose clock is behind are dropped and ${answered} others answered`;

/** The evidence against a single Linux with the setting (server-clocks.ts). */
const clocksText = ({ oneEach, count, connections }: ServerClocks): string =>
  oneEach
    ? "the server's SYN-ACKs show a clock for each connection: something else than Linux drops like that, most likely"
    : `the server's SYN-ACKs come from ${count} clocks on ${connections} connections, so it is not one Linux with that setting`;

/**
 * 2.6.32 and 3.13 let SYNs without timestamps pass, 3.17 and newer drop them (the commit between them is unverified);
 * 2.6.32 does not check IPv6 (docs/rules.md B1).
 */
function kernelsOf({ bareAnswered, bareUnanswered }: Trial, ipv6: boolean): string {
  const oldest = ipv6 ? '3.13' : '2.6.32';
  if (bareAnswered > 0 && bareUnanswered === 0) return `${oldest} to 3.16`;
  return bareUnanswered > 0 && bareAnswered === 0 ? '3.17 to 4.11' : `${oldest} to 4.11`;
}

/**
 * Two to eight packets: the first attempt that was dropped, one that was let in later or else a second one, and two
 * that passed.
 */
function proofOf({ dropped, passed, letIn }: Trial): Note[] {
  const [first, second] = dropped;
  const other = letIn === undefined || letIn === first ? second : letIn;
  const notes = [...(first?.remembered?.notes ?? []), ...(other?.remembered?.notes.slice(0, 1) ?? [])];
  for (const shown of [first, other]) {
    if (shown === undefined) continue;
    const { attempt } = shown;
    notes.push({ packet: attempt.syn, note: 'SYN with an older TSval: no answer' });
    const synAck = attempt.accepting;
    if (attempt === letIn?.attempt && synAck !== undefined && answeredSyn(attempt, undefined)! > 0) {
      notes.push({ packet: synAck.packet, note: 'let in once the rule lets it pass' });
    }
  }
  for (const packet of passed) notes.push({ packet, note: 'SYN with a newer TSval: answered' });
  return notes;
}
