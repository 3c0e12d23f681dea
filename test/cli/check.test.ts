import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { type TestContext, test } from 'node:test';
import { CHECK_FORMATS } from '../../src/cli/options.ts';
import { folder } from '../build/store-sample.ts';
import { fixture, pawscope, ROOT } from './run.ts';

const REUSE = 'time-wait-collision-one-second';
const LAB = 'lab-tw-reuse';

/** A folder with copies of fixtures and their goldens. */
function workplace(t: TestContext, ...names: string[]): string {
  const cwd = folder(t);
  for (const name of names) {
    for (const end of ['.pcap', '.findings.json']) copyFileSync(fixture(name + end), join(cwd, name + end));
  }
  return cwd;
}

function edit(path: string, change: (golden: Record<string, unknown>[]) => void): void {
  const golden = JSON.parse(readFileSync(path, 'utf8'));
  change(golden);
  writeFileSync(path, JSON.stringify(golden));
}

for (const [how, PAWSCOPE_DECODE] of [
  ['with the addon', undefined],
  ['in TypeScript alone', 'typescript'],
] as const) {
  test(`this project's own fixtures are as their goldens say, ${how}`, () => {
    const { status, stdout, stderr } = pawscope(ROOT, ['check', 'fixtures'], {
      env: { ...process.env, NO_COLOR: '', PAWSCOPE_DECODE },
    });
    assert.match(stdout, /^\d+ captures: \d+ are as their goldens say\n$/);
    assert.deepEqual([status, stderr], [0, '']);
  });
}

test('a difference is told finding by finding and key by key, and gives 1', t => {
  const cwd = workplace(t, REUSE, LAB);
  edit(join(cwd, `${REUSE}.findings.json`), golden => {
    Object.assign(golden[0].evidence as object, { age: 31, syns: undefined });
    golden.splice(1, 1);
  });
  const { status, stdout, stderr } = pawscope(cwd, ['check']);
  assert.deepEqual([status, stderr], [1, '']);
  assert.match(stdout, /^time-wait-\S+\.pcap: 2 differences from time-wait-\S+\.findings\.json\n/);
  assert.match(stdout, /~ changed: port-reuse 0477a892ea341d53, 192\.0\.2\.10:40000 → 198\.51\.100\.80:80\n/);
  assert.match(stdout, / {6}evidence\.age: was 31, is 30\.01\n {6}evidence\.syns: was absent, is 2\n/);
  assert.match(stdout, /\+ added: timestamp-regress \w{16}, /);
  assert.match(stdout, /\n\n2 captures: 1 is as its golden says, 1 differs\n$/);
});

test('without a golden it is told how to make one, and then there is one', t => {
  const cwd = workplace(t);
  copyFileSync(fixture(`${REUSE}.pcap`), join(cwd, 'my capture.pcap'));
  const missing = pawscope(cwd, ['check']);
  assert.equal(missing.status, 1);
  assert.match(missing.stdout, /make it with: pawscope check --update 'my capture\.pcap'; then read it/);
  const written = pawscope(cwd, ['check', '--update', 'my capture.pcap']);
  assert.equal(written.status, 0);
  const wrote = `my capture.pcap: wrote my capture.findings.json, ${count(REUSE)} findings\n`;
  assert.ok(written.stdout.startsWith(wrote), written.stdout);
  assert.equal(readFileSync(join(cwd, 'my capture.findings.json'), 'utf8'), golden(REUSE));
  assert.equal(pawscope(cwd, ['check']).status, 0);
});

test('--update makes every golden what is found, and says which it wrote', t => {
  const cwd = workplace(t, REUSE, LAB);
  writeFileSync(join(cwd, `${REUSE}.findings.json`), '<<<<<<< HEAD\n');
  assert.equal(pawscope(cwd, ['check']).status, 2, 'a golden that is none cannot be compared with');
  const { status, stdout } = pawscope(cwd, ['check', '--update']);
  assert.equal(status, 0);
  assert.match(stdout, /^time-wait-\S+: wrote \S+, \d+ findings\n\n2 captures: 1 is as its golden says, 1 golden was/);
  assert.equal(readFileSync(join(cwd, `${REUSE}.findings.json`), 'utf8'), golden(REUSE));
});

const count = (name: string): number => JSON.parse(golden(name)).length;
const golden = (name: string): string => readFileSync(fixture(`${name}.findings.json`), 'utf8');

