import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { markdownText } from '../../../src/report/explain/markdown.ts';
import { plainStyle } from '../../../src/report/text-style.ts';

test('pages keep their commands whole and their tables inside the width', () => {
  const folder = new URL('../../../../docs/detectors/', import.meta.url);
  for (const name of readdirSync(folder)) {
    const page = readFileSync(new URL(name, folder), 'utf8');
    for (const width of [80, 100]) {
      const lines = markdownText(page, plainStyle(width)).split('\n');
      assert.deepEqual(
        lines.filter(line => line.length > width && !/`[^`]+`/.test(line)),
        [],
        name,
      );
      const text = lines.join('\n');
      for (const [, command] of page.matchAll(/`((?:ss|nstat|sysctl|conntrack|tcpdump|ip) [^`\n]+)`/g)) {
        assert.ok(text.includes(`\`${command}\``), `${name}: ${command}`);
      }
    }
  }
});

test('Markdown of the pages becomes headings, lists and tables', () => {
  const page =
    '# a\n\n*one* and **two** with [a link](x.md)\nover lines\n\n- `x` item\n  goes on\n\n| k | v |\n|---|---|\n| `a` | b |';
  assert.equal(
    markdownText(page, plainStyle(80)),
    'a\n\n  one and two with a link over lines\n\n  - `x` item goes on\n\n  k    v\n  ───  ─\n  `a`  b\n',
  );
});
