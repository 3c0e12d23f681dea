/** What host.json turns "would" into: does, cannot, or still unknown. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readProc } from '../../../src/cli/proc.ts';
import { withContext } from '../../../src/detect/context/context.ts';
import type { HostContext } from '../../../src/detect/context/host-context.ts';
import type { Finding } from '../../../src/detect/finding.ts';
import { collect } from '../../build/collect.ts';
import { fixtureNamed } from '../../build/fixtures.ts';
import { type Kernel, writeProc } from '../../build/proc.ts';
import { folder } from '../../build/store-sample.ts';

const SERVER = '198.51.100.80';
const CLIENT = '192.0.2.10';
/** Between the boot and the collection of the recorded hosts. */
const AT = Date.parse('2023-11-14T23:00:00Z');

type Test = Parameters<typeof folder>[0];

const host = (t: Test, kernel: Kernel, address: string, sysctls: HostContext['sysctls'] = {}): HostContext => {
  const read = readProc(writeProc(folder(t), kernel), [address], new Date('2023-11-15T00:00:00Z'));
  return { ...read, sysctls: { ...read.sysctls, ...sysctls } };
};

const finding = (rule: string, evidence: Finding['evidence'], changes: Partial<Finding> = {}): Finding => ({
  id: '0123456789abcdef',
  rule,
  severity: 'notice',
  confidence: 'proof',
  title: 'Title',
  epoch: 0,
  at: 0,
  capture: 0,
  frame: 1,
  firstAt: 0,
  lastAt: 0,
  client: CLIENT,
  clientPort: 40_000,
  server: SERVER,
  serverPort: 80,
  evidence,
  packets: [],
  ...changes,
});

const regress = (verdict: string, more: Finding['evidence'] = {}): Finding =>
  finding('timestamp-regress', { recycle: { '2.6.32': verdict, '3.17': verdict }, ...more });

const told = (given: Finding, ...contexts: HostContext[]): [unknown, string, string] => {
  const { evidence, title, severity } = withContext(given, AT, contexts);
  return [(evidence.context as { says: string } | undefined)?.says, title, severity];
};

test('a kernel without tw_recycle cannot drop by it, so the what-if is info', t => {
  assert.deepEqual(told(regress('drop'), host(t, '5.15', SERVER)), [
    'cannot',
    'Title; by its context this server cannot do that (Linux 5.15, no tcp_tw_recycle)',
    'info',
  ]);
});

test('tcp_tw_recycle=0 on a kernel that has it cannot either', t => {
  assert.deepEqual(
    told(regress('drop'), host(t, '3.10', SERVER))[1],
    'Title; by its context this server cannot do that (Linux 3.10, tcp_tw_recycle=0)',
  );
});

test('tcp_tw_recycle=1 does, and the severity stays what the packets prove', t => {
  const on = { 'net.ipv4.tcp_tw_recycle': 1 };
  assert.deepEqual(told(regress('drop'), host(t, '3.10', SERVER, on)), [
    'confirmed',
    'Title; by its context this server does (Linux 3.10, tcp_tw_recycle=1)',
    'notice',
  ]);
});

test('a host whose context has timestamps off is not the one that the packets show: it took them', t => {
  const [says, title, severity] = told(regress('drop'), host(t, '2.6.32', SERVER, { 'net.ipv4.tcp_timestamps': 0 }));
  assert.deepEqual([says, severity], ['unknown', 'notice']);
  assert.match(title, /has Linux 2\.6, tcp_timestamps=0, which the packets contradict, and on them this rests: /);
});

test('a SYN that was accepted overrules tcp_tw_recycle=1, and the title says so', t => {
  const accepted = { answered: true, accepted: true, disproved: true };
  const on = host(t, '2.6.32', SERVER);
  const [says, title, severity] = told(regress('drop', accepted), on);
  assert.deepEqual([says, severity], ['unknown', 'notice']);
  assert.match(
    title,
    /^Title; by its context this server has Linux 2\.6, tcp_tw_recycle=1, which the packets contradict, and/,
  );
  const [, several] = told(regress('drop', { ...accepted, several_servers: true }), on);
  assert.match(several, /has Linux 2\.6, tcp_tw_recycle=1: another server answered, then, or the setting was changed/);
  const [, proxy] = told(regress('drop', { ...accepted, syn_proxy: true }), on);
  assert.match(proxy, /has Linux 2\.6, tcp_tw_recycle=1: a SYN proxy answered, then/);
});