test('rules that do not run are left out of both sides, and cannot be updated away', t => {
  const cwd = workplace(t, REUSE);
  edit(join(cwd, `${REUSE}.findings.json`), all => all.splice(0, 1)); // the one of port-reuse
  assert.equal(pawscope(cwd, ['check', '--rule', 'reset-close,timestamp-regress']).status, 0);
  assert.equal(pawscope(cwd, ['check', '--rule', 'port-reuse']).status, 1);
  const refused = pawscope(cwd, ['check', '--rule', 'port-reuse', '--update']);
  assert.deepEqual([refused.status, refused.stdout], [2, '']);
  assert.match(refused.stderr, /--update with --rule would drop the findings of the other rules/);
  assert.match(pawscope(cwd, ['check', '--rule', 'no-such']).stderr, /there is no rule no-such/);
});

test('options that findings depend on count', t => {
  const cwd = workplace(t, REUSE);
  const { status, stdout } = pawscope(cwd, ['check', '--time-wait', '10']);
  assert.equal(status, 1);
  assert.match(stdout, /evidence\.class: was "in-time-wait", is/);
});

test('a capture that cannot be read gives 2, and the others are compared all the same', t => {
  const cwd = workplace(t, LAB);
  writeFileSync(join(cwd, 'broken.pcap'), readFileSync(fixture(`${LAB}.pcap`)).subarray(0, 10));
  writeFileSync(join(cwd, 'broken.findings.json'), '[]');
  const { status, stdout } = pawscope(cwd, ['check']);
  assert.equal(status, 2);
  assert.match(stdout, /^broken\.pcap: ends in the middle of its file header \(byte 10\)\n\n2 captures: 1 is as its/);
  assert.equal(pawscope(cwd, ['check', 'nothing.pcap']).status, 2);
  assert.equal(pawscope(cwd, ['check', '-']).status, 2);
});

test('folders are searched with all below them, but not hidden ones, and links are not followed round', t => {
  const cwd = folder(t);
  assert.match(pawscope(cwd, ['check']).stderr, /there is no capture in this folder or below it/);
  for (const path of ['a/b', '.git', 'node_modules/x']) mkdirSync(join(cwd, path), { recursive: true });
  for (const path of ['a/b/one.pcap', '.git/two.pcap', 'node_modules/x/three.pcap']) {
    copyFileSync(fixture(`${LAB}.pcap`), join(cwd, path));
  }
  symlinkSync(cwd, join(cwd, 'a', 'round'));
  const { status, stdout } = pawscope(cwd, ['check']);
  assert.equal(status, 1);
  assert.match(
    stdout,
    /^a\/b\/one\.pcap: there is no a\/b\/one\.findings\.json;[^\n]*\n\n1 capture: 1 has no golden\n$/,
  );
});

test('a folder with a golden beside it is one capture; its parts need no goldens', t => {
  const cwd = folder(t);
  mkdirSync(join(cwd, 'rotated'));
  for (const part of ['rotated-1', 'rotated-2']) {
    copyFileSync(fixture(`rotated/${part}.pcap`), join(cwd, 'rotated', `${part}.pcap`));
  }
  copyFileSync(fixture('rotated.findings.json'), join(cwd, 'rotated.findings.json'));
  for (const args of [[], ['rotated'], [join(cwd, 'rotated/')]]) {
    const { status, stdout } = pawscope(cwd, ['check', '-v', ...args]);
    assert.deepEqual([status, stdout.split(':')[0]], [0, 'rotated/']);
  }
  rmSync(join(cwd, 'rotated'), { recursive: true });
  mkdirSync(join(cwd, 'rotated'));
  copyFileSync(fixture(`${LAB}.pcap`), join(cwd, 'other.pcap'));
  assert.match(pawscope(cwd, ['check']).stdout, /there is no capture beside rotated\.findings\.json/);
});

test('a golden whose capture is gone fails, so that a renamed capture does not go unchecked', t => {
  const cwd = workplace(t, REUSE, LAB);
  rmSync(join(cwd, `${LAB}.pcap`));
  const { status, stdout } = pawscope(cwd, ['check', cwd]);
  assert.equal(status, 1);
  assert.match(stdout, /^lab-tw-reuse\.findings\.json: there is no capture beside /);
});

test('two captures that would share a golden are refused', t => {
  const cwd = workplace(t, LAB);
  copyFileSync(fixture(`${LAB}.pcap`), join(cwd, `${LAB}.cap`));
  const { status, stderr } = pawscope(cwd, ['check']);
  assert.equal(status, 2);
  assert.match(stderr, /would share lab-tw-reuse\.findings\.json; rename one of them/);
});

