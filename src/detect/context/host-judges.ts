/**
 * What host.json says about the findings of each rule. The facts about kernels are those of docs/rules.md, with its
 * section marks.
 */
import { type End, otherEnd } from '../../flow/ends.ts';
import type { Finding } from '../finding.ts';
import { recycle, revealedRecycle } from './host-recycle.ts';
import {
  type Asked,
  bySetting,
  ip,
  isAtLeast,
  type Judge,
  linux,
  type Said,
  setting,
  symptomOf,
  unknown,
} from './host-said.ts';

/**
 * A counter since boot excludes a cause only if the host was running at the time of the finding, and was read
 * afterwards.
 */
function counted({ host, at }: Asked, name: string, what: string): Said {
  const count = host.counters[name];
  if (count === undefined) return unknown(`${name} could not be read there`);
  const since = host.booted === null ? 'since boot' : `since boot at ${host.booted}`;
  if (count > 0) return { says: 'confirmed', why: `${what} ${count} times ${since} (${name})` };
  const covers = host.booted !== null && at >= Date.parse(host.booted) && at <= Date.parse(host.collected);
  if (!covers) return unknown(`${name} is 0, but does not cover the time of the finding`);
  return { says: 'cannot', why: `${name} is 0 ${since}` };
}

const acceptQueue = (asked: Asked): Said => counted(asked, 'TcpExtListenOverflows', 'its accept queues overflowed');

/**
 * For an attempt whose cause is the accept queue. If no queue overflowed, that cause is withdrawn, and only what the
 * attempt cost is left.
 */
function queueOfAttempt(asked: Asked): Said {
  const said = acceptQueue(asked);
  if (said.says !== 'cannot') return said;
  const title = `${symptomOf(asked.finding)}; cause: unknown (no accept queue of this server overflowed: ${said.why})`;
  return { ...said, title, ...(asked.finding.evidence.delay === undefined ? {} : { atMost: 'notice' }) };
}

/** An RST right after the handshake, unless something else than a full accept queue explains it. */
const handshakeAbort: Judge = asked => {
  const { mptcp_join, two_answers, unseen } = asked.finding.evidence;
  return mptcp_join === true || two_answers === true || unseen !== undefined ? undefined : abortOnOverflow(asked);
};

/** The kernel sends an RST for a full accept queue only with tcp_abort_on_overflow=1 (F13). */
const abortOnOverflow = bySetting('tcp_abort_on_overflow', (on, why, asked) => {
  if (on === 0) return { says: 'cannot', why, clause: `not for a full accept queue (${why})` };
  const said = acceptQueue(asked);
  return said.says === 'cannot' ? { ...said, clause: 'but no accept queue of this server overflowed' } : said;
});

/** Whether an RST ends the TIME_WAIT that it hits (B4). */
const assassination = bySetting('tcp_rfc1337', (on, why, { finding }) => {
  const { effective } = finding.evidence;
  if (typeof effective === 'boolean') {
    // Later packets have shown what became of the TIME_WAIT.
    const agrees = effective === (on === 0);
    if (agrees) return { says: 'confirmed', why };
    return unknown(
      effective
        ? `${why}, yet it ended: the setting was changed since, or another host answered`
        : `${why}: the RST was lost, likely, or the setting was changed since`,
    );
  }
  if (on === 0) return { says: 'confirmed', why, clause: `here it does, if it arrived (${why})` };
  return { says: 'cannot', why, clause: `here it does not (${why})`, atMost: 'info' };
});

/** The client's own TIME_WAIT (B5): an ISN of + 65537 means tcp_tw_reuse, or a port that the application bound itself. */
const takenOver: Judge = asked =>
  asked.finding.evidence.client_isn === 'tw-reuse' ? byReuseOrBound(asked) : undefined;

const byReuseOrBound = bySetting('tcp_tw_reuse', (reuse, why, { finding, host }) => {
  const rule = isAtLeast(host, 6, 14) ? '6.14' : isAtLeast(host, 4, 19) ? '4.19' : '<=4.18';
  const eligible = (finding.evidence.tw_reuse as Record<string, string> | undefined)?.[rule];
  const delay = setting(host, 'tcp_tw_reuse_delay');
  const isTooEarly = eligible === 'no' && (delay === undefined || delay >= 1000);
  if (reuse === 1 && !isTooEarly) return { says: 'confirmed', why: `${linux(host)}, ${why}` };
  const whyNot = reuse === 1 ? `too early for tcp_tw_reuse of ${linux(host)}` : why;
  return { says: 'confirmed', why: whyNot, clause: `the application bound this port itself (${whyNot})` };
});

/**
 * The server's TIME_WAIT (B2): whether it can still have existed. If an answer has proved that, the host is not asked.
 */
function held(asked: Asked): Said | undefined {
  const { finding, host } = asked;
  const { class: kind, outcome, age } = finding.evidence;
  if (!['in-time-wait', 'grace'].includes(String(kind)) || /tw-isn|challenge-ack/.test(String(outcome)))
    return undefined;
  const overflows = counted(asked, 'TcpExtTCPTimeWaitOverflow', 'its TIME_WAIT table overflowed');
  if (overflows.says === 'confirmed') return unknown(`${overflows.why}: a bucket may have been refused`);
  if (!isAtLeast(host, 4, 12) && setting(host, 'tcp_tw_recycle') === 1) {
    return unknown(`${linux(host)}, tcp_tw_recycle=1: TIME_WAIT lasts 3.5 RTO there, and was ${age} s old`);
  }
  if (kind === 'in-time-wait') {
    // A full table would have refused it, so the counter must be known, and cover the time of the finding.
    return overflows.says === 'unknown'
      ? overflows
      : { says: 'confirmed', why: `${linux(host)} keeps TIME_WAIT for 60 s` };
  }
  if (isAtLeast(host, 3, 14)) return unknown(`${linux(host)} lets go of TIME_WAIT up to 5.12 s late`);
  return { says: 'cannot', why: `${linux(host)} lets go of TIME_WAIT after 60 s at the latest` };
}

