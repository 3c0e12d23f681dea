/** An ICMP error that quotes the very SYN of an attempt says why that got no answer (docs/rules.md D2.3). */
import { type IcmpErrors, quotedSegment } from '../wire/icmp-errors.ts';
import type { Finding } from './finding.ts';

export type IcmpEvidence = {
  /** What an ICMP error says that quotes the SYN, and who sent it. */
  icmp?: string;
  icmp_from?: string;
};

/** The finding with what such an error says, where packets of TCP alone do not tell the cause. */
export function withIcmpError(finding: Finding, errors: IcmpErrors): Finding {
  const { rule, evidence, client, clientPort, server, serverPort, symptom, title } = finding;
  if (rule !== 'unanswered-syn' || evidence.cause !== 'unknown' || evidence.seen !== undefined) return finding;
  for (const { fromClient, flags, seq } of finding.packets) {
    if (!fromClient || flags !== 'S') continue;
    const error = errors.of(quotedSegment(client, clientPort, server, serverPort, seq));
    if (error === undefined) continue;
    const { from: icmp_from, what: icmp } = error;
    return {
      ...finding,
      confidence: 'strong',
      title: `${symptom ?? title}; cause: ${icmp}, says an ICMP error of ${icmp_from} that quotes this SYN`,
      evidence: { ...evidence, seen: 'icmp', icmp, icmp_from } satisfies IcmpEvidence & Finding['evidence'],
    };
  }
  return finding;
}
