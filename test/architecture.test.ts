/** The promises of docs/architecture.md about the source itself. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { detectors } from '../src/detect/index.ts';
import { fixtures, goldenRules } from './build/fixtures.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const SOURCE = join(ROOT, 'src');
const MAX_LINES = 300;

/** A file imports only from its own folder or from folders before it. */
const FOLDERS = ['base', 'capture', 'wire', 'flow', 'detect', 'shard', 'store', 'report', 'cli'];
const CORE = FOLDERS.slice(0, FOLDERS.indexOf('shard') + 1);
/** The files above the folders, and what they may import. */
const TOP: Record<string, readonly string[]> = {
  'analyse.ts': CORE,
  'options.ts': [...CORE, 'analyse.ts'],
  'analysis.ts': [...CORE, 'analyse.ts', 'options.ts'],
  'index.ts': [...CORE, 'options.ts', 'analysis.ts'],
};

const files = readdirSync(SOURCE, { recursive: true, withFileTypes: true })
  .filter(entry => entry.isFile() && entry.name.endsWith('.ts'))
  .map(entry => relative(SOURCE, join(entry.parentPath, entry.name)));

const text = (file: string): string => readFileSync(join(SOURCE, file), 'utf8');

/** `flow` of `flow/tracker.ts`, `analyse.ts` of itself. */
const place = (file: string): string => file.split(sep)[0];

function allowed(from: string): readonly string[] {
  const above = TOP[from];
  if (above !== undefined) return above;
  const own = FOLDERS.slice(0, FOLDERS.indexOf(from) + 1);
  return from === 'cli' ? [...own, ...Object.keys(TOP)] : own;
}

const IMPORT = /(?:from|import)\s*\(?\s*'(\.[^']+)'/g;

for (const file of files) {
  test(`src/${file} imports only from its own folder or from below, and is short`, () => {
    assert.ok(FOLDERS.includes(place(file)) || file in TOP, `src/${place(file)} is no folder of the design`);
    for (const [, target] of text(file).matchAll(IMPORT)) {
      const to = place(relative(SOURCE, join(SOURCE, dirname(file), target!)));
      assert.ok(allowed(place(file)).includes(to), `src/${file} imports ${target}`);
    }
    const lines = text(file).split('\n').length - 1;
    assert.ok(lines <= MAX_LINES, `src/${file} has ${lines} lines; the limit is ${MAX_LINES}`);
  });
}

/** What is not in src/ may be longer, but not without end either. */
for (const [folder, end, limit] of [
  ['test', '.ts', 500],
  ['bench', '.ts', 300],
  ['native', '.c', 400],
  ['native', '.h', 400],
] as const) {
  test(`no file ${folder}/*${end} has more than ${limit} lines`, () => {
    const all = readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).filter(f => f.endsWith(end));
    const long = all.filter(f => readFileSync(join(ROOT, folder, f), 'utf8').split('\n').length - 1 > limit);
    assert.notEqual(all.length, 0);
    assert.deepEqual(long, []);
  });
}

test('nobody but src/store/sqlite.ts makes objects of better-sqlite3: collected, they abort Node 24', () => {
  const VALUES = /^import (?!type\b).*from 'better-sqlite3'/m;
  const made: string[] = [];
  for (const folder of ['src', 'test', 'bench']) {
    for (const file of readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })) {
      if (file.endsWith('.ts') && VALUES.test(readFileSync(join(ROOT, folder, file), 'utf8')))
        made.push(join(folder, file));
    }
  }
  // failures.ts only asks of what class an error is.
  assert.deepEqual(made.sort(), ['src/store/failures.ts', 'src/store/sqlite.ts']);
});

test('the core asks no clock and does no I/O', () => {
  const BANNED = /Date\.now|performance\.now|new Date\(\)|from 'node:(?!crypto')/;
  for (const file of files.filter(f => ['wire', 'flow', 'detect'].includes(place(f)))) {
    assert.doesNotMatch(text(file), BANNED, `src/${file}`);
  }
});

const ids = detectors.map(({ meta }) => meta.id);

test('every registered detector is documented, and nothing else is', () => {
  const pages = readdirSync(join(ROOT, 'docs/detectors')).map(page => page.replace(/\.md$/, ''));
  assert.deepEqual(pages.sort(), [...ids].sort());
  assert.equal(new Set(ids).size, ids.length);
});

for (const id of ids) {
  test(`${id} is the name of its file`, () => {
    assert.ok(existsSync(join(SOURCE, 'detect', `${id}.ts`)), `src/detect/${id}.ts`);
    assert.match(text(join('detect', `${id}.ts`)), new RegExp(`id: '${id}'`));
  });

  test(`${id} has a fixture that fires it and one that does not`, () => {
    const goldens = fixtures().map(goldenRules);
    assert.ok(
      goldens.some(rules => rules?.has(id)),
      'no golden holds such a finding',
    );
    assert.ok(
      goldens.some(rules => rules?.has(id) === false),
      'every golden holds such a finding',
    );
  });
}

/** The comments of a file, without addresses in the web. */
const comments = (file: string): string =>
  [
    ...text(file)
      .replace(/https?:\S+/g, '')
      .matchAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gm),
  ].join('\n');

/** `B4`, `D0.3`. */
const MARK = /\b[A-F]\d{1,2}(?:\.\d+)?\b/g;
const RULES = 'docs/rules.md';
/** A mark that looks like a citation; C0 and C1 are control characters. */
const CITATION = /[( ](?!C[01]\b)[A-F]\d{1,2}(?:\.\d+)?[),:;]/;

test('every document that a comment names exists', () => {
  for (const file of files) {
    for (const [name] of comments(file).matchAll(/(?<![\w./-])[\w./-]+\.md\b/g)) {
      if (/^lz4_\w+_format\.md$/.test(name)) continue; // of the lz4 project, whose address heads the file
      assert.ok(existsSync(join(ROOT, name)), `src/${file} names ${name}`);
    }
  }
});

test('every rule that a comment cites is a heading of docs/rules.md', () => {
  const page = readFileSync(join(ROOT, RULES), 'utf8');
  const headings = new Set([...page.matchAll(/^#+ ([A-F]\d{1,2}(?:\.\d+)?) /gm)].map(([, mark]) => mark!));
  const cited = new Set<string>();
  for (const file of files) {
    if (!comments(file).includes(RULES)) {
      assert.doesNotMatch(comments(file), CITATION, `src/${file} does not say what it cites`);
      continue;
    }
    for (const [mark] of comments(file).matchAll(MARK)) {
      assert.ok(headings.has(mark), `src/${file} cites ${mark}`);
      cited.add(mark);
    }
  }
  assert.ok(cited.size > 10, 'comments cite rules');
});
