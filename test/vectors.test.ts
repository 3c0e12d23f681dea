/**
 * The contract's packet sequences with their exact outcome. Each vector becomes a nanosecond pcap, goes through
 * `analyse()`, and must give its findings of the rules that the vectors speak of: no more, no fewer.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { Finding } from '../src/detect/finding.ts';
import { collect, type Outcome } from './build/collect.ts';
import { frames, type Packet } from './build/packet.ts';
import { BASE_TIME, pcap } from './build/pcap.ts';

interface VectorPacket extends Omit<Packet, 'tsval' | 'tsecr'> {
  tsval?: number | null;
  tsecr?: number | null;
  ip_id?: number;
}

interface Expectation {
  rule: string;
  evidence: Record<string, unknown>;
}

interface Vector {
  id: string;
  purpose: string;
  packets: VectorPacket[];
  findings: Expectation[];
  time_wait?: { owner: string; owner_port: number; start: number; end: number }[];
}

const RULES = [
  'timestamp-regress',
  'recycle-hazard',
  'recycle-signature',
  'shared-address',
  'port-reuse',
  'reset-close',
];

const TOLERANCE = 0.002;

const vectors: Vector[] = JSON.parse(readFileSync(new URL('../../test/vectors.json', import.meta.url), 'utf8'));

for (const vector of vectors) {
  test(`${vector.id} ${vector.purpose}`, async () => {
    const bytes = pcap(frames(vector.packets.map(packetOf)), { nanos: true });
    const outcome = await collect([{ name: `${vector.id}.pcap`, bytes }]);
    checkFindings(vector, outcome.findings);
    if (vector.time_wait !== undefined) checkTimeWaits(vector.time_wait, outcome);
  });
}

function packetOf({ ip_id, tsval, tsecr, ...rest }: VectorPacket): Packet {
  return {
    ...rest,
    tsval: tsval ?? undefined,
    tsecr: tsecr ?? undefined,
    ...(ip_id === undefined ? {} : { ipId: ip_id }),
  };
}

function checkFindings(vector: Vector, findings: readonly Finding[]): void {
  const counts = (rule: string): boolean => RULES.includes(rule);
  const expected = vector.findings.filter(e => counts(e.rule));
  const actual = findings.filter(f => counts(f.rule));
  const matches = (e: Expectation, f: Finding): boolean => e.rule === f.rule && agrees(e.evidence, f.evidence);
  if (!pairUp(expected, actual, matches)) {
    const told = actual.map(({ rule, evidence }) => ({ rule, evidence }));
    assert.fail(`expected ${JSON.stringify(expected, null, 1)}\ngot ${JSON.stringify(told, null, 1)}`);
  }
}

function checkTimeWaits(expected: NonNullable<Vector['time_wait']>, { origin, timeWaits }: Outcome): void {
  const actual = timeWaits.map(row => ({
    owner: row.owner,
    owner_port: row.ownerPort,
    start: origin - BASE_TIME + row.start / 1e9,
    end: origin - BASE_TIME + row.end / 1e9,
  }));
  assert.ok(pairUp(expected, actual, agrees), `expected ${JSON.stringify(expected)}\ngot ${JSON.stringify(actual)}`);
}

/** Every listed key equal, numbers within the tolerance, a listed list contained, objects likewise. */
function agrees(expected: unknown, actual: unknown): boolean {
  if (typeof expected === 'number') return typeof actual === 'number' && Math.abs(actual - expected) <= TOLERANCE;
  if (Array.isArray(expected)) {
    return Array.isArray(actual) && expected.every(item => actual.some(other => agrees(item, other)));
  }
  if (typeof expected === 'object' && expected !== null) {
    if (typeof actual !== 'object' || actual === null) return false;
    return Object.entries(expected).every(([key, value]) => agrees(value, (actual as Record<string, unknown>)[key]));
  }
  return expected === actual;
}

/** Whether each expectation has its own counterpart and nothing is left over. */
function pairUp<E, A>(expected: readonly E[], actual: readonly A[], matches: (e: E, a: A) => boolean): boolean {
  const [first, ...rest] = expected;
  if (first === undefined) return actual.length === 0;
  return actual.some((a, i) => matches(first, a) && pairUp(rest, actual.toSpliced(i, 1), matches));
}
