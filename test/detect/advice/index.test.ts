/** Advice follows from what a finding says, names real commands, and never recommends what makes things worse. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { rowOf, type Table } from '../../../src/detect/advice/advice.ts';
import { ADVICE, adviceFor, type Subject } from '../../../src/detect/advice/index.ts';
import { detectors } from '../../../src/detect/index.ts';
import { RESET_CLASSES } from '../../../src/flow/resets.ts';
import { fixtures } from '../../build/fixtures.ts';

const subject = (rule: string, evidence: Subject['evidence'], more: Partial<Subject> = {}): Subject => ({
  rule,
  evidence: rule === 'reset-close' ? { hints: [], ...evidence } : evidence,
  severity: 'warning',
  confidence: 'strong',
  client: '192.0.2.10',
  client_port: 40000,
  server: '198.51.100.80',
  server_port: 80,
  ...more,
});

/** Every row of every table, as text. */
const rows = Object.entries(ADVICE).flatMap(([rule, { doNot, rows: ofRule }]) =>
  Object.values(ofRule).map(row => ({ rule, doNot, row })),
);

test('every rule has a table', () => {
  for (const { meta } of detectors) assert.ok(ADVICE[meta.id], meta.id);
});

test('evidence in words of another version gets the row for whatever is left', () => {
  for (const word of ['of-another-version', 'constructor']) {
    for (const rule of ['reset-close', 'unanswered-data', 'paws-drop', 'revealed-setting'] as const) {
      const table = ADVICE[rule] as Table<string, object>;
      assert.equal(rowOf(table, { class: word, setting: word, hints: [] }), table.rows.rest, rule);
    }
  }
});

test('no change enables tcp_tw_recycle or switches timestamps off, and each names its risk', () => {
  for (const { rule, row } of rows) {
    for (const { what, risk } of row.change ?? []) {
      assert.doesNotMatch(what, /tcp_tw_recycle ?= ?1|tcp_timestamps ?= ?0/, rule);
      assert.notEqual(risk, '', rule);
    }
  }
});

test('checks only read', () => {
  for (const { rule, row } of rows) {
    for (const { command } of row.checks)
      assert.doesNotMatch(command, /sysctl -w|nstat (?!-az)|conntrack -[DFIU]/, rule);
  }
});

/** As Linux 6.18 lists them; PAWSPassive went with tcp_tw_recycle. */
const COUNTERS = new Set(
  (
    'TcpOutRsts TcpEstabResets TcpExtPAWSPassive TcpExtPAWSEstab TcpExtPAWSTimewait TcpExtPAWSOldAck TcpExtTW ' +
    'TcpExtTWRecycled TcpExtListenOverflows TcpExtListenDrops TcpExtTCPReqQFullDrop TcpExtTCPReqQFullDoCookies ' +
    'TcpExtTCPAbortOnData TcpExtTCPAbortOnClose TcpExtTCPAbortOnTimeout TcpExtTCPAbortOnMemory TcpExtTCPAbortOnLinger ' +
    'TcpExtTCPTimeWaitOverflow TcpExtTCPChallengeACK TcpExtTCPSYNChallenge TcpExtTCPACKSkippedTimeWait ' +
    'TcpExtTCPACKSkippedChallenge TcpExtTCPACKSkippedPAWS TcpExtTCPSACKReorder TcpExtTCPTSReorder TcpExtTCPDSACKRecv TcpExtTCPSynRetrans ' +
    'TcpExtIPReversePathFilter TcpExtTCPKeepAlive TcpExtTCPTimeouts ' +
    'TcpExtTCPMD5NotFound TcpExtTCPMD5Unexpected TcpExtTCPMD5Failure TcpExtTCPAORequired TcpExtTCPAOBad'
  ).split(' '),
);

test('every counter that is named exists', () => {
  const named = rows.flatMap(({ row }) => row.checks.flatMap(({ command }) => command.match(/\bTcp[A-Z]\w+/g) ?? []));
  assert.ok(named.length > 20);
  for (const name of named) assert.ok(COUNTERS.has(name), name);
});

test('where packets show what happened though no cause holds, advice does not say that they do not tell', () => {
  const unknown = { cause: 'unknown', syns: 2 };
  const meaning = (evidence: Subject['evidence']): string => adviceFor(subject('unanswered-syn', evidence)).meaning;
  assert.match(meaning({ ...unknown, seen: 'old-connection' }), /which is still open there/);
  assert.match(meaning({ ...unknown, seen: 'held-back' }), /^Nothing was lost/);
  assert.match(meaning({ ...unknown, syn_acks: 1 }), /repeats its SYN-ACK/);
  assert.match(meaning(unknown), /the packets do not tell why/);
});

