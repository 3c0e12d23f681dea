import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { type GoldenFinding, goldenDocument, goldenText, parseGolden } from '../../../src/report/check/golden.ts';
import { type Change, goldenChanges } from '../../../src/report/check/golden-diff.ts';
import { fixtureNamed } from '../../build/fixtures.ts';
import { finding, ORIGIN, packet } from '../../build/store-sample.ts';

const GOLDEN = readFileSync(fixtureNamed('lab-tw-reuse.pcap').golden, 'utf8');
const read = (): GoldenFinding[] => parseGolden(GOLDEN, 'lab-tw-reuse.findings.json');
const kinds = (changes: readonly Change[]): string[] => changes.map(({ kind, finding: { id } }) => `${kind} ${id}`);

/** An object or an array. */
type Node = Record<string | number, unknown>;

/** Every place in a document, as a list of steps. */
function* places(value: unknown, steps: readonly (string | number)[] = []): Generator<readonly (string | number)[]> {
  if (steps.length > 0) yield steps;
  if (typeof value !== 'object' || value === null) return;
  for (const [name, inner] of Object.entries(value)) {
    yield* places(inner, [...steps, Array.isArray(value) ? Number(name) : name]);
  }
}

const pathOf = (steps: readonly (string | number)[]): string =>
  steps
    .map((step, i) => {
      if (typeof step === 'number') return `[${step}]`;
      return /^\w+$/.test(step) ? `${i === 0 ? '' : '.'}${step}` : `["${step}"]`;
    })
    .join('');

test('a golden that was just written says what was found', () => {
  const evidence = fc.dictionary(fc.string(), fc.jsonValue() as fc.Arbitrary<unknown>);
  fc.assert(
    fc.property(fc.array(fc.tuple(evidence, fc.string(), fc.nat(3)), { maxLength: 6 }), all => {
      const found = all.map(([evidence, title, id]) =>
        finding({ id: `f${id}`, title, evidence, packets: [packet({ note: title })] }),
      );
      const documents = goldenDocument(found, ORIGIN);
      const again = parseGolden(JSON.stringify(documents), 'x');
      assert.deepEqual(goldenChanges(parseGolden(goldenText(documents), 'x'), again), []);
    }),
    { numRuns: 100 },
  );
});

test('any one key that is changed, added or removed is found and named, and nothing else', () => {
  const finding = fc.nat(read().length - 1);
  fc.assert(
    fc.property(finding, fc.nat(), fc.constantFrom('change', 'remove', 'add'), (which, nth, what) => {
      const golden = read();
      const all = [...places(golden[which])];
      const steps = all[nth % all.length];
      const target = steps.slice(0, -1).reduce((at, step) => (at as Node)[step], golden[which] as unknown) as Node;
      const last = steps.at(-1)!;
      const added = what === 'add' && !Array.isArray(target);
      if (added) Object.assign(target, { 'a new key': 1 });
      // An element in the middle of a list cannot go without the others changing places.
      else if (what === 'remove' && !Array.isArray(target)) delete target[last];
      else Object.assign(target, { [last]: 'something else' });
      const changes = goldenChanges(golden, read());
      assert.deepEqual(kinds(changes), [`changed ${read()[which].id}`]);
      assert.ok(changes[0].kind === 'changed');
      assert.deepEqual(
        changes[0].keys.map(({ key }) => key),
        [pathOf(added ? [...steps.slice(0, -1), 'a new key'] : steps)],
      );
    }),
    { numRuns: 300 },
  );
});

test('a finding that is new and one that is gone are told where they stand', () => {
  const [first, second, third, ...rest] = read();
  assert.deepEqual(kinds(goldenChanges([first, third, ...rest], read())), [`added ${second.id}`]);
  assert.deepEqual(kinds(goldenChanges(read(), [first, third, ...rest])), [`gone ${second.id}`]);
  assert.deepEqual(kinds(goldenChanges([], [first])), [`added ${first.id}`]);
  assert.deepEqual(kinds(goldenChanges([first, second], [])), [`gone ${first.id}`, `gone ${second.id}`]);
});

test('of findings in another order the one that moved is told, not those that it passed', () => {
  const [first, ...rest] = read();
  assert.deepEqual(kinds(goldenChanges(read(), [...rest, first])), [`moved ${first.id}`]);
  assert.deepEqual(kinds(goldenChanges([...rest, first], read())), [`moved ${first.id}`]);
});

test('an event whose class, and so whose id, is another is one change and not two', () => {
  const golden = read();
  const reuse = golden.findIndex(({ evidence }) => evidence.class === 'in-time-wait');
  golden[reuse] = { ...golden[reuse], id: 'f00', evidence: { ...golden[reuse].evidence, class: 'grace' } };
  const [change, ...others] = goldenChanges(golden, read());
  assert.deepEqual(others, []);
  assert.ok(change.kind === 'changed');
  assert.deepEqual(change.keys, [
    { key: 'id', was: 'f00', is: read()[reuse].id },
    { key: 'evidence.class', was: 'grace', is: 'in-time-wait' },
  ]);
});

test('the same id twice is compared one by one', () => {
  const [one] = read();
  assert.deepEqual(kinds(goldenChanges([one], [one, one])), [`added ${one.id}`]);
  assert.deepEqual(kinds(goldenChanges([one, one], [one])), [`gone ${one.id}`]);
});

test('what is no golden is one sentence', () => {
  for (const text of ['', '<<<<<<< HEAD\n[]', '{}', '[1]', '[[]]', '[{}]', '[{"id":{},"rule":5}]', 'null']) {
    assert.throws(() => parseGolden(text, 'x.findings.json'), /^PawscopeError: x\.findings\.json is not /);
  }
});
