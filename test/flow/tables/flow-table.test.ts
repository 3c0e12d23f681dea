import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { addon } from '../../../src/capture/native.ts';
import { layout } from '../../../src/flow/layout.ts';
import { discard, FlowTable } from '../../../src/flow/tables/flow-table.ts';
import { tupleHash } from '../../../src/wire/fingerprint.ts';

const { FLOW_WORDS, HOST_A, HOST_B, PORTS, SCOPE, STATE } = layout.L;
const { FlowBit } = layout;

type Tuple = readonly [number, number, number, number];

/** A table beside the plain map that it must equal. Hashes are few, so that probe chains are long and wrap around. */
class Both {
  readonly table: FlowTable;
  readonly model = new Map<string, number>();
  private readonly hash: (tuple: Tuple) => number;

  constructor(capacity: number, hash: (tuple: Tuple) => number) {
    this.table = new FlowTable(capacity);
    this.hash = hash;
  }

  find(tuple: Tuple): number {
    return this.table.find(this.hash(tuple), ...tuple);
  }

  put(tuple: Tuple): void {
    const { table } = this;
    const base = table.allocate();
    assert.ok(
      table.words.subarray(base, base + FLOW_WORDS).every(word => word === 0),
      'a new record is zeroed',
    );
    table.words.set(tuple.slice(0, 3), base + HOST_A);
    table.words[base + SCOPE] = tuple[3];
    const older = this.model.get(String(tuple));
    if (older === undefined) table.insert(this.hash(tuple), base);
    else {
      table.replace(this.hash(tuple), older, base);
      assert.equal(table.words[older + STATE] & FlowBit.INDEXED, 0);
      table.release(older);
    }
    this.model.set(String(tuple), base);
  }

  remove(tuple: Tuple): void {
    const base = this.model.get(String(tuple));
    if (base === undefined) return;
    this.table.remove(this.hash(tuple), base);
    this.table.release(base);
    this.model.delete(String(tuple));
  }

  check(tuples: Iterable<Tuple>): void {
    for (const tuple of tuples) assert.equal(this.find(tuple), this.model.get(String(tuple)) ?? -1);
    assert.equal(this.table.size, this.model.size);
  }
}

const tupleOf = (n: number): Tuple => [n & 3, (n >>> 2) & 3, (n >>> 4) * 65537, n % 2];
const POOL = 200;
const pool = Array.from({ length: POOL }, (_, n) => tupleOf(n));

const step = fc.tuple(fc.constantFrom('put', 'put', 'remove'), fc.nat(POOL - 1));

for (const [name, hash] of [
  ['the real hash', (t: Tuple) => tupleHash(...t)],
  ['a hash with eight values, at the end of the index', (t: Tuple) => -1 - (tupleHash(...t) & 7)],
  ['a hash of zero', () => 0],
] as const) {
  test(`flows are found, replaced and removed as in a map, by ${name}`, () => {
    const same = fc.property(fc.array(step, { maxLength: 400, size: 'max' }), steps => {
      const both = new Both(POOL + 1, hash);
      for (const [act, n] of steps) both[act as 'put' | 'remove'](pool[n]);
      both.check(pool);
    });
    fc.assert(same, { numRuns: 100 });
  });
}

test('the index grows with its flows', () => {
  const COUNT = 20_000;
  const both = new Both(COUNT, t => tupleHash(...t));
  const many = Array.from({ length: COUNT }, (_, n): Tuple => [n, n ^ 0x5555, n * 65537, 0]);
  for (const tuple of many) both.put(tuple);
  assert.ok(both.table.full);
  both.check(many);
  for (const tuple of many.slice(0, COUNT / 2)) both.remove(tuple);
  assert.ok(!both.table.full);
  both.check(many);
});

test('a full table has room again as soon as a record is released', () => {
  const table = new FlowTable(2);
  const [first] = [table.allocate(), table.allocate()];
  assert.ok(table.full);
  table.release(first!);
  assert.ok(!table.full);
  assert.equal(table.allocate(), first);
  assert.ok(table.full);
});

test('tuples that differ in one field only are two flows', () => {
  const base: Tuple = [1, 2, (80 << 16) | 40000, 0];
  const both = new Both(8, () => 5);
  both.put(base);
  for (const [field, value] of [
    [HOST_A, 9],
    [HOST_B, 9],
    [PORTS, 9],
    [3, 9],
  ] as const) {
    const other = [...base] as unknown as [number, number, number, number];
    other[field] = value;
    assert.equal(both.find(other), -1);
  }
  assert.notEqual(both.find(base), -1);
});

test('of memory that is given back the pages go that hold nothing else', { skip: addon === undefined }, () => {
  const words = new Int32Array(1 << 20).fill(7);
  const [from, count] = [1000, 500_000];
  discard(words, from, count, 1);
  const [first, end] = [words.indexOf(0), words.lastIndexOf(0) + 1];
  const page = 4096 / Int32Array.BYTES_PER_ELEMENT;
  assert.ok(first >= from && end <= from + count, `from ${first} to ${end}`);
  assert.ok(end - first > count - 32 * page);
  assert.ok(words.subarray(first, end).every(word => word === 0));
});