test('names that are no UTF-8 and names with spaces have goldens of their own', t => {
  const cwd = folder(t);
  const name = Buffer.concat([Buffer.from(`${cwd}/caf`), Buffer.from([0xe9])]);
  writeFileSync(Buffer.concat([name, Buffer.from('.pcap')]), readFileSync(fixture(`${REUSE}.pcap`)));
  assert.equal(pawscope(cwd, ['check', '--update']).status, 0);
  assert.equal(String(readFileSync(Buffer.concat([name, Buffer.from('.findings.json')]))), golden(REUSE));
  assert.equal(pawscope(cwd, ['check']).status, 0);
});

test('nothing that is told depends on where the captures lie or on when they are compared', t => {
  const told = [workplace(t, REUSE), workplace(t, REUSE)].map(cwd => {
    edit(join(cwd, `${REUSE}.findings.json`), all => all.splice(0, 1));
    return CHECK_FORMATS.map(format => {
      const inside = pawscope(cwd, ['check', '--format', format]).stdout;
      assert.equal(pawscope(cwd, ['check', '--format', format, cwd]).stdout, inside, 'also when named in full');
      assert.doesNotMatch(inside, /\/tmp|pawscope-/);
      return inside;
    });
  });
  assert.deepEqual(told[0], told[1]);
});

test('the JSON document has every capture with its verdict and every change', t => {
  const cwd = workplace(t, REUSE, LAB);
  edit(join(cwd, `${LAB}.findings.json`), all => {
    all[0].severity = 'error';
  });
  const document = JSON.parse(pawscope(cwd, ['check', '--format', 'json']).stdout);
  assert.equal(document.schema_version, 1);
  const [lab, reuse] = document.checks;
  assert.deepEqual(reuse, {
    capture: `${REUSE}.pcap`,
    golden: `${REUSE}.findings.json`,
    verdict: 'same',
    findings: count(REUSE),
  });
  assert.equal(lab.verdict, 'differs');
  assert.deepEqual(lab.changes[0].keys, [{ key: 'severity', was: 'error', is: 'info' }]);
});

test('in GitHub Actions a step has annotations, and a table on its page', t => {
  const cwd = workplace(t, REUSE);
  edit(join(cwd, `${REUSE}.findings.json`), all => all.splice(1, 1));
  const env = { ...process.env, GITHUB_STEP_SUMMARY: join(cwd, 'summary.md') };
  assert.match(
    pawscope(cwd, ['check', '--format', 'github'], { env }).stdout,
    /^::error file=time-wait-[^\n]+\npawscope: /,
  );
  const analysed = pawscope(cwd, ['analyze', '--format', 'github', `${REUSE}.pcap`], { env });
  assert.match(analysed.stdout, /^::warning file=time-wait-\S+\.pcap,line=12,title=port-reuse /);
  const summary = readFileSync(join(cwd, 'summary.md'), 'utf8');
  assert.match(summary, /\| capture \| what \|[\s\S]*\| added \|[\s\S]*\| severity \| evidence \|/);
  const lost = { ...env, GITHUB_STEP_SUMMARY: join(cwd, 'no', 'such') };
  assert.equal(pawscope(cwd, ['check', '--format', 'github'], { env: lost }).status, 2);
});

test('captures elsewhere are named as they were given, those below the folder one is in from there', t => {
  const cwd = folder(t);
  const elsewhere = workplace(t, REUSE);
  const named = (path: string): string => pawscope(cwd, ['check', '--verbose', path]).stdout.split('\n')[0];
  const capture = join(elsewhere, `${REUSE}.pcap`);
  assert.ok(named(capture).startsWith(`${capture}: as its golden says`), 'a file');
  assert.ok(named(elsewhere).startsWith(`${capture}: as its golden says`), 'a folder');
  const near = relative(cwd, elsewhere);
  assert.ok(named(near).startsWith(`${near}/${REUSE}.pcap: `), 'relative, as given');
  const twice = pawscope(cwd, ['check', capture, join(near, `${REUSE}.pcap`)]);
  assert.deepEqual(
    [twice.status, twice.stdout],
    [0, '1 capture: 1 is as its golden says\n'],
    'one capture by two names',
  );
  assert.ok(pawscope(elsewhere, ['check', '-v', capture]).stdout.startsWith(`${REUSE}.pcap: `), 'below');
  rmSync(join(elsewhere, `${REUSE}.findings.json`));
  assert.ok(pawscope(cwd, ['check', capture]).stdout.includes(`there is no ${elsewhere}/${REUSE}.findings.json`));
  mkdirSync(join(elsewhere, 'set'));
  writeFileSync(join(elsewhere, 'set.findings.json'), '[]\n');
  copyFileSync(capture, join(elsewhere, 'set', 'part.pcap'));
  assert.match(
    pawscope(cwd, ['check', `${near}/set/`]).stdout,
    new RegExp(`differences from ${near}/set\\.findings\\.json`),
  );
});
