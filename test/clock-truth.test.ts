/**
 * Clocks before the truth of the lab: which connection came from which machine, and how many shared the address. The
 * captures lie beside the corpus.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { collect } from './build/collect.ts';

const LAB = process.env.PAWSCOPE_CORPUS === undefined ? '' : join(process.env.PAWSCOPE_CORPUS, '../lab');
const skip = existsSync(LAB) ? false : 'skipped: needs PAWSCOPE_CORPUS';

interface Truth {
  connections: {
    client: string;
    seen_by_server_as?: [string, number];
    lport?: number;
    client_addr?: [string, number];
  }[];
  conntrack_new: { inside: [string, number]; outside: [string, number] }[];
  expect: { hosts_behind_nat: number };
}

/** Regime and bounds of the client's row. */
const EXPECTED: Readonly<Record<string, readonly [string, number, number]>> = {
  'nat-two-clients/ts1': ['per-connection', 1, 26],
  'nat-two-clients/ts1-single': ['per-connection', 1, 24],
  'nat-two-clients/ts2-shift': ['interleaved', 2, 2],
  'tw-recycle/drop-b': ['interleaved', 2, 2],
  'tw-recycle/rule-one-modern-host': ['per-connection', 1, 12],
  'tw-recycle-real/two-hosts': ['interleaved', 2, 2],
};

for (const [scenario, expected] of Object.entries(EXPECTED)) {
  test(`${scenario}: the bounds contain the truth, and a line returned to is one machine's`, { skip }, async () => {
    const folder = join(LAB, scenario);
    const truth: Truth = JSON.parse(readFileSync(join(folder, 'truth.json'), 'utf8'));
    const { clocks, findings } = await collect([{ name: scenario, path: join(folder, 'srv.pcap') }]);
    assert.equal(clocks.length, 1);
    const [{ regime, hostsLow, hostsHigh }] = clocks as [(typeof clocks)[0]];
    assert.deepEqual([regime, hostsLow, hostsHigh], expected);
    const hosts = truth.expect.hosts_behind_nat;
    assert.ok(hostsLow! <= hosts && hosts <= hostsHigh!, `${hostsLow} to ${hostsHigh}, and there were ${hosts}`);
    if (regime !== 'interleaved') return;

    const machines = new Map(truth.connections.map(c => [c.client_addr?.[0], c.client]));
    const behind = new Map(truth.conntrack_new.map(({ inside, outside }) => [outside[1], machines.get(inside[0])]));
    for (const c of truth.connections) behind.set(c.seen_by_server_as?.[1] ?? c.lport ?? 0, c.client);
    const [shared] = findings.filter(({ rule }) => rule === 'shared-address');
    const from = shared!.packets.map(({ note }) => behind.get(Number(/port (\d+)/.exec(note)![1])));
    assert.equal(from.length, 3);
    assert.ok(from[0] !== undefined && from[1] !== undefined);
    assert.equal(from[0], from[2]);
    assert.notEqual(from[0], from[1]);
  });
}
