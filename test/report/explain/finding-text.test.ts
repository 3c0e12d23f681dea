/** What `explain` prints: goldens beside the captures, and what must hold for every finding of every fixture. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { erasOf } from '../../../src/report/explain/eras.ts';
import { findingJson, findingText } from '../../../src/report/explain/finding-text.ts';
import { decisionsOf } from '../../../src/report/explain/what-decided.ts';
import { plainStyle, type TextStyle } from '../../../src/report/text-style.ts';
import { MEMORY } from '../../../src/store/database.ts';
import { readCaptures, readFindings } from '../../../src/store/reader.ts';
import { Store } from '../../../src/store/store.ts';
import { collect } from '../../build/collect.ts';
import { EXPLAINED, explained, explainedFile, stored } from '../../build/explained.ts';
import { fixtures } from '../../build/fixtures.ts';
import { newRun } from '../../build/store-sample.ts';

for (const [name, rule] of EXPLAINED) {
  test(`${rule} in ${name} is explained as the golden beside it`, async () => {
    assert.equal(await explained(name, rule), readFileSync(explainedFile(name), 'utf8'), 'npm run goldens');
  });
}

test('every finding of every fixture fits its width, and its ladder stands straight', async () => {
  for (const { inputs, name } of fixtures()) {
    const { findings, captures, origin } = await collect(inputs);
    const store = new Store(MEMORY, newRun({ captures, origin }));
    store.findings(findings);
    const rows = readCaptures(store.database, [store.runId]);
    for (const finding of readFindings(store.database, {})) {
      for (const width of [80, 120]) {
        const lines = findingText(finding, rows, plainStyle(width)).split('\n');
        const lanes = lines.filter(line => /[│┆]$/.test(line));
        assert.equal(lanes.filter(line => /[▶◀]/.test(line)).length, finding.packets.length, name);
        assert.equal(new Set(lanes.map(line => line.length)).size, 1, `${name}: ${finding.id} at ${width}`);
        assert.ok(
          lanes.every(line => line.length <= width),
          `${name}: ${finding.id} at ${width}`,
        );
      }
      JSON.parse(findingJson(finding, rows));
    }
    store.close();
  }
});

test('with several captures each packet names its own, however long the name', async () => {
  const { finding, captures } = await stored('time-wait-collision-one-second.pcap', 'port-reuse');
  const source = `${'rotated/'.repeat(20)}cap-0002.pcap`;
  const second = { ...captures[0], id: 99, source };
  const packets = finding.packets.map((packet, i) => (i < 3 ? packet : { ...packet, capture_id: 99 }));
  const lines = findingText({ ...finding, packets }, [...captures, second], plainStyle(80)).split('\n');
  const lanes = lines.filter(line => /[│┆]$/.test(line));
  assert.deepEqual([...new Set(lanes.map(line => line.length))], [80]);
  assert.equal(lanes.filter(line => line.includes('/cap-0002.pcap)')).length, 4);
});

test("a host's own context and the machine that was asked about have their own lines", async () => {
  const { finding, captures } = await stored('time-wait-collision-one-second.pcap', 'port-reuse');
  const context = {
    host: 'web1',
    end: 'server',
    says: 'confirmed',
    why: 'Linux 6.1 keeps TIME_WAIT for 60 s',
  } as const;
  const evidence = {
    ...finding.evidence,
    context,
    what_if: { profile: 'linux-3.10', verdict: 'drop', rule: 'listener' },
  } as const;
  const text = findingText({ ...finding, evidence }, captures, plainStyle(80));
  assert.match(text, /What the server says \(web1\)\n {2}confirmed: Linux 6\.1 keeps TIME_WAIT for 60 s\n/);
  assert.match(text, /What if: linux-3\.10\n {2}The SYN would be dropped, by the listener\.\n/);
  assert.doesNotMatch(text, /context=/);
});

test('a finding of a rule that only another version has is explained without a comparison', async () => {
  const { finding, captures } = await stored('lab-tw-reuse.pcap', 'port-reuse');
  const newer = { ...finding, rule: 'from-the-future' as 'port-reuse' };
  assert.deepEqual(decisionsOf(newer, erasOf(newer)), []);
  const text = findingText(newer, captures, plainStyle(100));
  assert.doesNotMatch(text, /What decided/);
  assert.match(text, /A finding of the rule from-the-future, which this version does not know\./);
});

test('numbers that decide are marked with and without colour', async () => {
  const { finding, captures } = await stored('time-wait-collision-one-second.pcap', 'port-reuse');
  assert.match(findingText(finding, captures, plainStyle(80)), /TSval \*10030055\*/);
  const colored: TextStyle = { ...plainStyle(80), mark: text => `<${text}>`, dim: text => `{${text}}` };
  assert.match(findingText(finding, captures, colored), /TSval <\*10030055\*>/);
});