/** Compares the ports that the client may use with those in use. */
function ports({ finding, host }: Asked): Said {
  const [low, high] = String(host.sysctls[ip('ip_local_port_range')] ?? '')
    .split(' ')
    .map(Number);
  const inUse = Number(finding.evidence.in_use);
  if (!low || !high || Number.isNaN(inUse)) return unknown('ip_local_port_range could not be read there');
  const capacity = high - low + 1 - reserved(String(host.sysctls[ip('ip_local_reserved_ports')] ?? ''), low, high);
  const why = `ip_local_port_range=${low} ${high} leaves ${capacity} ports, ${inUse} were in use`;
  // Applications may have bound a few ports outside the range.
  if (inUse > 1.02 * capacity + 1) return unknown(`${why}: the range was changed since, or they are those of a NAT`);
  if (inUse >= 0.98 * capacity) return { says: 'confirmed', why };
  const title = `${inUse} ports towards this server port were in use or in TIME_WAIT; this client has more (${why})`;
  return { says: 'cannot', why, title, atMost: 'notice' };
}

/** How many ports of a list such as `8080,9148-9150` are in the range. */
function reserved(list: string, low: number, high: number): number {
  let count = 0;
  for (const [, first, last = first] of list.matchAll(/(\d+)(?:-(\d+))?/g)) {
    count += Math.max(0, Math.min(high, Number(last)) - Math.max(low, Number(first)) + 1);
  }
  return count;
}

const overflow = (asked: Asked): Said => {
  const said = counted(asked, 'TcpExtTCPTimeWaitOverflow', 'its TIME_WAIT table overflowed');
  const most = setting(asked.host, 'tcp_max_tw_buckets');
  return most === undefined ? said : { ...said, why: `${said.why}; tcp_max_tw_buckets=${most}` };
};

/** The packets show that the server has this value of a setting, or something else, which `or` names. */
const either = (name: string, expected: number, or: (why: string) => string): Judge =>
  bySetting(name, (value, why, { finding }) => {
    const symptom = symptomOf(finding);
    if (value === expected) return { says: 'confirmed', why, title: `${symptom}: it has ${why}` };
    return { says: 'cannot', why, title: `${symptom}: ${or(why)}` };
  });

/** What the packets leave open in findings of `revealed-setting`. The setting is the server's, except tcp_tw_reuse. */
const REVEALED: Readonly<Record<string, Judge>> = {
  tcp_rfc1337: either('tcp_rfc1337', 1, why => `the RST likely never reached it (it has ${why})`),
  tcp_timestamps: either('tcp_timestamps', 0, why => `a device in between likely strips them, for it has ${why}`),
  tcp_tw_recycle: revealedRecycle,
  // A value of 2 applies to loopback only, and loopback addresses do not identify a host (context.ts).
  tcp_tw_reuse: bySetting('tcp_tw_reuse', (on, why, { host }) =>
    on === 1
      ? { says: 'confirmed', why: `${linux(host)}, ${why}` }
      : { says: 'cannot', why, clause: `here the application binds it (${why})` },
  ),
};

/** Causes of `unanswered-syn` that a host can confirm or exclude. */
const BY_CAUSE: Readonly<Record<string, Judge>> = {
  'accept-queue': queueOfAttempt,
  'per-host-paws': recycle,
};

interface Question {
  /** Which ends' hosts are asked: the first one that is known answers. */
  ends(evidence: Finding['evidence']): readonly End[];
  judge: Judge;
}

const SERVER = (): readonly End[] => ['server'];
const CLIENT = (): readonly End[] => ['client'];
/** The end that did not send the RST. */
const receiver = ({ from }: Finding['evidence']): readonly End[] => [otherEnd(from as End)];

const ofClass =
  (kind: string, judge: Judge): Judge =>
  asked =>
    asked.finding.evidence.class === kind ? judge(asked) : undefined;

/** What is asked about the findings of each rule; the first answer counts. */
export const QUESTIONS: Readonly<Record<string, readonly Question[]>> = {
  'timestamp-regress': [{ ends: SERVER, judge: recycle }],
  'recycle-hazard': [{ ends: SERVER, judge: recycle }],
  'recycle-signature': [{ ends: SERVER, judge: recycle }],
  'unanswered-syn': [{ ends: SERVER, judge: asked => BY_CAUSE[String(asked.finding.evidence.cause)]?.(asked) }],
  'port-reuse': [
    { ends: ({ owner }) => (owner === 'client' || owner === 'both' ? ['client'] : []), judge: takenOver },
    { ends: ({ owner }) => (owner === 'server' || owner === 'both' ? ['server'] : []), judge: held },
  ],
  'reset-close': [
    { ends: receiver, judge: ofClass('tw-assassination', assassination) },
    { ends: ({ from }) => (from === 'server' ? ['server'] : []), judge: ofClass('handshake-abort', handshakeAbort) },
  ],
  'port-exhaustion': [{ ends: CLIENT, judge: ports }],
  'revealed-setting': [
    {
      ends: ({ setting }) => [setting === 'tcp_tw_reuse' ? 'client' : 'server'],
      judge: asked => REVEALED[String(asked.finding.evidence.setting)]?.(asked),
    },
  ],
  'time-wait-overflow': [{ ends: () => ['server', 'client'], judge: overflow }],
};
