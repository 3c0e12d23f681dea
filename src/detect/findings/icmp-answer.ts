/**
 * An ICMP error may quote the SYN of an attempt, its SYN-ACK, or data that is sent in vain. Then it says why that
 * packet was not delivered (docs/rules.md D2.3).
 */
import { duration } from '../../base/time.ts';
import { type IcmpError, type IcmpErrors, quotedSegment } from '../../wire/icmp-errors.ts';
import { LONE_SYN, TAKES_OTHERS } from '../attempts/symptom-words.ts';
import type { Finding, FindingPacket } from '../finding.ts';
import type { UnansweredSynEvidence } from '../unanswered-syn.ts';

export type IcmpEvidence = {
  /** What the ICMP error that quotes the SYN, the SYN-ACK or the data says, and who sent it. */
  icmp?: string;
  icmp_from?: string;
};

/** Adds such an error to a finding whose cause TCP packets alone do not show. */
export function withIcmpError(finding: Finding, errors: IcmpErrors): Finding {
  const { rule, evidence, symptom, title } = finding;
  if (rule === 'unanswered-data') return withErrorOfData(finding, errors);
  if (rule !== 'unanswered-syn' || !mayTell(evidence)) return finding;
  const isBack = evidence.cause === 'path-loss';
  for (const packet of finding.packets) {
    const { fromClient, flags } = packet;
    if (fromClient === isBack || !flags.startsWith('S') || flags.includes('A') !== isBack) continue;
    const error = errorAbout(packet, finding, errors);
    if (error === undefined) continue;
    const { from: icmp_from, what: icmp } = error;
    // Linux sends no other after an error that ends the attempt: that is a refusal, as by RST.
    const isLone = evidence.syns === 1 && !isBack;
    const outcome = symptom ?? title;
    return {
      ...finding,
      severity: isLone ? 'warning' : finding.severity,
      confidence: 'strong',
      title: `${isLone ? rejected(outcome, packet, error) : outcome}; cause: ${icmp}, says an ICMP error of ${icmp_from} that quotes ${isBack ? 'the SYN-ACK' : 'this SYN'}`,
      evidence: {
        ...evidence,
        cause: 'unknown',
        seen: 'icmp',
        icmp,
        icmp_from,
      } satisfies Partial<UnansweredSynEvidence> & Finding['evidence'],
    };
  }
  return finding;
}

/** For a SYN that was sent once. How long it was watched is what was left of the capture, and tells nothing here. */
function rejected(outcome: string, syn: FindingPacket, { cameAt }: IcmpError): string {
  if (!outcome.startsWith(LONE_SYN)) return outcome;
  // Where the clock of the capture was set back, the error seems to come first.
  const when = cameAt < syn.at ? '' : ` after ${duration(cameAt - syn.at)}`;
  return `A SYN brought an ICMP error${when} and was not sent again${outcome.endsWith(TAKES_OTHERS) ? TAKES_OTHERS : ''}`;
}

/** The same for data that was sent again, in vain or until an answer came. If answers are lost, it had arrived. */
function withErrorOfData(finding: Finding, errors: IcmpErrors): Finding {
  const { evidence, symptom, title } = finding;
  if (evidence.class === 'answers-lost') return finding;
  const says = evidence.class === 'recovered' ? '; until then' : ':';
  const isByClient = evidence.from === 'client';
  for (const packet of finding.packets) {
    if (packet.fromClient !== isByClient) continue;
    const error = errorAbout(packet, finding, errors);
    if (error === undefined) continue;
    const { from: icmp_from, what: icmp } = error;
    return {
      ...finding,
      confidence: 'strong',
      title: `${symptom ?? title}${says} ${icmp}, says an ICMP error of ${icmp_from} that quotes it`,
      evidence: { ...evidence, icmp, icmp_from } satisfies IcmpEvidence & Finding['evidence'],
    };
  }
  return finding;
}

/** The error that quotes this packet of the finding, if there is one. */
function errorAbout({ fromClient, seq }: FindingPacket, finding: Finding, errors: IcmpErrors): IcmpError | undefined {
  const { client, clientPort, server, serverPort } = finding;
  return errors.of(
    fromClient
      ? quotedSegment(client, clientPort, server, serverPort, seq)
      : quotedSegment(server, serverPort, client, clientPort, seq),
  );
}

/**
 * An error about the SYN counts if no other cause is seen, or only signs that the accept queue was full at that time; one
 * about the SYN-ACK if that was lost, and the client never continued.
 */
function mayTell({ cause, seen, syn_acks, delay }: Finding['evidence']): boolean {
  if (cause === 'unknown') return seen === undefined;
  if (cause === 'accept-queue') return syn_acks === undefined;
  return cause === 'path-loss' && syn_acks !== undefined && delay === undefined;
}
