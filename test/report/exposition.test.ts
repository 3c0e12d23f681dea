import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exposition } from '../../src/report/exposition.ts';
import { readExposition } from '../build/exposition.ts';

test('labels and help of any kind come back as they were', () => {
  const hostile = 'a"b\\c\nd} 1\n# TYPE x counter\n\\n';
  const text = exposition([
    {
      name: 'x_total',
      type: 'counter',
      help: 'back\\slash\nline',
      samples: [{ labels: { of: hostile, b: '' }, value: 7 }],
    },
  ]);
  assert.equal(text.split('\n').length, 4);
  const family = readExposition(text).get('x_total')!;
  assert.deepEqual([...family.samples], [[JSON.stringify({ of: hostile, b: '' }), 7]]);
  assert.equal(family.help, 'back\\\\slash\\nline');
});

test('a name that would write on the terminal is shown, not obeyed', () => {
  const samples = [{ labels: { interface: 'e\x1b[31m\x9bx' }, value: 1 }];
  const text = exposition([{ name: 'up', type: 'gauge', help: 'up', samples }]);
  assert.match(text, /^up\{interface="e\\\\x1b\[31m\\\\x9bx"\} 1$/m);
});

test('numbers are those of Go, and what has no sample is not told', () => {
  const values = [0, -1.5, 1e21, 1e-7, Number.MAX_SAFE_INTEGER];
  const text = exposition([
    { name: 'a', type: 'gauge', help: 'a', samples: values.map((value, i) => ({ labels: { i: String(i) }, value })) },
    { name: 'b', type: 'gauge', help: 'b', samples: [] },
    { name: 'c', type: 'gauge', help: 'c', samples: [{ value: Number.NEGATIVE_INFINITY }] },
  ]);
  const families = readExposition(text);
  assert.deepEqual([...families.keys()], ['a', 'c']);
  assert.deepEqual([...families.get('a')!.samples.values()], values);
  assert.match(text, /^c -Inf$/m);
});
