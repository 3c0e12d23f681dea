/** pawscope.config.json: where it is found, what wins, what is said of mistakes. */
import assert from 'node:assert/strict';
import { chmodSync, chownSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { folder } from '../../build/store-sample.ts';
import { fixture, pawscope, type Result } from '../run.ts';

const COLLISION = fixture('time-wait-collision-one-second.pcap');

/** A repository whose configuration says this. */
function repository(t: TestContext, config: unknown): string {
  const root = folder(t);
  mkdirSync(join(root, '.git'));
  mkdirSync(join(root, 'a', 'b'), { recursive: true });
  writeFileSync(join(root, 'pawscope.config.json'), typeof config === 'string' ? config : JSON.stringify(config));
  return root;
}

/** `option value from` of --show-config. */
const shown = ({ stdout }: Result): Record<string, string[]> =>
  Object.fromEntries(
    stdout
      .trimEnd()
      .split('\n')
      .map(line => [line.split(/\s{2,}/)[0], line.split(/\s{2,}/).slice(1)]),
  );

test('the nearest file up to the root of the repository holds; flags win over the command, and that over all', t => {
  const root = repository(t, {
    'time-wait': 120,
    format: 'ndjson',
    analyze: { 'time-wait': 90, rule: ['port-reuse'] },
    db: 'x/y.db',
  });
  const cwd = join(root, 'a', 'b');
  const options = shown(pawscope(cwd, ['analyze', '--show-config', '--format', 'csv']));
  const file = '../../pawscope.config.json';
  assert.deepEqual(options['time-wait'], ['90', file]);
  assert.deepEqual(options.format, ['csv', 'flag']);
  assert.deepEqual(options.rule, ['port-reuse', file]);
  assert.deepEqual(options.db, ['../../x/y.db', file], 'files are named from where the configuration lies');
  assert.deepEqual(options['max-flows'], ['4000000', 'default']);
  assert.deepEqual(shown(pawscope(cwd, ['check', '--show-config', '--format', 'text']))['time-wait'], ['120', file]);
  assert.deepEqual(shown(pawscope(cwd, ['findings', '--show-config'])).db, ['../../x/y.db', file]);
  assert.deepEqual(shown(pawscope(cwd, ['findings', 'z.db', '--show-config'])).db, ['z.db', 'argument']);
  assert.deepEqual(shown(pawscope(cwd, ['analyze', '--no-config', '--show-config'])).format, ['text', 'default']);
  writeFileSync(join(cwd, 'other.json'), '{ "flows": true }');
  const other = shown(pawscope(cwd, ['analyze', '--config', 'other.json', '--show-config']));
  assert.deepEqual(
    [other.flows, other.format],
    [
      ['true', 'other.json'],
      ['text', 'default'],
    ],
  );
});

test('beyond the root of the repository, and outside of any, no file above is looked for', t => {
  const root = repository(t, { format: 'json' });
  mkdirSync(join(root, 'a', '.git'));
  assert.deepEqual(shown(pawscope(join(root, 'a', 'b'), ['analyze', '--show-config'])).format, ['text', 'default']);
  const loose = folder(t);
  writeFileSync(join(loose, 'pawscope.config.json'), '{ "format": "json" }');
  mkdirSync(join(loose, 'below'));
  const env = { ...process.env, HOME: '/nonexistent' };
  assert.deepEqual(shown(pawscope(join(loose, 'below'), ['analyze', '--show-config'], { env })).format, [
    'text',
    'default',
  ]);
  assert.equal(shown(pawscope(loose, ['analyze', '--show-config'], { env })).format![0], 'json', 'but here it is');
});

test('in a folder that everybody can write to, the file of another user is not obeyed', {
  skip: process.getuid?.() === 0 ? false : 'skipped: needs root',
}, t => {
  const root = repository(t, { format: 'json' });
  const format = (env: NodeJS.ProcessEnv = {}): string =>
    shown(pawscope(root, ['analyze', '--show-config'], { env: { ...process.env, ...env } })).format![0];
  chmodSync(root, 0o1777);
  assert.equal(format(), 'json', "it is the user's own");
  chownSync(join(root, 'pawscope.config.json'), 12_345, 12_345);
  assert.equal(format(), 'text');
  assert.equal(format({ SUDO_UID: '12345' }), 'json', 'its owner called sudo');
  chmodSync(root, 0o755);
  assert.equal(format(), 'json', 'whoever owns the folder put it there');
});

test('a run obeys the file', t => {
  const root = repository(t, {
    db: 'kept.db',
    analyze: { 'fail-on': 'warning', quiet: true, sysctl: ['tcp_tw_recycle=1'] },
  });
  const cwd = join(root, 'a');
  assert.deepEqual(pawscope(cwd, ['analyze', COLLISION]), { status: 1, stdout: '', stderr: '' });
  const { status, stdout } = pawscope(join(root, 'a', 'b'), ['findings', '--format', 'ndjson']);
  assert.equal(status, 0);
  assert.match(stdout, /"what_if"/);
  assert.equal(pawscope(cwd, ['explain', 'port-reuse']).status, 0);
});

test('mistakes are one sentence that guesses, with status 2', t => {
  for (const [config, sentence] of [
    [{ timeWait: 1 }, /there is no option timeWait; did you mean time-wait\?/],
    [{ time_wait: 1 }, /did you mean time-wait\?/],
    [{ '--rule': 'x' }, /did you mean rule\?/],
    [{ xyzzy: 1 }, /there is no option xyzzy; there are .*time-wait/],
    [{ analyse: {} }, /did you mean analyze\?/],
    [{ analyze: { severity: 'error' } }, /analyze has no option severity; /],
    [{ analyze: 1 }, /analyze is a command; its value must be an object of its options/],
    [{ 'time-wait': '120' }, /time-wait is "120", but must be a number/],
    [{ analyze: { 'time-wait': -1 } }, /analyze\.time-wait: -1 is invalid\. It must be a number of seconds above 0/],
    [{ flows: 'yes' }, /flows is "yes", but must be true or false/],
    [{ rule: [1] }, /rule is \[1\], but must be a text or a list of them/],
    [{ format: 'jsn' }, /format: "jsn" is invalid\. Did you mean json\?/],
    [{ format: ['json'] }, /format is \["json"\], but must be a text/],
    [{ update: true }, /there is no option update/],
    [[], /must contain an object/],
    ['{ "format": }', /is not JSON: /],
  ] as const) {
    const { status, stdout, stderr } = pawscope(repository(t, config), ['analyze', COLLISION]);
    assert.deepEqual([status, stdout], [2, ''], JSON.stringify(config));
    assert.match(stderr, sentence);
    assert.match(stderr, /^pawscope: pawscope\.config\.json[^\n]+\n$/);
  }
  assert.match(
    pawscope(folder(t), ['analyze', '--config', 'none.json', COLLISION]).stderr,
    /none\.json: cannot be read: there is no such file or folder\n$/,
  );
});

test('a database of the file must be a text, and no file stands in the way of --help and --version', t => {
  const root = repository(t, { db: 7 });
  assert.match(pawscope(root, ['findings']).stderr, /db is 7, but must be a text\n$/);
  for (const args of [['--version'], ['analyze', '--help'], ['collect']]) assert.equal(pawscope(root, args).status, 0);
});

test('the page of the configuration shows what there is', t => {
  const page = readFileSync(new URL('../../../../docs/configuration.md', import.meta.url), 'utf8');
  const [, config] = /^```json\n([\s\S]*?)^```/m.exec(page)!;
  const [, command] = /^```sh\npawscope (.*)\n```/m.exec(page)!;
  const [, output] = /^```text\n([\s\S]*?)^```/m.exec(page)!;
  assert.deepEqual(pawscope(repository(t, config), command!.split(' ')), { status: 0, stdout: output, stderr: '' });
});

test('the schema for editors has what the file may hold', () => {
  const schema = JSON.parse(
    readFileSync(new URL('../../../../docs/pawscope.config.schema.json', import.meta.url), 'utf8'),
  );
  assert.deepEqual(schema.properties.analyze.properties['time-wait'].type, 'number');
  assert.ok(schema.properties.format.enum.includes('html'));
  assert.equal(schema.properties.check.properties.update, undefined);
});
