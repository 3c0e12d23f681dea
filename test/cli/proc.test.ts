/** What `collect` reads from /proc folders of several kernels, and from the real one. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { readProc } from '../../src/cli/proc.ts';
import { KERNELS, type Kernel, writeProc } from '../build/proc.ts';
import { folder } from '../build/store-sample.ts';

const COLLECTED = new Date('2023-11-15T00:00:00Z');

for (const kernel of Object.keys(KERNELS) as Kernel[]) {
  test(`Linux ${kernel}: release, boot time and host name`, t => {
    const context = readProc(writeProc(folder(t), kernel), ['192.0.2.1'], COLLECTED);
    assert.equal(context.kernel, KERNELS[kernel]['sys/kernel/osrelease']?.trim());
    assert.deepEqual(
      [context.schema_version, context.host, context.booted, context.collected, context.addresses],
      [1, 'gate', '2023-11-14T22:13:20.000Z', '2023-11-15T00:00:00.000Z', ['192.0.2.1']],
    );
  });
}

test('settings are numbers, and what holds several is a text with single spaces', t => {
  const { sysctls } = readProc(writeProc(folder(t), '5.15'), [], COLLECTED);
  assert.equal(sysctls['net.ipv4.tcp_tw_reuse'], 2);
  assert.equal(sysctls['net.ipv4.ip_local_port_range'], '32768 60999');
  assert.equal(sysctls['net.ipv4.ip_local_reserved_ports'], '30000-33000,40000');
});

test('an empty list of reserved ports is an empty text', t => {
  const { sysctls } = readProc(writeProc(folder(t), '3.10'), [], COLLECTED);
  assert.equal(sysctls['net.ipv4.ip_local_reserved_ports'], '');
});

test('counters are named as nstat names them', t => {
  const old = readProc(writeProc(folder(t), '2.6.32'), [], COLLECTED).counters;
  assert.deepEqual([old.TcpExtPAWSPassive, old.TcpOutRsts, old.TcpMaxConn], [42, 13, -1]);
  assert.equal(readProc(writeProc(folder(t), '5.15'), [], COLLECTED).counters.IpExtInOctets, 12_345_678_901);
});

test('sockets are those of ss -s, of both families', t => {
  assert.equal(readProc(writeProc(folder(t), '2.6.32'), [], COLLECTED).sockets.TCP?.tw, 7);
  assert.equal(readProc(writeProc(folder(t), '6.18'), [], COLLECTED).sockets.TCP6?.inuse, 3);
});

test('conntrack adds up the processors, but not its table, which each of them shows whole', t => {
  const { conntrack } = readProc(writeProc(folder(t), '3.10'), [], COLLECTED);
  assert.deepEqual(
    [conntrack.entries, conntrack.found, conntrack.invalid, conntrack.insert_failed, conntrack.drop],
    [17, 5, 16, 1, 3],
  );
});

test('what is not there is listed with the reason and stops nothing', t => {
  const { missing } = readProc(writeProc(folder(t), '4.10'), [], COLLECTED);
  const why = (what: string): string | undefined => missing.find(entry => entry.what === what)?.why;
  assert.match(why('net.ipv4.tcp_tw_recycle')!, /^not there/);
  assert.match(why('/proc/net/sockstat')!, /^not there/);
  assert.equal(why('net.ipv4.tcp_timestamps'), undefined);
});

test('an empty folder gives an empty context, not an exception', t => {
  const context = readProc(folder(t), [], COLLECTED);
  assert.deepEqual([context.kernel, context.booted, context.sysctls, context.counters], ['', null, {}, {}]);
  assert.ok(context.missing.length > 40);
});

test('the real /proc', { skip: existsSync('/proc/sys/kernel/osrelease') ? false : 'needs Linux' }, () => {
  const context = readProc('/proc', [], COLLECTED);
  assert.equal(context.kernel, readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim());
  assert.ok(context.counters.TcpActiveOpens !== undefined);
  assert.ok(context.sockets.TCP?.tw !== undefined);
});
