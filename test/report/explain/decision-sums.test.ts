import assert from 'node:assert/strict';
import { test } from 'node:test';
import { erasOf } from '../../../src/report/explain/eras.ts';
import { decisionsOf } from '../../../src/report/explain/what-decided.ts';
import type { FindingRow } from '../../../src/store/rows.ts';
import { collect } from '../../build/collect.ts';
import { stored } from '../../build/explained.ts';
import { fixtureNamed } from '../../build/fixtures.ts';

test('ports that tcp_tw_reuse takes over allow more than a TIME_WAIT of any length does', async () => {
  const { inputs } = fixtureNamed('lab-tw-reuse-8-ports.pcap');
  const { finding } = await stored('lab-tw-reuse-8-ports.pcap', 'port-exhaustion');
  const decided = async (timeWait: number): Promise<string> => {
    const { findings } = await collect(inputs, { rules: ['port-exhaustion'], timeWait });
    const evidence = findings[0]!.evidence as typeof finding.evidence;
    return decisionsOf({ ...finding, evidence }, erasOf(finding))[0].text;
  };
  const sooner = /connections a second to one server port; the client took 32 ports over sooner, and closed 8\.0 conn/;
  assert.match(await decided(60), sooner);
  assert.match(await decided(60), /they would allow 0\.133 connections/);
  assert.match(await decided(120), sooner);
  assert.match(await decided(120), /they would allow 0\.067 connections/);
});

test('sums say their figures, and nothing of a capacity that is not known', async () => {
  const { finding: shared } = await stored('nat-second-client-unanswered.pcap', 'shared-address');
  const { finding: ports } = await stored('lab-tw-reuse-8-ports.pcap', 'port-exhaustion');
  const { finding: signature } = await stored('lab-recycle-modern-host.pcap', 'recycle-signature');
  const told = (finding: FindingRow): string => decisionsOf(finding, erasOf(finding)).at(-1)!.text;
  const { capacity: _, rate_limit: __, takeovers: ____, ...unlimited } = ports.evidence;
  assert.match(
    told({ ...ports, evidence: { ...unlimited, in_use: 27_700, capacity: 28_232, rate_limit: 470.533 } }),
    /27,700 of 28,232 ports .* 470\.5 connections/,
  );
  assert.match(told({ ...ports, evidence: { ...unlimited, in_use: 9 } }), /^9 ports .* is not known\.$/);
  const { hosts_differ: ___, ...replayed } = signature.evidence;
  assert.match(
    told({ ...signature, evidence: { ...replayed, syns: 12, foretold: 12, both_fates: true } }),
    /what became of 12 of 12\.$/,
  );
  assert.match(
    told({ ...signature, evidence: { ...replayed, both_fates: false, hosts_differ: ['TTL (62 against 63)'] } }),
    / also differ from the others in TTL \(62 against 63\), as hosts usually do: .* would look the same\.$/,
  );
  assert.match(
    told({ ...shared, evidence: { ...shared.evidence, flows: 26, lines: 26, reasons: [] } }),
    /^26 connections on 26 clock lines\.$/,
  );
});
