/**
 * With host.json of an end "would" becomes "does" or "cannot": this adds to a finding what the kernel and the settings
 * of that host say about it (docs/context.md). It never makes a finding more severe than its packets did, and it never
 * contradicts them. It only withdraws a cause that the title names, if the host rules it out.
 */
import { isLoopbackAddress } from '../../base/address.ts';
import type { End } from '../../flow/ends.ts';
import { type Finding, SEVERITIES, type Severity } from '../finding.ts';
import type { HostContext } from './host-context.ts';
import { QUESTIONS } from './host-judges.ts';
import type { Said } from './host-said.ts';

/** What a host says about a finding, as evidence. */
export type HostWord = { host: string; end: End; says: Said['says']; why: string };

/** `at`: when the finding was raised, in milliseconds since the epoch. */
export function withContext(finding: Finding, at: number, contexts: readonly HostContext[]): Finding {
  for (const { ends, judge } of QUESTIONS[finding.rule] ?? []) {
    for (const end of ends(finding.evidence)) {
      const address = end === 'client' ? finding.client : finding.server;
      const hosts = contexts.filter(context => speaksOf(context, address));
      const [host] = hosts;
      if (host === undefined) continue;
      const isOne = hosts.length === 1;
      const said = isOne ? judge({ finding, at, end, host }) : ambiguous(hosts.length, address);
      if (said !== undefined) return told(finding, said, end, isOne && host.host !== '' ? host.host : address);
    }
  }
  return finding;
}

function told(finding: Finding, said: Said, end: End, host: string): Finding {
  const { says, why, clause, title = clause === undefined ? finding.title : `${finding.title}; ${clause}` } = said;
  return {
    ...finding,
    severity: lower(finding.severity, said.atMost),
    confidence: said.title !== undefined && finding.confidence === 'proof' ? 'strong' : finding.confidence,
    title,
    evidence: { ...finding.evidence, context: { host, end, says, why } satisfies HostWord },
  };
}

/** Every host has the loopback addresses, so they do not identify one. */
export const identifiesHost = (address: string): boolean => !isLoopbackAddress(address);

const speaksOf = (context: HostContext, address: string): boolean =>
  identifiesHost(address) && context.addresses.includes(address);

const ambiguous = (count: number, address: string): Said => ({
  says: 'unknown',
  why: `${count} of the hosts given with --context have the address ${address}`,
});

const lower = (severity: Severity, atMost: Severity = severity): Severity =>
  SEVERITIES[Math.min(SEVERITIES.indexOf(severity), SEVERITIES.indexOf(atMost))];
