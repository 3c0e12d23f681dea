import assert from 'node:assert/strict';
import { isIPv4, isIPv6 } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatIPv4, formatIPv6 } from '../../src/base/address.ts';
import { Anonymizer } from '../../src/base/anonymizer.ts';

const anonymizer = new Anonymizer('a key');

const word = fc.nat(0xffffffff);
const ipv4 = (address: number): string => formatIPv4(address);
const ipv6 = ([a, b, c, d]: readonly number[]): string => formatIPv6(a, b, c, d);

/** An address as bits; formatting is the inverse of what the URL parser and node:net know. */
function bits(text: string): string {
  if (isIPv4(text))
    return text
      .split('.')
      .map(octet => Number(octet).toString(2).padStart(8, '0'))
      .join('');
  const [left, right] = new URL(`http://[${text}]`).hostname.slice(1, -1).split('::');
  const groups = (part = ''): string[] => part.split(':').filter(group => group !== '');
  const [head, tail] = [groups(left), groups(right)];
  const all = [...head, ...new Array<string>(8 - head.length - tail.length).fill('0'), ...tail];
  return all.map(group => Number.parseInt(group, 16).toString(2).padStart(16, '0')).join('');
}

function shared(one: string, other: string): number {
  const [a, b] = [bits(one), bits(other)];
  let length = 0;
  while (length < a.length && a[length] === b[length]) length++;
  return length;
}

test('two IPv4 addresses share as many leading bits after as before, neither more nor fewer', () => {
  const pair = fc
    .tuple(word, fc.nat(31), word)
    .map(([one, length, noise]): [string, string] => [
      ipv4(one),
      ipv4(((one ^ (0x80000000 >>> length)) & ~(0x7fffffff >>> length)) | (noise & (0x7fffffff >>> length))),
    ]);
  fc.assert(
    fc.property(pair, ([one, other]) => {
      assert.equal(shared(anonymizer.address(one), anonymizer.address(other)), shared(one, other));
    }),
    { numRuns: 200 },
  );
});

test('two IPv6 addresses share as many leading bits after as before, neither more nor fewer', () => {
  const words = fc.tuple(word, word, word, word);
  const pair = fc
    .tuple(words, fc.nat(3), word)
    .map(([one, at, changed]): [string, string] => [
      ipv6(one),
      ipv6(one.map((each, i) => (i === at ? changed : each))),
    ]);
  fc.assert(
    fc.property(pair, ([one, other]) => {
      const [hiddenOne, hiddenOther] = [anonymizer.address(one), anonymizer.address(other)];
      assert.ok(isIPv6(hiddenOne));
      assert.equal(shared(hiddenOne, hiddenOther), shared(one, other));
    }),
    { numRuns: 100 },
  );
});

test('the same key gives the same addresses and ids in another run, another key gives others', () => {
  const again = new Anonymizer('a key');
  const other = new Anonymizer('another key');
  for (const address of ['192.0.2.1', '2001:db8::1', '::ffff:192.0.2.1']) {
    assert.equal(again.address(address), anonymizer.address(address));
    assert.notEqual(other.address(address), anonymizer.address(address));
  }
  assert.equal(again.id('0477a892ffffffff'), anonymizer.id('0477a892ffffffff'));
  assert.match(anonymizer.id('0477a892ffffffff'), /^[0-9a-f]{16}$/);
  assert.notEqual(anonymizer.id('0477a892ffffffff'), other.id('0477a892ffffffff'));
});

const V4 = anonymizer.address('192.0.2.1');
const V6 = anonymizer.address('2001:db8::1');

for (const [before, after] of [
  ['192.0.2.1:443 answered 192.0.2.1.', `${V4}:443 answered ${V4}.`],
  ['[2001:db8::1]:443 > 2001:db8::1: lost', `[${V6}]:443 > ${V6}: lost`],
  ['2001:DB8:0::1, 2001:db8::1', `${V6}, ${V6}`],
  ['host 192.0.2.1/32 or (net 2001:db8::1/128)', `host ${V4}/32 or (net ${V6}/128)`],
  ['gw_192.0.2.1.pcap', `gw_${V4}.pcap`],
] as const) {
  test(`the addresses in "${before}" are replaced`, () => assert.equal(anonymizer.text(before), after));
}

for (const text of [
  'Linux 3.10.0 to 6.14',
  '12:30:59.123456',
  '00:00:5e:00:53:01',
  '1.2.3.4.5',
  '999.1.1.1',
  'a::before',
  'std::deque',
  '1 : 2 :: 3',
  '',
]) {
  test(`"${text}" has no address`, () => assert.equal(anonymizer.text(text), text));
}

test('a name with dashes between the octets keeps them', () => {
  const dashed = V4.replaceAll('.', '-');
  assert.equal(anonymizer.name('ip-192-0-2-1.eu.pcap'), `ip-${dashed}.eu.pcap`);
  assert.equal(anonymizer.name('dump-2026-11-21-10-30.pcap'), 'dump-2026-11-21-10-30.pcap');
});

test('texts deep in a value are replaced, numbers are not', () => {
  assert.deepEqual(anonymizer.value({ '192.0.2.1': [{ seen: 'from\n2001:db8::1', n: 7, none: null }] }), {
    [V4]: [{ seen: `from\n${V6}`, n: 7, none: null }],
  });
});

test('of a path the folder is not told, and the name but for addresses in it', () => {
  const told = anonymizer.path('/srv/customer/gw-192.0.2.1.pcap');
  assert.match(told, /^[0-9a-f]{6}\/gw-[\d.]+\.pcap$/);
  assert.doesNotMatch(told, /customer|192\.0\.2\.1\./);
  const folderOf = (path: string): string => anonymizer.path(path).split('/')[0];
  assert.equal(folderOf('/srv/customer/other.pcap'), folderOf(told.replace(/.*\//, '/srv/customer/')), 'of one folder');
  assert.notEqual(folderOf('/srv/another/other.pcap'), folderOf('/srv/customer/other.pcap'));
  for (const plain of ['office.pcap', './office.pcap', '-', 'eth0']) {
    assert.equal(anonymizer.path(plain), plain.replace('./', ''), plain);
  }
});

test('in a sentence the folders of its paths are replaced wherever they stand, and other words are not', () => {
  const paths = ['/srv/customer/a.pcap', 'caps/b.pcap', 'office.pcap'];
  const said = anonymizer.sentence(
    '/srv/customer/a.pcap.1: full; pcaps/x, caps/b.pcap and office.pcap are kept',
    paths,
  );
  assert.match(said, /^[0-9a-f]{6}\/a\.pcap\.1: full; pcaps\/x, [0-9a-f]{6}\/b\.pcap and office\.pcap are kept$/);
  assert.equal(anonymizer.sentence('and/or', ['(a[/x']), 'and/or', 'nothing in a path is a pattern');
});