test('an RST contradicts nothing: without a listener the rule is not asked', t => {
  const refused = regress('drop', { answered: true, accepted: false, disproved: false });
  assert.deepEqual(told(refused, host(t, '2.6.32', SERVER)), ['unknown', 'Title', 'notice']);
});

test('nor does a SYN without timestamps that 3.10 lets pass', t => {
  const evidence = { recycle: { '2.6.32': 'pass', '3.17': 'drop' }, timestamps: false, answered: true, accepted: true };
  const on = host(t, '3.10', SERVER, { 'net.ipv4.tcp_tw_recycle': 1, 'net.ipv4.tcp_timestamps': 1 });
  assert.deepEqual(told(finding('recycle-hazard', { ...evidence, disproved: true }), on).slice(0, 2), [
    'unknown',
    'Title',
  ]);
});

test('a setting that packets reveal as off and the context has as on: the title names both and what it rests on', t => {
  const evidence = { setting: 'tcp_tw_recycle', value: 0 };
  const on = host(t, '3.10', SERVER, { 'net.ipv4.tcp_tw_recycle': 1 });
  assert.match(
    told(finding('revealed-setting', evidence), on)[1],
    /^Title; .* tcp_tw_recycle=1, which the packets contradict/,
  );
  const several = finding('revealed-setting', { ...evidence, several_servers: true });
  assert.match(told(several, on)[1], /tcp_tw_recycle=1: another server answered, then/);
});

test('a signature of more than one clock is not laid to the one host that has the setting', t => {
  const on = host(t, '3.10', SERVER, { 'net.ipv4.tcp_tw_recycle': 1, 'net.ipv4.tcp_timestamps': 1 });
  assert.match(told(finding('recycle-signature', {}), on)[1], /^Title; by its context this server does/);
  const [says, title] = told(finding('recycle-signature', { server_clocks: 2 }), on);
  assert.equal(says, 'unknown');
  assert.match(title, /^Title; by its context \S+ has Linux 3\.10, tcp_tw_recycle=1, and may be one of several there$/);
});

test('a server without the rule can drop none of the SYNs of an attempt, whichever of them the rule would', t => {
  const later = regress('pass', { answered: false, recycle_syns: ['pass', 'drop'] });
  assert.deepEqual(told(later, host(t, '5.15', SERVER)).slice(0, 1), ['cannot']);
  const on = { 'net.ipv4.tcp_tw_recycle': 1, 'net.ipv4.tcp_timestamps': 1 };
  assert.equal(told(later, host(t, '3.10', SERVER, on))[0], 'confirmed');
  const lateIn = regress('drop', { answered: true, recycle_syns: ['drop', 'pass'], disproved: false });
  assert.equal(told(lateIn, host(t, '4.10', SERVER, on))[0], 'confirmed');
  assert.equal(
    told({ ...lateIn, evidence: { ...lateIn.evidence, disproved: true } }, host(t, '4.10', SERVER, on))[0],
    'unknown',
  );
});

test('a setting that was not shown in its namespace leaves the question open', t => {
  assert.equal(told(regress('drop'), host(t, '4.10', SERVER))[0], 'unknown');
});

test('a verdict that claims no drop is left alone', t => {
  assert.deepEqual(told(regress('tw-bucket'), host(t, '5.15', SERVER)), [undefined, 'Title', 'notice']);
});

test('3.10 lets SYNs without timestamps pass, if its distribution did not change that', t => {
  const bare = finding('recycle-hazard', { recycle: { '2.6.32': 'pass', '3.17': 'drop' }, timestamps: false });
  assert.equal(told(bare, host(t, '3.10', SERVER, { 'net.ipv4.tcp_tw_recycle': 1 }))[0], 'unknown');
});