test('a TSval of another connection does not decide in the TIME_WAIT of its own tuple', () => {
  const meets = { recycle: { '2.6.32': 'tw-bucket', '3.17': 'tw-bucket' }, answered: true };
  const meaning = (same_tuple: boolean): string =>
    adviceFor(subject('timestamp-regress', { ...meets, same_tuple })).meaning;
  assert.match(meaning(false), /decides by the TSval of its own connection/);
  assert.match(meaning(true), /on one and the same tuple/);
});

test('a port that is used again and accepted at once wants no change', () => {
  for (const client_isn of ['other', 'tw-reuse', undefined]) {
    const reuse = { class: 'in-time-wait', owner: 'client', outcome: 'accepted', client_isn };
    assert.deepEqual(adviceFor(subject('port-reuse', reuse, { severity: 'info' })).change, []);
  }
});

test('an open connection and a TIME_WAIT behind the same used port want different advice', () => {
  const open = adviceFor(subject('port-reuse', { class: 'open', outcome: 'challenge-ack>rst>accepted' }));
  const waited = adviceFor(
    subject('port-reuse', {
      class: 'in-time-wait',
      outcome: 'challenge-ack>rst>accepted',
      owner: 'server',
      delay: 1.01,
    }),
  );
  assert.match(open.meaning, /nothing has closed/);
  assert.match(waited.meaning, /late by 1\.010 s/);
  assert.match(waited.checks[0].where, /^the server, which holds/);
  assert.match(waited.checks[0].command, /:40000/);
  assert.notDeepEqual(open.change, waited.change);
});

test('tcp_rfc1337 is to be changed only where the old connection answered after the RST', () => {
  const changes = (more: object): string => {
    const subjected = { class: 'in-time-wait', outcome: 'challenge-ack>rst', owner: 'server', ...more };
    return adviceFor(subject('port-reuse', subjected))
      .change.map(({ what }) => what)
      .join('; ');
  };
  assert.match(changes({ outlived: true }), /tcp_rfc1337=0/);
  assert.doesNotMatch(changes({}), /rfc1337/);
});

test('an RST is asked about at the end that sent it, and at neither while a middlebox is likely', () => {
  const abort = adviceFor(subject('reset-close', { class: 'abort', from: 'server', hints: [] }));
  assert.match(abort.checks[0].where, /the server/);
  assert.match(abort.askNext, /application on the server/);
  const forged = adviceFor(
    subject('reset-close', { class: 'abort', from: 'server', hints: ['ttl', 'middlebox-likely'] }),
  );
  assert.match(forged.askNext, /^The firewall/);
  assert.match(forged.doNot, /Do not blame the server/);
  const refused = adviceFor(subject('reset-close', { class: 'refused', from: 'server', hints: [] }));
  assert.match(refused.checks[0].command, /ss -ltnp 'sport = :80'/);
});

test('every class of RST has advice of its own', () => {
  const said = RESET_CLASSES.map(kind => adviceFor(subject('reset-close', { class: kind, from: 'client' })).meaning);
  const rest = ADVICE['reset-close'].rows.rest.meaning;
  for (const [i, meaning] of said.entries()) assert.notEqual(meaning, rest, RESET_CLASSES[i]);
  assert.equal(new Set(said).size, RESET_CLASSES.length);
});

test('an unanswered SYN is advised on by its cause', () => {
  const causes = ['time-wait', 'per-host-paws', 'accept-queue', 'path-loss', 'one-way-capture', 'unknown'];
  const said = causes.map(cause => adviceFor(subject('unanswered-syn', { cause })).meaning);
  assert.equal(new Set(said).size, causes.length);
});

test('a late copy wants no change, a clock that went back does', () => {
  const classes = ['duplicate', 'old-duplicate', 'reordered', 'clock-back'];
  const changes = classes.map(kind => adviceFor(subject('paws-drop', { class: kind, from: 'server' })).change.length);
  assert.deepEqual(changes, [0, 0, 0, 1]);
});

