/** Rows of attempts that show together why first SYNs were lost, where a single one would not (docs/rules.md D2.3). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { adviceFor } from '../../../src/detect/advice/index.ts';
import type { Finding } from '../../../src/detect/finding.ts';
import { type Changes, Conversation, clientCloses, serverCloses } from '../../build/conversation.ts';
import { follow } from '../../flow/follow.ts';

const later = (): Conversation => new Conversation({ client: '192.0.2.99:5', at: 400 }).handshake();
const told = async (stories: readonly Conversation[]): Promise<Finding[]> =>
  (await follow([...stories, later()])).findings.filter(f => f.rule === 'unanswered-syn');
const causes = (findings: readonly Finding[]): unknown[][] => [
  ...new Map(
    findings.map(({ evidence: e, severity, confidence }) => {
      const cause = [e.cause, e.seen, severity, confidence];
      return [String(cause), cause];
    }),
  ).values(),
];

/** A SYN with these fields gets no answer, the one without does after a second. */
function relieved(clientPort: number, at: number, burden: Changes, again: Changes = {}): Conversation {
  const attempt = new Conversation({ clientPort, at }).syn(burden);
  attempt.client.nxt = attempt.packets[0].seq + 1;
  return attempt.wait(1).synAgain(again).synAck().ack('client').request().response().clientCloses();
}
const answered = (clientPort: number, at: number, burden: Changes): Conversation => {
  const attempt = new Conversation({ clientPort, at }).syn(burden);
  return attempt.synAck().ack('client').request().response().clientCloses();
};
const ECN = { flags: 'SEC' };
const isEcn = ({ packets }: Finding): boolean => packets[0].flags === ECN.flags;
const row = (count: number, one: (port: number, at: number) => Conversation): Conversation[] =>
  Array.from({ length: count }, (_, i) => one(41_000 + i, i * 20));

test('SYNs with ECN flags or data that never get an answer, and the plain ones do: a device drops them, most likely', async () => {
  const kinds: [Changes, RegExp, string][] = [
    [ECN, /drops SYNs with ECN flags \(ECE, CWR\), most likely: in 4 attempts/, 'ECN flags (ECE,CWR against none)'],
    [{ payload: 200 }, /drops SYNs with data \(TCP Fast Open\), most likely/, 'data in the SYN (some against none)'],
  ];
  for (const [burden, title, difference] of kinds) {
    const plain = answered(42_000, 5, {});
    const findings = await told([...row(4, (port, at) => relieved(port, at, burden)), plain]);
    assert.equal(findings.length, 4);
    assert.deepEqual(causes(findings), [['unknown', 'syn-changed', 'notice', 'strong']], 'the first as the last');
    for (const finding of findings) {
      assert.match(finding.title, title);
      assert.deepEqual(finding.evidence.differs, [difference]);
      assert.ok(adviceFor(finding).meaning.includes(difference));
    }
  }
});

test('where no first SYN was answered, a device may drop each of them as well: both are named', async () => {
  const findings = await told(row(4, (port, at) => relieved(port, at, ECN)));
  assert.deepEqual(causes(findings), [['unknown', 'first-or-changed', 'notice', 'strong']]);
  assert.match(
    findings[0].title,
    /drops SYNs with ECN flags \(ECE, CWR\), or the first SYN of each connection, as protection from floods does, most likely/,
  );
  assert.deepEqual(findings[0].evidence.differs, ['ECN flags (ECE,CWR against none)']);
  const { meaning, checks } = adviceFor(findings[0]);
  assert.match(meaning, /the packets do not tell which/);
  assert.match(checks[0].command, /^hping3 -c 1 -S -p /);
});

