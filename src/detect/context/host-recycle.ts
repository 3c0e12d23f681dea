/**
 * What the host behind a server's address says about the per-host check of tcp_tw_recycle (docs/rules.md B1), which no
 * longer exists in 4.12. If the packets contradict the host, they are right, and the title says so: the setting may
 * have been changed since, or the file may be of another machine.
 */
import type { Finding } from '../finding.ts';
import type { HostContext } from './host-context.ts';
import { type Asked, isAtLeast, linux, type Said, setting, symptomOf, unknown } from './host-said.ts';

type Evidence = Finding['evidence'];

/**
 * The packets show drops by the rule, at a server that cannot have made them. The observation stays, the culprit is
 * withdrawn.
 */
function droppedElsewhere(finding: Finding, host: HostContext, why: string): string {
  return (
    `${symptomOf(finding)}; SYNs are dropped just as tcp_tw_recycle would, but ${host.host || finding.server} cannot do that by its ` +
    `context (${why}): another device on the path does it, the host was changed since, or the context is of another machine`
  );
}

/** `who`: who did what the packets show, if not this host as its context describes it. */
const against = (why: string, who: string): Said => ({
  says: 'unknown',
  why: `${why}: the packets contradict that`,
  clause: `by its context this server has ${why}, which the packets contradict, and on them this rests: ${who}`,
});

const ANOTHER = 'another machine answered, or the setting was changed since';
const CHANGED = 'the setting was changed since, or the context is of another machine';

/**
 * The host has the check, yet a SYN was accepted that the check drops. This contradicts the setting only if the
 * accepting machine is the one that remembers.
 */
function accepted({ several_servers: several, syn_proxy: proxy }: Evidence, why: string): Said {
  if (several !== true && proxy !== true) return against(why, ANOTHER);
  const other = several === true ? 'another server' : 'a SYN proxy';
  const clause = `by its context this server has ${why}: ${other} answered, then, or the setting was changed since`;
  return { says: 'unknown', why: `${why}, yet the SYN was accepted`, clause };
}

/** Whether a host has the check; undefined if that is not known. */
function checkOf(host: HostContext): { has: boolean | undefined; why: string } {
  if (isAtLeast(host, 4, 12)) return { has: false, why: `${linux(host)}, no tcp_tw_recycle` };
  const on = setting(host, 'tcp_tw_recycle');
  if (on === undefined) return { has: undefined, why: 'tcp_tw_recycle could not be read there' };
  return { has: on !== 0, why: `${linux(host)}, tcp_tw_recycle=${on}` };
}

/** For SYNs of which the rule foretells a drop (`recycle` of the evidence), or that vanish as by the rule. */
export function recycle({ finding, host }: Asked): Said | undefined {
  const { evidence } = finding;
  const isForetold = evidence.recycle !== undefined;
  if (isForetold && !fatesBy('3.17', evidence).some(fate => fate === 'drop' || fate === 'phase')) return undefined;
  const { has, why } = checkOf(host);
  if (has === undefined) return unknown(why);
  if (!has) {
    return isForetold
      ? { says: 'cannot', why, clause: `by its context this server cannot do that (${why})`, atMost: 'info' }
      : { says: 'cannot', why, title: droppedElsewhere(finding, host, why), atMost: 'warning' };
  }
  // A host without timestamps remembers nothing, but the connection that set the remembered value had timestamps.
  if (setting(host, 'tcp_timestamps') === 0) return against(`${linux(host)}, tcp_timestamps=0`, CHANGED);
  return isForetold ? foretold(evidence, host, why) : vanished(evidence, host, why);
}

/**
 * What the rule of a kernel does with the SYNs of a finding. By the rule of 3.17 each SYN of an attempt is tested again:
 * the first may pass, and a later one may not.
 */
function fatesBy(kernel: '2.6.32' | '3.17', evidence: Evidence): readonly string[] {
  const first = evidence.recycle as Record<string, string>;
  return first[kernel] === first['3.17'] ? [first[kernel], ...laterFates(evidence)] : [first[kernel]];
}

const laterFates = ({ recycle_syns: fates }: Evidence): readonly string[] => (fates as readonly string[]) ?? [];

/** For a host that has the setting, where the rule foretells what becomes of SYNs. */
function foretold(evidence: Evidence, host: HostContext, why: string): Said {
  // From 3.6 to 3.16 SYNs with timestamps, also of IPv6, are checked as in 3.17; SYNs without timestamps pass.
  const isAs317 = isAtLeast(host, 3, 17) || (isAtLeast(host, 3, 6) && evidence.timestamps !== false);
  const fates = fatesBy(isAs317 ? '3.17' : '2.6.32', evidence);
  if (fates.includes('drop')) {
    // Of several SYNs, one may be accepted because the rule lets it in by then.
    const isOnlyOne = laterFates(evidence).length === 0;
    if (evidence.disproved === true || (isOnlyOne && evidence.accepted === true)) return accepted(evidence, why);
    if (isOnlyOne && evidence.answered === true) {
      return unknown(`${why}; what answered was no SYN-ACK: without a listener the rule is not asked`);
    }
    return { says: 'confirmed', why, clause: `by its context this server does (${why})` };
  }
  if (fates.includes('phase')) return unknown(`${why}; the phase of its one-second clock decides`);
  return unknown(`${why}; this kernel lets such a SYN pass, unless its distribution took over the rule of 3.17`);
}

/** For a host that has the setting, where SYNs vanish as by the rule. */
function vanished({ server_clocks: clocks }: Evidence, { host }: HostContext, why: string): Said {
  if (Number(clocks) > 1) {
    const clause = `by its context ${host === '' ? 'this server' : host} has ${why}, and may be one of several there`;
    return { says: 'unknown', why: `${why}, yet the packets are of more than one clock`, clause };
  }
  return { says: 'confirmed', why, clause: `by its context this server does (${why})` };
}

/** For a server address at which SYNs are accepted that the setting would drop. */
export function revealedRecycle({ finding, host }: Asked): Said {
  const { symptom, title, evidence } = finding;
  const { has, why } = checkOf(host);
  if (has === undefined) return unknown(why);
  if (has) return accepted(evidence, why);
  const explains = symptom !== undefined && symptom !== title; // it may be one of several servers
  return {
    says: 'confirmed',
    why,
    ...(explains ? { title: `${symptom}: by its context this server has ${why}` } : {}),
  };
}