test('a SYN that tw_recycle would drop but was accepted accuses nobody', () => {
  const recycle = { '2.6.32': 'drop', '3.17': 'drop' };
  const accepted = { recycle, answered: true, accepted: true, retransmissions: 0, disproved: true };
  const answered = adviceFor(subject('timestamp-regress', accepted));
  assert.deepEqual(answered.change, []);
  assert.match(answered.meaning, /does not do it/);
  assert.doesNotMatch(answered.meaning, /several_servers|syn_proxy|several servers|looks like/);
  const perhaps = { ...accepted, several_servers: true, syn_proxy: true };
  const doubtful = adviceFor(subject('timestamp-regress', perhaps)).meaning;
  assert.match(doubtful, / Or several servers share the address, .* The answer looks like that of a SYN proxy\.$/);
  const silent = adviceFor(subject('timestamp-regress', { recycle, answered: false }));
  assert.match(silent.change[0].what, /tcp_tw_recycle=0/);
});

test('advice speaks of initial TTLs only where they took turns', () => {
  const meaning = (evidence: Subject['evidence']): string => adviceFor(subject('shared-address', evidence)).meaning;
  assert.doesNotMatch(meaning({ regime: 'per-connection', reasons: [] }), /TTL|reasons/);
  const reasons = ['initial TTLs of 64 and 128 take turns'];
  assert.match(meaning({ regime: 'per-connection', reasons, hosts_low: 1 }), /Nor do initial TTLs/);
});

test('no sentence of checks, changes and whom to ask is longer than 125 characters', () => {
  const said = rows.flatMap(({ doNot, row: { checks, change = [], askNext, doNot: more = '' } }) => [
    ...checks.map(({ expect }) => expect),
    ...change.flatMap(({ what, risk }) => [what, risk]),
    ...[askNext, doNot, more],
  ]);
  const sentences = said.flatMap(text => text.split(/(?<=\.) /));
  assert.deepEqual(
    sentences.filter(({ length }) => length > 125),
    [],
  );
});

const recycleOff = { host: 'web1', end: 'server', says: 'cannot', why: 'Linux 6.1 has no tcp_tw_recycle' };

test('a server whose own context rules it out has nothing to change, and is not asked again', () => {
  const recycle = { '2.6.32': 'drop', '3.17': 'drop' };
  const cases: [string, Subject['evidence']][] = [
    ['timestamp-regress', { recycle, answered: false }],
    ['recycle-hazard', { recycle, answered: false, timestamps: false }],
    ['recycle-signature', {}],
    ['recycle-signature', { server_clocks: 2 }],
    ['unanswered-syn', { cause: 'per-host-paws' }],
  ];
  for (const [rule, evidence] of cases) {
    const without = adviceFor(subject(rule, evidence));
    assert.match(JSON.stringify(without.checks), /tcp_tw_recycle/, rule);
    const advice = adviceFor(subject(rule, { ...evidence, context: recycleOff }));
    assert.match(advice.meaning, /The server itself \(web1\) rules this out: Linux 6\.1 has no tcp_tw_recycle\.$/);
    assert.deepEqual(advice.change, [], rule);
    assert.doesNotMatch(JSON.stringify(advice.checks), /tcp_tw_recycle|uname|PAWSPassive|tcp_metrics/, rule);
    assert.ok(advice.checks.length > 0, rule);
    assert.doesNotMatch(advice.askNext, /kernel version/, rule);
  }
});

test('a server whose own context bears it out is told what to change without being asked again', () => {
  const evidence = { recycle: { '3.17': 'drop' }, answered: false, context: { ...recycleOff, says: 'confirmed' } };
  const advice = adviceFor(subject('timestamp-regress', evidence));
  assert.match(advice.meaning, /bears it out/);
  assert.match(advice.change[0].what, /tcp_tw_recycle=0/);
  assert.doesNotMatch(JSON.stringify(advice.checks), /sysctl net\.ipv4\.tcp_tw_recycle/);
});

test('a server none of whose accept queues overflowed is not told to make them longer', () => {
  const context = { host: 'web1', end: 'server', says: 'cannot', why: 'TcpExtListenOverflows is 0 since boot' };
  const advice = adviceFor(subject('unanswered-syn', { cause: 'accept-queue', context }));
  assert.deepEqual(advice.change, []);
  assert.match(advice.meaning, /no accept queue of this one has overflowed/);
});

test('weak evidence is said to be weak before anything is changed', () => {
  assert.match(
    adviceFor(subject('reset-close', { class: 'abort' }, { confidence: 'weak' })).meaning,
    /evidence is weak/,
  );
});

