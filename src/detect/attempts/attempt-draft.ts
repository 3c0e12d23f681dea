/** The finding of unanswered-syn for an attempt without an answer, or with a late one (docs/rules.md D2.3). */
import { seconds } from '../../base/time.ts';
import { compareCaptured } from '../../flow/packet.ts';
import type { Attempt } from '../../flow/stories/attempt.ts';
import type { Draft, Note } from '../detector.ts';
import type { Severity } from '../finding.ts';
import type { SynWhatIf } from '../what-if/what-if.ts';
import type { Cause, Why } from './cause.ts';
import { causeText } from './cause-words.ts';
import { remarksOf } from './remarks.ts';
import { symptomOf } from './symptom-words.ts';
import type { Chain } from './syn-chain.ts';
import { MANY_SYNS, scheduleOf } from './syn-schedule.ts';

/** Most packets that a finding shows. */
const MOST_PACKETS = 8;

/** What a finding says besides: whether both ends are one host, and what another machine would do. */
export interface Scene<WhatIf> {
  isLocal: boolean;
  supposed: WhatIf | undefined;
}

export function draftOfAttempt(attempt: Attempt, cause: Cause, { isLocal, supposed }: Scene<SynWhatIf>): Draft {
  const { syn, ends, settledAt } = attempt;
  const { why } = cause;
  const waiting = why.is === 'waiting-connection' ? why.waiting : undefined;
  const remembered = why.is === 'per-host-paws' ? why.remembered : undefined;
  const differs = differencesOf(why);
  const whole = wholeOf(attempt);
  const isMoved = whole !== undefined && whole.told !== attempt;
  const { syns, delay } = isMoved ? attempt : (whole ?? attempt);
  const schedule = whole === undefined ? scheduleOf(attempt) : undefined;
  const symptom = symptomOf(attempt, whole, schedule);
  return {
    rule: 'unanswered-syn',
    // The finding of the last port says what became of the attempt, and has the full severity.
    severity: isMoved ? 'notice' : severityOf(attempt, cause),
    confidence: whole?.byIsnAlone === true && cause.confidence === 'proof' ? 'strong' : cause.confidence,
    title: `${symptom}; cause: ${causeText(cause, isLocal)}`,
    symptom,
    raised: syn,
    lastAt: attempt.touchedAt,
    ...(delay === undefined ? { until: settledAt } : {}),
    ends,
    evidence: {
      cause: cause.name,
      syns,
      ...(delay === undefined ? { watched: seconds(settledAt - syn.at) } : { delay: seconds(delay) }),
      ...(whole === undefined ? {} : isMoved ? { next_port: whole.portAfter(attempt) } : { ports: whole.ports }),
      ...(schedule === undefined ? {} : { schedule }),
      ...(waiting === undefined ? {} : { waited: seconds(waiting.until - waiting.opened) }),
      ...(cause.seen === undefined ? {} : { seen: cause.seen }),
      ...(differs === undefined ? {} : { differs }),
      ...(isLocal ? { loopback: true } : {}),
      ...remembered?.evidence,
      ...supposed,
    },
    packets: [
      ...(remembered?.notes ?? []),
      ...(waiting === undefined
        ? []
        : [{ packet: waiting.request, note: 'accepted before, and still without an answer of the application' }]),
      ...(whole === undefined || isMoved ? ownNotes(attempt) : notesOf(whole, attempt)),
    ],
  };
}

/** All ports from which the attempt was sent, if there were several. */
function wholeOf(attempt: Attempt): Chain | undefined {
  const { chain } = remarksOf(attempt);
  return chain !== undefined && chain.legs.length > 1 && !chain.isOfSeveral ? chain : undefined;
}

/** In what the SYNs that got no answer differ from answered ones. */
function differencesOf(why: Why): readonly string[] | undefined {
  if (why.is === 'syn-differs') return why.differs;
  if (why.is !== 'syn-changed' && why.is !== 'first-or-changed') return undefined;
  return why.burdens.map(({ difference }) => difference);
}

const ownNotes = ({ syn, followed }: Attempt): Note[] => [{ packet: syn, note: 'SYN' }, ...followed];

/** Shows the very first SYN, and as many of the last ones as there is room for. */
function notesOf({ legs }: Chain, told: Attempt): Note[] {
  const own = ownNotes(told);
  const elsewhere = legs
    .filter(leg => leg !== told)
    .map(({ syn, ends }) => ({ packet: syn, note: `the same SYN, from port ${ends.clientPort}` }));
  const room = MOST_PACKETS - own.length;
  const shown = elsewhere.length <= room ? elsewhere : [elsewhere[0], ...elsewhere.slice(1 - room)];
  return [...shown, ...own].sort((a, b) => compareCaptured(a.packet, b.packet));
}

function severityOf({ answered, syns, delay }: Attempt, cause: Cause): Severity {
  // If a waiting connection is the only sign of a full queue, that cause is no more than a guess.
  const name = cause.why.is === 'waiting-connection' ? 'unknown' : cause.name;
  switch (name) {
    case 'path-loss':
    case 'one-way-capture':
      return 'info';
    case 'per-host-paws': // all of them together are told as recycle-signature, which is critical
    case 'time-wait':
    case 'accept-queue':
      return 'warning';
    case 'unknown':
      if (cause.seen === 'foreign-syn-ack') return delay === undefined ? 'warning' : 'notice';
      if (cause.seen === 'not-captured' || cause.seen === 'syn-not-captured' || cause.seen === 'late-answer')
        return 'info';
      return !answered && syns >= MANY_SYNS ? 'warning' : 'notice';
  }
}
