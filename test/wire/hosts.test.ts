import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SCOPE_IPV6 } from '../../src/capture/slab.ts';
import { Hosts } from '../../src/wire/hosts.ts';
import { addressBytes } from '../build/bytes.ts';

const view = (address: string): DataView => new DataView(Uint8Array.from(addressBytes(address)).buffer);
const address = (n: number): string => `2001:db8::${(n >>> 16).toString(16)}:${(n & 0xffff).toString(16)}`;
const canonical = (n: number): string => new URL(`http://[${address(n)}]/`).hostname.slice(1, -1);

test('an IPv4 host is its own number', () => {
  assert.equal(new Hosts().text(0xc000_0201 | 0, 0), '192.0.2.1');
});

test('an address keeps its number, two addresses have two', () => {
  const hosts = new Hosts();
  const one = hosts.intern(view('2001:db8::1'), 0);
  const two = hosts.intern(view('2001:db8::2'), 0);
  assert.notEqual(one, two);
  assert.equal(hosts.intern(view('2001:db8::1'), 0), one);
  assert.equal(hosts.size, 2);
  assert.equal(hosts.text(two, SCOPE_IPV6), '2001:db8::2');
});

test('an address is read from where it lies', () => {
  const hosts = new Hosts();
  const bytes = Uint8Array.from([9, 9, 9, ...addressBytes('fe80::1'), 9]);
  assert.equal(hosts.text(hosts.intern(new DataView(bytes.buffer), 3), SCOPE_IPV6), 'fe80::1');
});

test('words that leave the shard are the address itself', () => {
  const hosts = new Hosts();
  const into = new Int32Array(8);
  hosts.copyWords(hosts.intern(view('2001:db8::ffff:1'), 0), SCOPE_IPV6, into, 4);
  assert.deepEqual([...into], [0, 0, 0, 0, 0x2001_0db8, 0, 0, 0xffff_0001 | 0]);
  hosts.copyWords(0xc000_0201 | 0, 0, into, 0);
  assert.deepEqual([...into.subarray(0, 4)], [0xc000_0201 | 0, 0, 0, 0]);
});

test('a flood of sources grows the table, and a sweep takes it back', () => {
  const hosts = new Hosts();
  const COUNT = 20_000;
  for (let n = 0; n < COUNT; n++) hosts.intern(view(address(n)), 0);
  assert.equal(hosts.size, COUNT);
  const kept = hosts.intern(view(address(77)), 0);
  const used = new Uint8Array(hosts.capacity);
  used[kept] = 1;
  hosts.retain(used);
  assert.equal(hosts.size, 1);
  for (let n = COUNT; n < 2 * COUNT - 1; n++) hosts.intern(view(address(n)), 0);
  assert.equal(hosts.capacity, COUNT, 'rows are used again');
  assert.equal(hosts.intern(view(address(77)), 0), kept);
  assert.equal(hosts.text(kept, SCOPE_IPV6), canonical(77));
});

/** Look one up, or sweep all whose number in the script is odd. */
const script = fc.array(fc.oneof({ weight: 30, arbitrary: fc.nat(400) }, { weight: 1, arbitrary: fc.constant(-1) }), {
  maxLength: 600,
  size: 'max',
});

test('numbers are stable and unique between sweeps, whatever comes and goes', () => {
  const same = fc.property(script, steps => {
    const hosts = new Hosts();
    const model = new Map<number, number>();
    for (const n of steps) {
      if (n >= 0) {
        const host = hosts.intern(view(address(n)), 0);
        assert.equal(model.get(n) ?? host, host);
        model.set(n, host);
      } else {
        const used = new Uint8Array(hosts.capacity);
        for (const [m, host] of model) {
          if (m % 2 === 0) used[host] = 1;
          else model.delete(m);
        }
        hosts.retain(used);
      }
      assert.equal(hosts.size, model.size);
    }
    assert.equal(new Set(model.values()).size, model.size);
    for (const [n, host] of model) assert.equal(hosts.text(host, SCOPE_IPV6), canonical(n));
  });
  fc.assert(same, { numRuns: 100 });
});