test('IPv6 addresses are written as each command wants them', () => {
  const ends = { client: '2001:db8::1', server: '2001:db8::2' };
  const { checks } = adviceFor(subject('reset-close', { class: 'no-state', from: 'server' }, ends));
  assert.match(checks[0].command, /dst \[2001:db8::1\]/);
  const silent = adviceFor(subject('unanswered-syn', { cause: 'unknown' }, ends));
  assert.match(silent.checks[0].command, /src host 2001:db8::1 and tcp dst port 80 and ip6\[53\] & 2 != 0/);
});

test('a rule of another version gets what is known of it, and no invention', () => {
  assert.match(adviceFor(subject('from-the-future', {})).meaning, /does not know/);
});

test('the advice on every finding of the goldens is filled in', () => {
  for (const { golden, name } of fixtures()) {
    // Times are text there.
    for (const { first_ns: _, last_ns: __, ...finding } of JSON.parse(readFileSync(golden, 'utf8')) as Subject[]) {
      const advice = adviceFor(finding);
      assert.doesNotMatch(JSON.stringify(advice), /[{](?:client|server|from|other|owner|delay|idle|age)/, name);
      assert.ok(advice.checks.length > 0, `${name}: ${finding.rule}`);
      assert.notEqual(advice.askNext, '');
    }
  }
});

test('weak evidence warns of changes only where one is named', () => {
  const weak = { confidence: 'weak' } as const;
  const nothing = adviceFor(subject('reset-close', { class: 'no-flow', from: 'server' }, weak));
  assert.deepEqual(nothing.change, []);
  assert.match(nothing.meaning, /The evidence is weak\.$/);
  const change = adviceFor(subject('reset-close', { class: 'abort', from: 'server', hints: [] }, weak));
  assert.match(change.meaning, /weak: change nothing before one of the checks has confirmed it\.$/);
});

test('a port that is used again half a second after the last packet meets no idle timer', () => {
  const open = (age: number) => adviceFor(subject('port-reuse', { class: 'open', outcome: 'challenge-ack', age }));
  assert.deepEqual(open(0.458).change, []);
  assert.match(open(0.458).meaning, /0\.458 s after the last packet/);
  assert.match(open(300).change[0].what, /^Keep-alives/);
});

test('a setting that the context of its host holds is not asked for again', () => {
  const cases: [string, Subject['evidence'], RegExp][] = [
    ['reset-close', { class: 'tw-assassination', from: 'client' }, /tcp_rfc1337/],
    ['reset-close', { class: 'handshake-abort', from: 'server' }, /tcp_abort_on_overflow/],
    ['port-exhaustion', { capacity_from: 'assumed', in_use: 28000, capacity: 28232 }, /ip_local_port_range/],
  ];
  for (const [rule, evidence, setting] of cases) {
    const commands = (context?: object) =>
      adviceFor(subject(rule, { ...evidence, ...(context && { context }) }))
        .checks.map(({ command }) => command)
        .join();
    assert.match(commands(), setting);
    assert.doesNotMatch(commands({ host: 'web1', end: 'server', says: 'confirmed', why: 'as read there' }), setting);
    assert.match(commands({ host: 'web1', end: 'server', says: 'unknown', why: 'could not be read there' }), setting);
  }
});

test('logs are looked through around the time of the finding, whenever that was', () => {
  const at = { first_ns: 1_700_000_000_000_000_000n, last_ns: 1_700_000_600_000_000_000n };
  const { checks } = adviceFor(subject('port-exhaustion', { capacity_from: 'linux', in_use: 28000 }, at));
  const logs = checks.find(({ command }) => command.startsWith('journalctl'))!;
  assert.match(logs.command, /^journalctl --since '2023-11-14 22:12:20 UTC' --until '2023-11-14 22:24:20 UTC' /);
});

test('one machine may have several network stacks: said wherever an address is said to have several hosts', () => {
  const evidences = [
    { regime: 'interleaved', hosts_low: 2 },
    { regime: 'interleaved' },
    { regime: 'restart', hosts_low: 2 },
  ];
  for (const evidence of evidences) {
    const { meaning } = adviceFor({ rule: 'shared-address', severity: 'info', confidence: 'strong', evidence });
    assert.match(
      meaning,
      /One machine may have several: WSL 2, a virtual machine in NAT mode, or a container under gVisor/,
    );
  }
});
