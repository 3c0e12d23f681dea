/**
 * Asserts what findings on healthy traffic say, claim by claim, so that a new accusation fails (used by the controls).
 * What is only described may be there; it is listed all the same.
 */
import assert from 'node:assert/strict';
import type { Input } from '../../src/capture/capture-info.ts';
import type { Finding } from '../../src/detect/finding.ts';
import { collect } from './collect.ts';
import { frames, type Packet } from './packet.ts';
import { pcap } from './pcap.ts';

/** Evidence that says which of its claims a rule makes. */
const WORDS = ['class', 'cause', 'setting', 'value', 'regime', 'hosts_low', 'outcome'] as const;

/** `unanswered-syn info time-wait`: the rule, the severity and what is claimed. */
export const claimOf = ({ rule, severity, evidence }: Finding): string =>
  [rule, severity, ...WORDS.flatMap(word => (evidence[word] === undefined ? [] : [evidence[word]]))].join(' ');

/** Of a host with a clock for each connection, the first of them before that is known. */
export const PER_CONNECTION: readonly string[] = [
  'shared-address info per-connection 1',
  'timestamp-regress info',
  'timestamp-regress info per-connection',
];
/** Of attempts without an answer that the rule of tcp_tw_recycle may have cost, for all that packets show. */
export const MAY_HAVE_COST: readonly string[] = [
  'recycle-hazard info',
  'recycle-hazard notice',
  'timestamp-regress notice per-connection',
];
/** The server has accepted what the rule drops. */
export const NO_RECYCLE = 'revealed-setting info tcp_tw_recycle 0';
/** Attempts without an answer, or with a late one: the warnings are of those that never had one. */
export const LATE_SYNS: readonly string[] = ['unanswered-syn info path-loss', 'unanswered-syn notice unknown'];
export const UNANSWERED_SYNS = 'unanswered-syn warning unknown';
export const LATE_COPIES = 'paws-drop info duplicate';
export const OVERTAKEN = 'paws-drop info reordered';

async function findingsOf(inputs: readonly Input[]): Promise<Finding[]> {
  const all: Finding[] = [];
  for (const input of inputs) {
    const { findings, status } = await collect([input]);
    assert.equal(status, 'done');
    all.push(...findings);
  }
  return all;
}

/** Of all inputs together, each by itself: exactly these claims. */
export async function assertClaims(inputs: Input | readonly Input[], ...claims: string[]): Promise<Finding[]> {
  const findings = await findingsOf([inputs].flat());
  assert.deepEqual([...new Set(findings.map(claimOf))].sort(), claims.sort());
  return findings;
}

/** For captures that are not the same each time: no other claims than these. */
export async function assertAtMost(input: Input, ...claims: string[]): Promise<Finding[]> {
  const findings = await findingsOf([input]);
  const others = findings.filter(finding => !claims.includes(claimOf(finding)));
  assert.deepEqual(
    others.map(finding => `frame ${finding.frame}: ${claimOf(finding)}: ${finding.title}`),
    [],
  );
  return findings;
}

export const captured = (packets: readonly Packet[]): Input => ({
  name: 'control.pcap',
  bytes: pcap(frames(packets), { nanos: true }),
});