test('3.10 checks IPv6 too, unlike 2.6.32', t => {
  const six = finding('timestamp-regress', { recycle: { '2.6.32': 'pass', '3.17': 'drop' } });
  assert.equal(told(six, host(t, '3.10', SERVER, { 'net.ipv4.tcp_tw_recycle': 1 }))[0], 'confirmed');
  assert.equal(told(six, host(t, '2.6.32', SERVER))[0], 'unknown');
});

test('a signature on a kernel that has no such rule is not critical any more', t => {
  const signature = finding('recycle-signature', { bad_unanswered: 3 }, { severity: 'critical' });
  assert.deepEqual(
    told(signature, host(t, '6.18', SERVER)).filter((_, i) => i !== 1),
    ['cannot', 'warning'],
  );
});

test('SYNs dropped by the rule of a server that cannot do that lose their cause and their proof, nothing else', t => {
  const title = 'None of 3 SYNs was answered; cause: tcp_tw_recycle at the server';
  const symptom = 'None of 3 SYNs was answered';
  const unanswered = finding('unanswered-syn', { cause: 'per-host-paws' }, { title, symptom, severity: 'warning' });
  const { title: without, ...rest } = withContext(unanswered, AT, [host(t, '3.10', SERVER)]);
  assert.match(without, /^None of 3 SYNs was answered; SYNs are dropped just as tcp_tw_recycle would, but \S+ cannot/);
  assert.match(
    without,
    /do that by its context \(Linux 3\.10, tcp_tw_recycle=0\): another device on the path does it, the host was changed/,
  );
  assert.deepEqual([rest.severity, rest.confidence, rest.id], ['warning', 'strong', unanswered.id]);
  const drops = { title: '3 attempts are dropped; later', symptom: '3 attempts are dropped' };
  const signature = finding('recycle-signature', {}, { ...drops, confidence: 'strong' });
  const doubted = withContext(signature, AT, [host(t, '6.18', SERVER)]);
  assert.match(doubted.title, /^3 attempts are dropped; SYNs are dropped just as/);
  assert.deepEqual([doubted.severity, doubted.confidence], ['notice', 'strong']);
});

test('a host with another address says nothing', t => {
  const given = regress('drop');
  assert.equal(withContext(given, AT, [host(t, '5.15', CLIENT)]), given);
});

test('loopback addresses tell no host from another', t => {
  const given = finding('timestamp-regress', { recycle: { '3.17': 'drop' } }, { server: '127.0.0.1' });
  assert.equal(withContext(given, AT, [host(t, '5.15', '127.0.0.1')]), given);
});

test('an address that two hosts have speaks for neither', t => {
  const [says, title] = told(regress('drop'), host(t, '5.15', SERVER), host(t, '3.10', SERVER));
  assert.deepEqual([says, title], ['unknown', 'Title']);
});

test('the id stays, whatever the host says', t => {
  assert.equal(withContext(regress('drop'), AT, [host(t, '5.15', SERVER)]).id, '0123456789abcdef');
});

test('rfc1337 of the RST receiver decides whether its TIME_WAIT ended', t => {
  const rst = finding('reset-close', { class: 'tw-assassination', from: 'client' });
  assert.deepEqual(told(rst, host(t, '5.15', SERVER)), [
    'confirmed',
    'Title; here it does, if it arrived (tcp_rfc1337=0)',
    'notice',
  ]);
  assert.deepEqual(told(rst, host(t, '3.10', SERVER)), ['cannot', 'Title; here it does not (tcp_rfc1337=1)', 'info']);
});

test('what followed an RST overrules tcp_rfc1337', t => {
  const rst = (effective: boolean): Finding =>
    finding('reset-close', { class: 'tw-assassination', from: 'client', effective });
  assert.deepEqual(told(rst(true), host(t, '5.15', SERVER)), ['confirmed', 'Title', 'notice']);
  assert.deepEqual(told(rst(true), host(t, '3.10', SERVER)), ['unknown', 'Title', 'notice']);
  assert.deepEqual(told(rst(false), host(t, '3.10', SERVER)), ['confirmed', 'Title', 'notice']);
  const why = (effective: boolean, kernel: Kernel): string =>
    (withContext(rst(effective), AT, [host(t, kernel, SERVER)]).evidence.context as { why: string }).why;
  assert.match(why(true, '3.10'), /changed since, or another host answered$/);
  assert.match(why(false, '5.15'), /the RST was lost, likely, or the setting was changed since$/);
});

