/** The output of `explain` for findings of fixtures, in files next to their captures: `<situation>.explain.txt`. */
import type { Rule } from '../../src/detect/evidence.ts';
import { findingText } from '../../src/report/explain/finding-text.ts';
import { plainStyle } from '../../src/report/text-style.ts';
import { MEMORY } from '../../src/store/database.ts';
import { readCaptures, readFindings } from '../../src/store/reader.ts';
import type { CaptureRow, FindingOf } from '../../src/store/rows.ts';
import { Store } from '../../src/store/store.ts';
import { collect } from './collect.ts';
import { fixtureNamed } from './fixtures.ts';
import { newRun } from './store-sample.ts';

/** The first finding of a rule in a fixture, one for each form that a ladder can have. */
export const EXPLAINED: readonly (readonly [fixture: string, rule: Rule])[] = [
  ['time-wait-collision-one-second.pcap', 'port-reuse'],
  ['lab-tw-reuse.pcap', 'port-reuse'],
  ['lab-nat-meets-established.pcap', 'port-reuse'],
  ['lab-recycle-two-hosts.pcap', 'timestamp-regress'],
  ['nat-client-without-timestamps.pcap', 'recycle-hazard'],
  ['lab-recycle-modern-host.pcap', 'recycle-signature'],
  ['paws-clock-back.pcap', 'paws-drop'],
  ['nat-second-client-unanswered.pcap', 'shared-address'],
  ['syn-ack-lost.pcap', 'unanswered-syn'],
  ['lab-accept-queue-silent.pcap', 'unanswered-syn'],
  ['lab-nat-expired.pcap', 'reset-close'],
  ['lab-nat-silent.pcap', 'unanswered-data'],
  ['reset-refused.pcap', 'reset-close'],
  ['reset-abort-when-idle.pcap', 'reset-close'],
  ['reset-by-middlebox.pcap', 'reset-close'],
];

const WIDTH = 80;

export const explainedFile = (name: string): string =>
  fixtureNamed(name).golden.replace(/\.findings\.json$/, '.explain.txt');

export async function explained(name: string, rule: Rule, width = WIDTH): Promise<string> {
  const { finding, captures } = await stored(name, rule);
  return findingText(finding, captures, plainStyle(width));
}

/** The finding as read from a database. */
export async function stored<R extends Rule>(
  name: string,
  rule: R,
): Promise<{ finding: FindingOf<R>; captures: CaptureRow[] }> {
  const { findings, captures, origin } = await collect(fixtureNamed(name).inputs);
  const store = new Store(MEMORY, newRun({ captures, origin }));
  try {
    store.findings(findings);
    const [finding] = [...readFindings(store.database, { rules: [rule] })];
    if (finding === undefined) throw new Error(`${name} has no finding of ${rule}`);
    return { finding: finding as FindingOf<R>, captures: readCaptures(store.database, [store.runId]) };
  } finally {
    store.close();
  }
}
