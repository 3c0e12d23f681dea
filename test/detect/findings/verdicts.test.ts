/** Verdicts on the whole run that are told while it goes on. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Finding } from '../../../src/detect/finding.ts';
import { type FindingUpdates, isNothing } from '../../../src/detect/findings/finding-updates.ts';
import { Verdicts } from '../../../src/detect/findings/verdicts.ts';
import { fixtures } from '../../build/fixtures.ts';
import { inShards } from '../../build/in-process.ts';

const VERDICT: Finding = {
  id: 'first',
  rule: 'port-exhaustion',
  severity: 'notice',
  confidence: 'strong',
  title: '70 ports in use',
  epoch: 0,
  at: 0,
  capture: 0,
  frame: 1,
  firstAt: 0,
  lastAt: 0,
  client: '10.0.0.1',
  clientPort: 40_000,
  server: '10.0.0.2',
  serverPort: 80,
  evidence: { in_use: 70 },
  packets: [],
};

function judge(verdicts: Verdicts, findings: readonly Finding[], forgetful: boolean, last: boolean): FindingUpdates {
  for (const finding of findings) verdicts.holds(finding, last, () => finding);
  return verdicts.judged(forgetful);
}

/** What is told after each judging, as ids and titles. */
function told(...judgings: (readonly Finding[])[]): string[] {
  const verdicts = new Verdicts();
  return judgings.map((findings, i) => {
    const { fresh, changed, gone } = judge(verdicts, findings, false, i === judgings.length - 1);
    const list = (word: string, some: readonly Finding[]): string[] =>
      some.map(({ id, title }) => `${word} ${id}: ${title}`);
    return [...gone.map(id => `gone ${id}`), ...list('fresh', fresh), ...list('changed', changed)].join('; ');
  });
}

const later = (difference: Partial<Finding>): Finding => ({
  ...VERDICT,
  id: 'other',
  clientPort: 41_000,
  ...difference,
});

test('a verdict that says something else is told again, and one whose figures alone are others is not', () => {
  const full = later({ title: '60 of 60 ports: nearly full, after 9 s. Whether connect() failed no packet shows' });
  const fuller = later({
    title: '1,060 of 60 ports: nearly full, after 12.5 ms. Whether connect() failed no packet shows',
  });
  const out = later({ title: 'The client has likely run out of ports: 60 of 60 ports' });
  const piled = later({ ...out, evidence: { in_use: 70, signs: ['pile-up-after-2msl'] } });
  assert.deepEqual(told([full], [fuller], [out], [out], [piled], [piled]), [
    `fresh other: ${full.title}`,
    '',
    `fresh other: ${out.title}`,
    '',
    `fresh other: ${out.title}`,
    '',
  ]);
  const glanced = new Verdicts();
  glanced.glimpse(full, () => full);
  glanced.take();
  glanced.glimpse(fuller, () => fuller);
  assert.ok(isNothing(glanced.take()));
  glanced.glimpse(out, () => out);
  assert.deepEqual(glanced.take().fresh, [out]);
});

test('a verdict that grows keeps the id that it was first told under', () => {
  const critical = later({ severity: 'critical', title: '100 ports in use' });
  assert.deepEqual(told([VERDICT], [critical], [later({ ...critical, title: '120 ports in use' })]), [
    'fresh first: 70 ports in use',
    'fresh first: 100 ports in use',
    'changed first: 120 ports in use',
  ]);
});

test('figures alone are told anew only now and then, and at the end', () => {
  const counting = Array.from({ length: 40 }, (_, i) => [later({ title: `${i}` })]);
  const news = told(...counting);
  assert.deepEqual(
    news.flatMap((text, i) => (text === '' ? [] : [i])),
    [0, 30, 39],
  );
});

test('a verdict that holds no longer is taken back', () => {
  assert.deepEqual(told([VERDICT], [], [VERDICT]), [
    'fresh first: 70 ports in use',
    'gone first',
    'fresh first: 70 ports in use',
  ]);
});

test('a verdict that may only have lost its evidence stays, with less confidence', () => {
  const verdicts = new Verdicts();
  judge(verdicts, [VERDICT], true, false);
  const { fresh, gone } = judge(verdicts, [], true, false);
  assert.deepEqual([gone, fresh.map(({ id, confidence }) => [id, confidence])], [[], [['first', 'weak']]]);
  assert.ok(isNothing(judge(verdicts, [], true, true)));
});

test('a verdict that the same packets prove of the other end now stays, under its id', () => {
  const other = { ...VERDICT, title: 'of the other end', evidence: { ...VERDICT.evidence, owner: 'server' } };
  assert.deepEqual(told([VERDICT], [other], []), [
    'fresh first: 70 ports in use',
    'fresh first: of the other end',
    'gone first',
  ]);
});

test('a glance tells what holds for the first time or weighs otherwise, and leaves figures to the next judging', () => {
  const verdicts = new Verdicts();
  const glimpsed = (finding: Finding): string[] => {
    verdicts.glimpse(finding, () => finding);
    return verdicts.take().fresh.map(({ id, title }) => `${id}: ${title}`);
  };
  assert.deepEqual(glimpsed(VERDICT), ['first: 70 ports in use']);
  const more = later({ title: '80 ports in use' });
  assert.deepEqual(glimpsed(more), []);
  assert.ok(isNothing(judge(verdicts, [more], false, false)), 'it is told');
  const critical = later({ severity: 'critical', title: '100 ports in use' });
  assert.deepEqual(glimpsed(critical), ['first: 100 ports in use']);
  const { gone } = judge(verdicts, [], false, false);
  assert.deepEqual(gone, ['first'], 'and is judged with the others');
});

test('a verdict that has lost its evidence is not thought of for ever', () => {
  const verdicts = new Verdicts();
  judge(verdicts, [VERDICT], true, false);
  const settled = Array.from({ length: 40 }, () => judge(verdicts, [], true, false).settled).flat();
  assert.deepEqual(settled, ['first']);
  const { fresh } = judge(verdicts, [later({})], true, false);
  assert.deepEqual(
    fresh.map(({ id }) => id),
    ['other'],
    'the same hosts may come again',
  );
});

test('a verdict that nothing can change any more is told for good', () => {
  const verdicts = new Verdicts();
  judge(verdicts, [VERDICT], false, false);
  const last = later({ title: '71 ports in use' });
  verdicts.holds({ ...last, isSettled: true }, false, () => last);
  const news = verdicts.judged(false);
  assert.deepEqual(
    [news.changed.map(({ id, title }) => [id, title]), news.settled],
    [[['first', '71 ports in use']], ['first']],
  );
  assert.ok(isNothing(judge(verdicts, [], false, false)), 'and is not taken back');
});

/** Whom and what it is about, without the id and place that it has from its first telling. */
const essence = ({ rule, title, evidence, severity, confidence, client, server }: Finding): string =>
  JSON.stringify([rule, client, server, title, evidence, severity, confidence]);

for (const { name, inputs } of fixtures()) {
  test(`${name}: verdicts told twice a second come to the same as those told at the end`, async () => {
    const atEnd = await inShards(inputs, 1);
    for (const shards of [1, 3]) {
      const meanwhile = await inShards(inputs, shards, 0.5);
      assert.deepEqual(meanwhile.findings.map(essence).sort(), atEnd.findings.map(essence).sort());
      assert.deepEqual(meanwhile.tally, atEnd.tally);
      const ids = new Set(meanwhile.findings.map(({ id }) => id));
      assert.equal(ids.size, meanwhile.findings.length, 'each has an id of its own');
    }
  });
}