test('an RST after the handshake: abort_on_overflow, then the counter of overflows', t => {
  const rst = finding('reset-close', { class: 'handshake-abort', from: 'server' }, { severity: 'info' });
  assert.equal(told(rst, host(t, '5.15', SERVER))[1], 'Title; not for a full accept queue (tcp_abort_on_overflow=0)');
  assert.equal(told(rst, host(t, '3.10', SERVER))[0], 'cannot');
  assert.equal(told(rst, host(t, '5.15', SERVER, { 'net.ipv4.tcp_abort_on_overflow': 1 }))[0], 'confirmed');
});

test('a counter of 0 excludes nothing before the boot or after the collection', t => {
  const given = finding('unanswered-syn', { cause: 'accept-queue' });
  const says = (at: string): unknown =>
    (withContext(given, Date.parse(at), [host(t, '6.18', SERVER)]).evidence.context as { says: string }).says;
  assert.deepEqual(
    [says('2023-11-14T23:00:00Z'), says('2023-11-14T22:00:00Z'), says('2023-11-15T01:00:00Z')],
    ['cannot', 'unknown', 'unknown'],
  );
  assert.equal(told(given, host(t, '5.15', SERVER))[0], 'confirmed');
});

test('+65537 with tcp_tw_reuse off for this path is a port that the application bound', t => {
  const given = finding('port-reuse', {
    class: 'in-time-wait',
    owner: 'client',
    client_isn: 'tw-reuse',
    tw_reuse: { '<=4.18': 'yes', '4.19': 'yes', '6.14': 'yes' },
  });
  assert.equal(
    told(given, host(t, '5.15', CLIENT))[1],
    'Title; the application bound this port itself (tcp_tw_reuse=2)',
  );
  assert.deepEqual(told(given, host(t, '6.18', CLIENT)), ['confirmed', 'Title', 'notice']);
});

test('a TIME_WAIT that a table overflow may have refused is not confirmed', t => {
  const given = finding('port-reuse', { class: 'in-time-wait', owner: 'server', outcome: 'dropped', age: 12 });
  assert.equal(told(given, host(t, '5.15', SERVER))[0], 'confirmed');
  assert.equal(told(given, host(t, '3.10', SERVER))[0], 'unknown');
});

test('nor one of a host whose counter of overflows could not be read, or was read before', t => {
  const given = finding('port-reuse', { class: 'in-time-wait', owner: 'server', outcome: 'dropped', age: 12 });
  const read = host(t, '5.15', SERVER);
  assert.equal(told(given, { ...read, counters: {} })[0], 'unknown');
  const later = withContext(given, Date.parse('2023-11-15T01:00:00Z'), [read]);
  assert.equal((later.evidence.context as { says: string }).says, 'unknown');
});

test('in grace 2.6.32 has let go, a newer kernel may not have', t => {
  const given = finding('port-reuse', { class: 'grace', owner: 'server', outcome: 'dropped', age: 61 });
  const off = { 'net.ipv4.tcp_tw_recycle': 0 };
  assert.equal(told(given, host(t, '2.6.32', SERVER, off))[0], 'cannot');
  assert.equal(told(given, host(t, '5.15', SERVER))[0], 'unknown');
});

test('an answer that proves the TIME_WAIT needs no host', t => {
  const given = finding('port-reuse', { class: 'grace', owner: 'server', outcome: 'accepted:tw-isn', age: 61 });
  assert.equal(told(given, host(t, '5.15', SERVER))[0], undefined);
});

