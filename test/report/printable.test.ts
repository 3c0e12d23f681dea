import assert from 'node:assert/strict';
import { test } from 'node:test';
import { printable, printableJson } from '../../src/report/printable.ts';

const HOSTILE = 'a\u001b[31mred\u009b2J\r\nline\u2028end\u202eexe.pacp\ufeff\u0007\ud800';

test('escape sequences, line ends and bidirectional overrides are shown, not obeyed', () => {
  assert.equal(printable(HOSTILE), 'a\\x1b[31mred\\x9b2J\\x0d\\x0aline\\u2028end\\u202eexe.pacp\\ufeff\\x07\\ud800');
});

test('text of people passes', () => {
  for (const text of ['plain', 'Aufnahme-Büro.pcap', '抓包.pcap', '🐾 paws.pcap', "it's 100 % \\ fine"]) {
    assert.equal(printable(text), text);
  }
});

test('JSON stays the same value and holds nothing that a terminal obeys', () => {
  const text = printableJson({ title: HOSTILE, 'key\u009b': ['Büro'] });
  assert.deepEqual(JSON.parse(text), { title: HOSTILE, 'key\u009b': ['Büro'] });
  assert.doesNotMatch(text, /[\p{Cc}\p{Bidi_Control}\p{Zl}]/u);
});
