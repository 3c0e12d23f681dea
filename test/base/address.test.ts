import assert from 'node:assert/strict';
import { isIPv4, isIPv6 } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatIPv4, formatIPv6 } from '../../src/base/address.ts';
import { addressBytes } from '../build/bytes.ts';

const words = (bytes: readonly number[]): number[] => {
  const view = new DataView(Uint8Array.from(bytes).buffer);
  return Array.from({ length: bytes.length / 4 }, (_, i) => view.getUint32(i * 4));
};

const ipv6 = (text: string): string => formatIPv6(...(words(addressBytes(text)) as [number, number, number, number]));

/** RFC 5952: section, what people write, what is canonical. */
const RFC_5952: readonly (readonly [string, string, string])[] = [
  ['4.1 leading zeros', '2001:0db8::0001', '2001:db8::1'],
  ['4.2.1 as short as possible', '2001:db8:0:0:0:0:2:1', '2001:db8::2:1'],
  ['4.2.2 one group of zeros is not shortened', '2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
  ['4.2.3 the longest run', '2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
  ['4.2.3 the first of equal runs', '2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
  ['4.3 lower case', '2001:DB8:AAAA:BBBB:CCCC:DDDD:EEEE:AAAA', '2001:db8:aaaa:bbbb:cccc:dddd:eeee:aaaa'],
  ['5 mapped IPv4', '::ffff:192.0.2.1', '::ffff:192.0.2.1'],
  ['all zeros', '0:0:0:0:0:0:0:0', '::'],
  ['loopback', '0:0:0:0:0:0:0:1', '::1'],
  ['zeros at the end', 'fe80:0:0:0:0:0:0:0', 'fe80::'],
  ['the longest run at the end', '0:0:1:0:0:0:0:0', '0:0:1::'],
  ['no zeros', '1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7:8'],
];

for (const [section, written, canonical] of RFC_5952) {
  test(`RFC 5952 ${section}: ${written}`, () => assert.equal(ipv6(written), canonical));
}

const sparse = fc.array(fc.oneof(fc.constant(0), fc.nat(0xffff)), { minLength: 8, maxLength: 8 });

test('any IPv6 address is written as a URL would have it', () => {
  const same = fc.property(sparse, groups => {
    const text = groups.map(group => group.toString(16)).join(':');
    if (text.startsWith('0:0:0:0:0:ffff:')) return; // URLs have no dotted form
    const { hostname } = new URL(`http://[${text}]/`);
    assert.equal(ipv6(text), hostname.slice(1, -1));
  });
  fc.assert(same, { numRuns: 2000 });
});

test('what is written can be read back, and signs do not matter', () => {
  const back = fc.property(sparse, groups => {
    const bytes = groups.flatMap(group => [group >>> 8, group & 255]);
    const signed = words(bytes).map(word => word | 0) as [number, number, number, number];
    const text = formatIPv6(...signed);
    assert.ok(isIPv6(text), text);
    assert.deepEqual(addressBytes(text), bytes);
  });
  fc.assert(back);
});

test('IPv4 addresses above 128.0.0.0 are held signed and written as usual', () => {
  assert.equal(formatIPv4(0xc000_0201 | 0), '192.0.2.1');
  const back = fc.property(fc.integer(), word => {
    const text = formatIPv4(word);
    assert.ok(isIPv4(text), text);
    assert.deepEqual(words(addressBytes(text)), [word >>> 0]);
  });
  fc.assert(back);
});