test('exhaustion is measured by the ports that the client really has', t => {
  const given = finding('port-exhaustion', { in_use: 28_000, capacity: 28_232 }, { severity: 'critical' });
  // 30000-33000 and 40000 are reserved: 234 of them lie in the range.
  assert.deepEqual(
    told(given, host(t, '5.15', CLIENT)).filter((_, i) => i !== 1),
    ['confirmed', 'critical'],
  );
  const wide = { 'net.ipv4.ip_local_port_range': '1024 65535' };
  const [says, title, severity] = told(given, host(t, '6.18', CLIENT, wide));
  assert.deepEqual([says, severity], ['cannot', 'notice']);
  assert.match(title, /^28000 ports .*; this client has more \(ip_local_port_range=1024 65535 leaves 64512 ports/);
});

test('a client that cannot have so many ports was set otherwise: the packets are right', t => {
  const given = finding('port-exhaustion', { in_use: 28_000, capacity: 28_232 }, { severity: 'critical' });
  const few = { 'net.ipv4.ip_local_port_range': '40000 40003', 'net.ipv4.ip_local_reserved_ports': '' };
  assert.deepEqual(told(given, host(t, '6.18', CLIENT, few)), ['unknown', 'Title', 'critical']);
});

test('where no accept queue overflowed an attempt loses that cause, and what it cost stays', t => {
  const title = 'SYN accepted after 3.000 s; cause: a full accept queue';
  const symptom = 'SYN accepted after 3.000 s';
  const given = finding('unanswered-syn', { cause: 'accept-queue', delay: 3 }, { title, symptom, severity: 'warning' });
  const [says, without, severity] = told(given, host(t, '6.18', SERVER));
  assert.deepEqual([says, severity], ['cannot', 'notice']);
  assert.match(without, /^SYN accepted after 3\.000 s; cause: unknown \(no accept queue of this server overflowed/);
});

test('of the explanations of a revealed setting its host leaves one', t => {
  const revealed = (setting: string, symptom: string, causes = ''): Finding =>
    finding('revealed-setting', { setting }, { title: symptom + causes, symptom });
  const rfc1337 = revealed('tcp_rfc1337', 'It keeps its TIME_WAIT', ': tcp_rfc1337=1, or the RST never reached it');
  assert.equal(told(rfc1337, host(t, '3.10', SERVER))[1], 'It keeps its TIME_WAIT: it has tcp_rfc1337=1');
  assert.deepEqual(told(rfc1337, host(t, '5.15', SERVER)).slice(0, 2), [
    'cannot',
    'It keeps its TIME_WAIT: the RST likely never reached it (it has tcp_rfc1337=0)',
  ]);
  const reuse = revealed('tcp_tw_reuse', 'Title');
  assert.equal(told(reuse, host(t, '5.15', CLIENT))[1], 'Title; here the application binds it (tcp_tw_reuse=2)');
  assert.deepEqual(told(reuse, host(t, '6.18', CLIENT)).slice(0, 2), ['confirmed', 'Title']);
  const stripped = revealed('tcp_timestamps', 'It takes none', ': tcp_timestamps=0, or a device strips them');
  assert.match(
    told(stripped, host(t, '6.18', SERVER))[1],
    /a device in between likely strips them, for it has tcp_tim/,
  );
  assert.deepEqual(told(revealed('tcp_tw_recycle', 'Title'), host(t, '6.18', SERVER)).slice(0, 2), [
    'confirmed',
    'Title',
  ]);
});

test('every title that a host may take a cause from comes with what it says apart from that', async () => {
  const causes: [fixture: string, cause: RegExp][] = [
    ['lab-accept-overflow.pcap', /; cause: a full accept queue/],
    ['lab-accept-queue-silent.pcap', /; cause: a full accept queue/],
    ['lab-recycle-two-hosts.pcap', /; cause: the rule of tcp_tw_recycle|; after the last of them/],
    ['lab-rfc1337.pcap', /tcp_rfc1337=1, or the RST never/],
    ['timestamps-refused.pcap', /on Linux tcp_timestamps=0\), or/],
  ];
  for (const [name, cause] of causes) {
    const { findings } = await collect(fixtureNamed(name).inputs);
    const named = findings.filter(({ title }) => cause.test(title));
    assert.ok(named.length > 0, name);
    for (const { title, symptom } of named) {
      assert.ok(symptom !== undefined && !cause.test(symptom), title);
    }
  }
});

test('a TIME_WAIT table that never overflowed cannot have', t => {
  assert.equal(told(finding('time-wait-overflow', {}), host(t, '6.18', SERVER))[0], 'cannot');
  assert.equal(told(finding('time-wait-overflow', {}), host(t, '3.10', SERVER))[0], 'confirmed');
});
