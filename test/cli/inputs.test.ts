import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { CaptureError } from '../../src/base/errors.ts';
import { resolveInputs } from '../../src/cli/inputs.ts';
import { folder } from '../build/store-sample.ts';

const PCAP = Buffer.from('d4c3b2a1', 'hex');
const signal = new AbortController().signal;

const names = async (...given: string[]): Promise<string[]> =>
  (await resolveInputs(given, signal)).inputs.map(({ name }) => basename(name));

function rotated(base: string): void {
  for (const name of ['cap10', 'cap2', 'cap']) writeFileSync(join(base, name), PCAP);
  writeFileSync(join(base, 'cap3.pcap'), '');
  writeFileSync(join(base, 'readme.txt'), 'not a capture');
  mkdirSync(join(base, 'older.pcap'));
}

test('a folder gives its captures, by name or content, in natural order', async t => {
  const base = folder(t);
  rotated(base);
  assert.deepEqual(await names(base), ['cap', 'cap2', 'cap3.pcap', 'cap10']);
});

test('a capture whose name is no UTF-8 is read like the others of its folder', async t => {
  const base = folder(t);
  const latin1 = Buffer.concat([Buffer.from(join(base, 'caf')), Buffer.of(0xe9), Buffer.from('.pcap')]);
  writeFileSync(latin1, PCAP);
  writeFileSync(join(base, 'x.pcap'), PCAP);
  const { inputs: found } = await resolveInputs([base], signal);
  assert.deepEqual(
    found.map(({ name }) => basename(name)),
    ['caf\ufffd.pcap', 'x.pcap'],
  );
  assert.deepEqual(found[0], { name: join(base, 'caf\ufffd.pcap'), path: latin1, found: true });
});

test('a glob that no shell expanded is expanded, in natural order', async t => {
  const base = folder(t);
  rotated(base);
  assert.deepEqual(await names(join(base, 'cap[0-9]*')), ['cap2', 'cap3.pcap', 'cap10']);
});

test('a file whose name looks like a glob is that file', async t => {
  const base = folder(t);
  writeFileSync(join(base, '[1].pcap'), PCAP);
  assert.deepEqual(await names(join(base, '[1].pcap')), ['[1].pcap']);
});

test('files keep the order in which they were given, each once under whatever name', async t => {
  const base = folder(t);
  rotated(base);
  symlinkSync(join(base, 'cap'), join(base, 'link'));
  const [a, b] = [join(base, 'cap10'), join(base, 'cap')];
  assert.deepEqual(await names(a, b, a, `${base}/./cap`, join(base, 'link')), ['cap10', 'cap']);
});

test('what is not there is named: a file, a pattern, captures in a folder', async t => {
  const base = folder(t);
  writeFileSync(join(base, 'readme.txt'), 'not a capture');
  const refused = (name: string, reason: RegExp): Promise<void> =>
    assert.rejects(
      () => names(name),
      (error: unknown) => error instanceof CaptureError && error.message.startsWith(name) && reason.test(error.message),
    );
  await refused(join(base, 'x.pcap'), /no such file/);
  await refused(join(base, '*.pcap'), /no file matches/);
  await refused(base, /holds no captures/);
  await refused(join(base, 'readme.txt', 'x.pcap'), /no such file: .*readme\.txt is not a folder$/);
  await refused(`${join(base, 'readme.txt')}/`, /no such file: .*readme\.txt is not a folder$/);
  await refused(join(base, 'none', 'x.pcap'), /no such file$/);
});
