/** The ticket of an incident: whole in itself, and hostile names stay in their place. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readIncident } from '../../../src/report/incident/incident.ts';
import { incidentMarkdown } from '../../../src/report/incident/markdown.ts';
import { MEMORY } from '../../../src/store/database.ts';
import { readRuns } from '../../../src/store/reader.ts';
import { Store } from '../../../src/store/store.ts';
import { collect } from '../../build/collect.ts';
import { fixtureNamed } from '../../build/fixtures.ts';
import { captureInfo, finding, newRun, packet } from '../../build/store-sample.ts';

/** The incident of whatever `fill` stores. */
export function ticket(fill: (store: Store) => void, source = 'office.pcap'): string {
  const store = new Store(MEMORY, newRun({ captures: [captureInfo({ source })] }));
  try {
    fill(store);
    return incidentMarkdown(readIncident(store.database, 'case.db', readRuns(store.database)[0]), []);
  } finally {
    store.close();
  }
}

test('a ticket tells the verdict with its denominator, the causes, and the ladder with what decided', async () => {
  const { findings, captures, origin } = await collect(fixtureNamed('lab-recycle-two-hosts.pcap').inputs);
  const store = new Store(MEMORY, newRun({ captures, origin }));
  store.findings(findings);
  store.finish('done', 1_800_000_001_000_000_000n, { frames: 169, flows: 22 });
  const text = incidentMarkdown(readIncident(store.database, 'case.db', readRuns(store.database)[0]), []);
  store.close();
  assert.match(text, /\*\*critical: \d+ of \d+ connection attempts from .* went unanswered/);
  assert.match(
    text,
    /^- The finding \([0-9a-f]{16}\), proved by its packets: \d+ connection attempts of this address/m,
  );
  assert.match(text, /```mermaid\nsequenceDiagram\n {2}participant C as client [\d.:]+\n/);
  assert.match(text, /\*\*How to verify\*\*[\s\S]*\*\*What not to do:\*\* [\s\S]*tshark -r [^\n]+frame\.number in/);
});

test('the heading of a finding says its cause, and its connection if it is the only one of it', () => {
  const one = finding();
  const refused = { class: 'in-time-wait', age: 12.5, outcome: 'refused' };
  const two = ['b1', 'b2'].map(id => finding({ id: id.padEnd(16, '0'), severity: 'error', evidence: refused }));
  const text = ticket(store => store.findings([one, ...two]));
  assert.deepEqual(text.match(/^## .*within.*/gm), [
    '## Source port used again within 2 MSL: likely in TIME_WAIT, refused',
    '## Source port used again within 2 MSL: likely in TIME_WAIT, accepted (192.0.2.10:40000 → 198.51.100.80:80)',
  ]);
  assert.match(text, /^- The worst \(b1/m);
  assert.match(text, /^- The finding \(0{14}a1\)/m);
});

test('the old connection has broken arrows and a silence is a note', () => {
  const text = ticket(store =>
    store.findings([
      finding({
        firstAt: 2e9,
        packets: [
          packet({ flags: 'FA', seq: 500, ack: 900, at: 0, tsval: 9_000 }),
          packet({ frame: 9, at: 2e9, seq: 100 }),
        ],
      }),
    ]),
  );
  assert.match(text, /C-->>S: \[1\] -2\.000 s old FIN,ACK/);
  assert.match(text, /Note over C,S: 2\.000 s later\n {2}C->>S: \[9\] 0 new SYN/);
});

test('a hostile name ends no fence, opens no tag, mentions nobody', () => {
  const source = 'a```\n<img src=x> @admin [link](x) | #1.pcap';
  const text = ticket(store => store.findings([finding({ title: source })]), source);
  assert.doesNotMatch(text.replace(/(`{3,})[\s\S]*?\n\1/g, ''), /[^\\]<img|[^\\]@admin|[^\\]\[link/);
  assert.equal(text.split('\n').filter(line => /^`{4,}/.test(line.trim())).length % 2, 0);
  assert.doesNotMatch(text, /^<img/m);
});
