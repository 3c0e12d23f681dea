/** Asserts that findings about healthy traffic accuse nothing, though they may describe it (used by the controls). */
import assert from 'node:assert/strict';
import type { Input } from '../../src/capture/capture-info.ts';
import type { Finding } from '../../src/detect/finding.ts';
import { collect } from './collect.ts';
import { frames, type Packet } from './packet.ts';
import { pcap } from './pcap.ts';

/** By rule, the findings that claim a fault: none of them may occur. */
const ACCUSES: Readonly<Record<string, (finding: Finding) => boolean>> = {
  'recycle-signature': () => true,
  'time-wait-overflow': () => true,
  'port-exhaustion': () => true,
  'idle-timer': () => true,
  'shared-address': ({ evidence }) => (evidence.hosts_low as number) > 1,
  // About a server that was seen to answer, or about which nothing is known: never more than a notice.
  'timestamp-regress': ({ severity }) => severity === 'warning',
  'recycle-hazard': ({ severity }) => severity === 'warning',
  'paws-drop': ({ severity }) => severity !== 'info',
  'unanswered-data': ({ severity }) => severity === 'warning',
};

/** `deserved`: rules whose claim is true for this traffic. */
export async function assertNoAccusation(input: Input, ...deserved: string[]): Promise<Finding[]> {
  const { findings, status } = await collect([input]);
  assert.equal(status, 'done');
  for (const finding of findings) {
    const { rule, severity, title, frame } = finding;
    const isSevere = severity === 'error' || severity === 'critical';
    const isAccused = isSevere || ACCUSES[rule]?.(finding) === true;
    assert.ok(!isAccused || deserved.includes(rule), `frame ${frame}: ${rule}, ${severity}: ${title}`);
  }
  return findings;
}

export const captured = (packets: readonly Packet[]): Input => ({
  name: 'control.pcap',
  bytes: pcap(frames(packets), { nanos: true }),
});