test('first SYNs of a client that does not ask for ECN have the same fate: each first SYN is dropped', async () => {
  const plain = (count: number): Conversation[] => row(count, (port, at) => relieved(port + 1000, at + 10, {}));
  const ecn = row(4, (port, at) => relieved(port, at, ECN));
  const withEcn = async (others: Conversation[]): Promise<Finding[]> => (await told([...ecn, ...others])).filter(isEcn);
  const findings = await withEcn(plain(4));
  assert.deepEqual(causes(findings), [['unknown', 'first-syn', 'notice', 'strong']]);
  assert.match(
    findings[0].title,
    /drops the first SYN of each connection, most likely, as protection from floods does/,
  );
  assert.equal(findings[0].evidence.differs, undefined);
  assert.match(adviceFor(findings[0]).askNext, /protection from floods/);
  assert.deepEqual(causes(await withEcn(plain(2))), [['unknown', 'first-or-changed', 'notice', 'strong']], 'too few');
  const once = [...plain(4), answered(43_000, 5, {})];
  assert.deepEqual(causes(await withEcn(once)), [['unknown', 'syn-changed', 'notice', 'strong']], 'one gets through');
});

test('first SYNs that carry nothing are lost again and again: no device is named, as full queues lose them in the same way', async () => {
  const plain = row(8, (port, at) => relieved(port + 1000, at + 10, {}));
  notStrong(await told(plain), 8);
  const beside = await told([...row(4, (port, at) => relieved(port, at, ECN)), ...plain]);
  const [first, others] = [beside.filter(isEcn), beside.filter(f => !isEcn(f))];
  assert.deepEqual(causes(first), [['unknown', 'first-syn', 'notice', 'strong']]);
  notStrong(others, 8);
});

test('two such attempts may be two lost SYNs: said as a possibility', async () => {
  const findings = await told(row(2, (port, at) => relieved(port, at, ECN)));
  assert.deepEqual(causes(findings), [['unknown', undefined, 'notice', 'weak']]);
  assert.match(findings[0].title, /; or something on the way drops SYNs with ECN flags \(ECE, CWR\), as the answered/);
});

test('nobody drops SYNs with ECN where one of them was answered, or where plain ones are lost as well', async () => {
  const lost = row(4, (port, at) => relieved(port, at, ECN));
  for (const { title } of await told([...lost, answered(42_000, 90, ECN)])) assert.doesNotMatch(title, /ECN/);
  const again = row(4, (port, at) => {
    const attempt = new Conversation({ clientPort: port, at }).syn(ECN).wait(1).synAgain().wait(2).synAgain();
    return attempt.synAck().ack('client');
  });
  for (const { title } of await told(again)) assert.doesNotMatch(title, /ECN/);
});

const notStrong = (findings: readonly Finding[], count: number): void => {
  assert.equal(findings.length, count);
  for (const { evidence, confidence } of findings) assert.deepEqual([evidence.seen, confidence], [undefined, 'weak']);
};

test('no device drops SYNs with ECN or data that were answered before the first was lost, be that at several times', async () => {
  for (const burden of [ECN, { payload: 200 }]) {
    const before = Array.from({ length: 20 }, (_, i) => answered(42_000 + i, i, burden));
    for (const apart of [0.1, 20]) {
      const lost = Array.from({ length: 4 }, (_, i) => relieved(41_000 + i, 25 + i * apart, burden));
      const findings = await told([...before, ...lost]);
      notStrong(findings, 4);
      for (const { title } of findings) assert.doesNotMatch(title, /drops SYNs/);
    }
  }
});

test('SYNs with ECN that one outage hits count once, however many: a possibility', async () => {
  for (const apart of [0.002, 0.15]) {
    const findings = await told(Array.from({ length: 6 }, (_, i) => relieved(41_000 + i, i * apart, ECN)));
    notStrong(findings, 6);
    assert.match(findings[0].title, /; or something on the way drops SYNs with ECN flags/);
  }
  const twice = [0, 0.1, 0.2, 30, 30.1, 30.2].map((at, i) => relieved(41_000 + i, at, ECN));
  notStrong(await told(twice), 6);
});

test('an RST that refuses a SYN with ECN shows that it got through', async () => {
  const refused = new Conversation({ clientPort: 42_000, at: 0 }).syn(ECN).refuse();
  const findings = await told([...row(4, (port, at) => relieved(port, at, ECN)), refused]);
  for (const { title } of findings) assert.doesNotMatch(title, /drops SYNs/);
});

