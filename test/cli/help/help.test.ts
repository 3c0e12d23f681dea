/** What the command line says of itself: help, guesses, the manual page. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { dated, MANUAL, manualText, program, SCHEMA, schemaText } from '../../build/manual.ts';
import { folder } from '../../build/store-sample.ts';
import { BIN, fixture, pawscope } from '../run.ts';

const COMMANDS = program().commands.map(command => command.name());

test('--help of every command fits a screen of 80 columns and about 40 lines, and has examples', t => {
  const cwd = folder(t);
  for (const command of ['', ...COMMANDS]) {
    const { status, stdout } = pawscope(cwd, [...(command === '' ? [] : [command]), '--help']);
    assert.equal(status, 0);
    const lines = stdout.trimEnd().split('\n');
    assert.ok(lines.length <= 42, `${command}: ${lines.length} lines`);
    for (const line of lines) assert.ok(line.length <= 80, `${command}: ${line}`);
    assert.match(stdout, /\nExamples:\n {2}\S/);
    if (command !== '') assert.match(stdout, /\nExit status: 0 /);
  }
});

test('every option is named somewhere in the help of its command', t => {
  const cwd = folder(t);
  for (const command of program().commands) {
    const { stdout } = pawscope(cwd, [command.name(), '--help']);
    for (const { long } of command.options) assert.ok(stdout.includes(long!), `${command.name()} ${long}`);
  }
});

test('what is mistyped is guessed in one sentence, with status 2', t => {
  const cwd = folder(t);
  const capture = fixture('time-wait-collision-one-second.pcap');
  for (const [args, sentence] of [
    [['analyse'], /unknown command 'analyse' \(Did you mean analyze\?\)/],
    [['analyze', '--fromat', 'json'], /unknown option '--fromat' \(Did you mean --format\?\)/],
    [['analyze', capture, '--severity', 'error'], /unknown option '--severity'; to fail from a severity on: --fail-on/],
    [
      ['analyze', capture, '-o', 'page.html'],
      /unknown option '-o'; to write a report .*: pawscope report DB -o FILE; see/,
    ],
    [['analyze', capture, '--format', 'jsn'], /Did you mean json\? Allowed choices are text, json/],
    [['analyze', capture, '--profile', 'linux-6.2'], /Did you mean linux-6\.1/],
    [['findings', '--severity', 'waring'], /Did you mean warning\?/],
    [['analyze', capture, '--rule', 'port-resue'], /there is no rule port-resue; did you mean port-reuse\?/],
    [['analyze', capture, '--expect', 'reuse=1'], /there is no rule reuse; did you mean port-reuse\?/],
    [['analyze', capture, '--rule', 'a,b'], /there is no rule a, b; the rules are/],
    [['check', '--color', 'alway'], /Did you mean always\?/],
    [['completion', 'bsh'], /Did you mean bash\?/],
    [['completion'], /missing required argument 'shell'; see pawscope completion --help/],
    [['help', 'nothing'], /there is no command nothing; name one of analyze, /],
    [[capture], /unknown command '[^']+'; to read a capture: pawscope analyze \//],
    [['live', 'lo'], /name an interface with -i: pawscope live -i lo; /],
    [
      ['live', '-i', 'lo', '--keep', '7'],
      /a whole number above 0 with its unit, s, m, h or d, such as 12h or 7d, and at most 36525d/,
    ],
    [['live', '-i', 'lo', '--max-db', '1G'], /It must be a whole number with its unit, KB, MB or GB, and 16MB or more/],
    [['live', 'tcp'], /name an interface with -i, or any; /],
    [['analyze', ''], /the name of a capture is empty; is a variable not set\?/],
    [['findings', capture], /is not a database; name another file, and give captures to pawscope analyze/],
    [['findings', '--run', 'x'], /It must be a run's number, or last; see pawscope findings --help/],
    [['findings', '--limit', '0'], /It must be a whole number, 1 or more; see/],
  ] as const) {
    const { status, stderr, stdout } = pawscope(cwd, args);
    assert.deepEqual([status, stdout], [2, ''], args.join(' '));
    assert.match(stderr, sentence);
    assert.match(stderr, /^pawscope: [^\n]+\n$/);
  }
});

test('what the parser itself prints is not lost in silence when the disk is full', t => {
  const cwd = folder(t);
  const full = openSync('/dev/full', 'w');
  for (const args of [
    ['--help'],
    ['--version'],
    ['help', 'live'],
    ['analyze', '--help'],
    ['analyze', '--show-config'],
  ]) {
    const { status, stderr } = pawscope(cwd, args, { stdio: ['ignore', full, 'pipe'] });
    assert.equal(status, 2, args.join(' '));
    assert.match(stderr, /^pawscope: standard output cannot be written: no space left on the disk\n$/);
  }
  closeSync(full);
});

test('a page is not poured into a terminal', t => {
  const command = `'${process.execPath}' '${BIN}' report; echo "status $?"`;
  const { error, stdout } = spawnSync('script', ['-qec', command, '/dev/null'], { cwd: folder(t), encoding: 'utf8' });
  if (error !== undefined) {
    t.skip('needs script');
    return;
  }
  assert.match(stdout, /^pawscope: the page would go to the terminal; name a file: -o incident\.html[^\n]*\nstatus 2/);
});

test('the manual page and the schema are those of the tables: npm run manual writes them', () => {
  const page = readFileSync(MANUAL, 'utf8');
  assert.equal(page, manualText(dated(page)!));
  assert.equal(readFileSync(SCHEMA, 'utf8'), schemaText());
});

const LINTERS = [
  ['mandoc', ['-Tlint', '-Wwarning', MANUAL]],
  ['man', ['--warnings', '--local-file', MANUAL]],
] as const;

for (const [tool, args] of LINTERS) {
  test(`${tool} has nothing to say against the manual page`, t => {
    const { error, status, stderr, stdout } = spawnSync(tool, args, {
      encoding: 'utf8',
      env: { ...process.env, LC_ALL: 'C.UTF-8' },
    });
    if (error !== undefined) {
      t.skip(`needs ${tool}`);
      return;
    }
    assert.deepEqual([status, stderr], [0, '']);
    if (tool === 'mandoc') assert.equal(stdout, '');
    else for (const command of COMMANDS) assert.ok(stdout.includes(command), command);
  });
}
