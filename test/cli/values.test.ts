import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InvalidArgumentError } from 'commander';
import {
  address,
  age,
  expectation,
  instant,
  integer,
  list,
  portRange,
  positiveSeconds,
  runNumber,
  size,
  snapshotLength,
} from '../../src/cli/values.ts';

const refused = (parse: (text: string) => unknown, ...texts: string[]): void => {
  for (const text of texts) assert.throws(() => parse(text), InvalidArgumentError, text);
};

test('numbers are whole and in range', () => {
  assert.equal(integer(0, 64)('0'), 0);
  refused(integer(0, 64), '65', '-1', '1.5', '0x10', '', ' 1', '1e1');
  assert.equal(positiveSeconds('0.5'), 0.5);
  refused(positiveSeconds, '0', '-1', 'NaN', 'Infinity', '', '90000');
  assert.deepEqual(portRange('1024-65535'), [1024, 65_535]);
  refused(portRange, '1024', '0-5', '9-8', '1-65536', 'a-b', '1-2-3');
  assert.equal(runNumber('last'), 'last');
  refused(runNumber, 'first', '0');
  assert.deepEqual(['0', '128'].map(snapshotLength(74, 262_144)), [262_144, 128]);
  refused(snapshotLength(74, 262_144), '73', '262145', '-0');
  assert.throws(() => snapshotLength(74, 262_144)('73'), /from 74 to 262144, or 0 for all of a frame/);
});

test('lists add up over commas and options', () => {
  assert.deepEqual(list('c', list('a,b,')), ['a', 'b', 'c']);
});

test('an expectation is a number, a bound or a range', () => {
  const range = (text: string): [number, number] => {
    const [{ low, high }] = expectation(text, []);
    return [low, high];
  };
  assert.deepEqual(range('port-reuse=2'), [2, 2]);
  assert.deepEqual(range('port-reuse=0'), [0, 0]);
  assert.deepEqual(range('port-reuse>=2'), [2, Number.POSITIVE_INFINITY]);
  assert.deepEqual(range('port-reuse<=2'), [0, 2]);
  assert.deepEqual(range('port-reuse=2-4'), [2, 4]);
  const both = expectation('b=2', expectation('a=1', []));
  assert.deepEqual(
    both.map(({ rule }) => rule),
    ['a', 'b'],
  );
  const parse = (text: string): unknown => expectation(text, []);
  refused(parse, '', 'port-reuse', 'port-reuse=', '=2', 'port-reuse>2', 'port-reuse=4-2', 'port-reuse>=1-2', 'a=-1');
});

test('a list of nothing is refused: it would mean everything', () => {
  refused(list, '', ',');
});

test('an address is found however it is spelled', () => {
  assert.equal(address('192.0.2.1'), '192.0.2.1');
  assert.equal(address('2001:DB8:0:0:0:0:0:01'), '2001:db8::1');
  assert.equal(address('::'), '::');
  assert.equal(address('::1'), '::1');
  assert.equal(address('fe80::'), 'fe80::');
  assert.equal(address('::ffff:c000:0201'), '::ffff:192.0.2.1');
  assert.equal(address('::FFFF:192.0.2.1'), '::ffff:192.0.2.1');
  assert.equal(address('1:2:3:4:5:6:7:8'), '1:2:3:4:5:6:7:8');
  refused(address, '192.0.2', '192.0.2.1:80', 'fe80::1%eth0', 'host', '');
});

test('an instant is RFC 3339 or seconds since the epoch, to the nanosecond', () => {
  assert.equal(instant('2023-11-14T22:13:20.000000001Z'), 1_700_000_000_000_000_001n);
  assert.equal(instant('2023-11-14T23:13:20+01:00'), 1_700_000_000_000_000_000n);
  assert.equal(instant('2023-11-14 22:13:20'), 1_700_000_000_000_000_000n, 'UTC where no offset is given');
  assert.equal(instant('2023-11-14'), 1_699_920_000_000_000_000n);
  assert.equal(instant('1700000000.000000001'), 1_700_000_000_000_000_001n);
  assert.equal(instant('1700000000000000001'), 1_700_000_000_000_000_001n, 'as the database has it');
  const latest = 2n ** 63n - 1n;
  for (const text of ['9999-12-31', '99999999999', '9999999999999999999'])
    assert.equal(instant(text), latest, 'SQLite has no more');
  assert.equal(instant('0001-01-01'), -latest);
  refused(instant, '1700000000000', 'yesterday', '2023-13-01', '2023-11-14T25:00:00Z', '', '-1');
});

test('an age and a size have their unit', () => {
  assert.deepEqual(['90s', '15m', '12h', '7d'].map(age), [90, 900, 43_200, 604_800]);
  refused(age, '', '7', 'd', '0d', '-1d', '1.5h', '7 d', '7D', '1w', '7d12h', '36526d', '99999999999d');
  assert.deepEqual(['16000KB', '500MB', '1GB'].map(size), [16e6, 5e8, 1e9]);
  refused(size, '', '1', 'GB', '0GB', '15MB', '1.5GB', '1 GB', '1gb', '1GiB', '1TB', '1G', '999999999999GB');
});