const used = (count: number, closes = clientCloses): Conversation[] =>
  row(count, (clientPort, at) => {
    const old = closes({ clientPort, at: at / 20 });
    const next = old.reopen(20, { clientIsn: old.client.nxt + 1_000_000 }).syn();
    return next.wait(1).synAgain().synAck().ack('client').clientCloses();
  });
const fresh = (count: number): Conversation[] =>
  Array.from({ length: count }, (_, i) => clientCloses({ clientPort: 45_000 + i, at: 20 + i }));

test('the first SYN lost on every tuple that was used before, and on no other: something still holds the old connection', async () => {
  for (const closes of [clientCloses, serverCloses]) {
    const findings = await told([...used(6, closes), ...fresh(8)]);
    assert.equal(findings.length, 6);
    assert.deepEqual(
      causes(findings),
      [['unknown', 'tuple-held', 'notice', 'strong']],
      'with and without others meanwhile',
    );
    assert.match(findings[0].title, /still holds the old connection of this tuple, most likely: .* in 6 of 6 attempts/);
    const { meaning, checks } = adviceFor(findings[0]);
    assert.match(meaning, /IPVS .* before Linux 5\.9 with conn_reuse_mode=1/);
    assert.match(checks[0].command, /net\.ipv4\.vs\.conn_reuse_mode/);
  }
});

test('the first SYNs on used tuples lost in one outage, or one answered at once besides: no device holds them, for all that shows', async () => {
  const used = (i: number, at: number): Conversation => {
    const old = clientCloses({ clientPort: 41_000 + i, at: i });
    return old.reopen(at - old.now, { clientIsn: old.client.nxt + 1_000_000 });
  };
  const lostAt = (i: number, at: number): Conversation =>
    used(i, at).syn().wait(1).synAgain().synAck().ack('client').clientCloses();
  notStrong(await told([...[0, 1, 2].map(i => lostAt(i, 70 + i * 0.1)), ...fresh(20)]), 3);
  const spread = (): Conversation[] => [0, 1, 2, 3].map(i => lostAt(i, 40 + i * 10));
  const strong = await told([...spread(), ...fresh(20)]);
  assert.deepEqual(causes(strong), [['unknown', 'tuple-held', 'notice', 'strong']]);
  notStrong(await told([...spread(), ...fresh(20), used(4, 55).handshake().clientCloses()]), 4);
});

test('a few such SYNs, or as many lost on other tuples: no more than a possibility', async () => {
  const one = await told([...used(1), ...fresh(8)]);
  assert.deepEqual(causes(one), [['path-loss', undefined, 'info', 'weak']]);
  assert.match(
    one[0].title,
    /; or a balancer or firewall on the way still holds the old connection of this tuple, of 20/,
  );
  const lossy = row(6, (clientPort, at) => relieved(clientPort + 2000, 20 + at / 20, {}));
  for (const { evidence } of await told([...used(6), ...fresh(8), ...lossy])) {
    assert.notEqual(evidence.seen, 'tuple-held');
  }
});

test('three first SYNs on used tuples, lost at different times, tell of a device, while one of ten others is lost at most', async () => {
  const seen = async (usedLate: number, atOnce: number, late: number): Promise<unknown> => {
    // The first connection of each used tuple had its answer at once, too.
    const others = fresh(atOnce - usedLate);
    const lossy = row(late, (clientPort, at) => relieved(clientPort + 2000, 250 + at, {}));
    const apart = row(usedLate, (clientPort, at) => {
      const old = clientCloses({ clientPort, at: at / 20 });
      const next = old.reopen(20 + at / 2, { clientIsn: old.client.nxt + 1_000_000 }).syn();
      return next.wait(1).synAgain().synAck().ack('client').clientCloses();
    });
    const findings = await told([...apart, ...others, ...lossy]);
    return findings.find(({ client, clientPort }) => client === '192.0.2.10' && clientPort < 43_000)!.evidence.seen;
  };
  assert.equal(await seen(2, 30, 0), undefined);
  assert.equal(await seen(3, 30, 0), 'tuple-held');
  assert.equal(await seen(3, 9, 1), undefined);
  assert.equal(await seen(3, 10, 1), 'tuple-held');
});
