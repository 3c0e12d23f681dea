/** What holds for findings of every rule: ids, order, packets, the cap, and sentences fit to be read. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compareFindings, type Finding, SEVERITIES } from '../../src/detect/finding.ts';
import { detectors } from '../../src/detect/index.ts';
import { collect, type Outcome } from '../build/collect.ts';
import { Conversation, clientCloses, exchange, serverCloses, TW_ISN_STEP } from '../build/conversation.ts';
import { Host } from '../build/host.ts';
import { collision, newHost, oldHost } from '../build/situations/reuse.ts';
import { follow, followFile } from '../flow/follow.ts';

const findingsOf = async (story: Conversation): Promise<Finding[]> => (await follow(story)).findings;
const stranger = (at: number): Conversation =>
  exchange({ client: '203.0.113.1:1', clientPort: 50000 + at, server: '203.0.113.2:22', at });

test('ids do not depend on frame numbers, nor on what else the capture holds', async () => {
  const alone = await findingsOf(collision(0.01));
  const among = (await follow([stranger(0), collision(0.01), stranger(10)])).findings;
  assert.ok(alone.length > 2);
  assert.deepEqual(
    among.map(f => f.id),
    alone.map(f => f.id),
  );
  assert.notDeepEqual(
    among.map(f => f.frame),
    alone.map(f => f.frame),
  );
});

test('every finding has an id of its own', async () => {
  const twice = await follow([collision(0.01), collision(0.01, { clientPort: 40002, at: 100 })]);
  const ids = twice.findings.map(f => f.id);
  assert.equal(new Set(ids).size, ids.length);
});

test('another moment, number or tuple is another finding', async () => {
  const of = async (story: Conversation): Promise<string> => (await findingsOf(story))[0].id;
  const refused = (at: number, clientIsn: number, clientPort: number): Conversation =>
    new Conversation({ at, clientIsn, clientPort }).syn().refuse();
  const ids = await Promise.all([
    of(refused(1, 5, 40000)),
    of(refused(1.000000001, 5, 40000)),
    of(refused(1, 6, 40000)),
    of(refused(1, 5, 40001)),
  ]);
  assert.equal(new Set(ids).size, 4);
  assert.equal(await of(refused(1, 5, 40000)), ids[0]);
});

test('findings beyond the cap of a rule and host pair are counted only', async () => {
  const refused = (i: number, client: string): Conversation =>
    new Conversation({ client, clientPort: 41000 + i, at: i }).syn().refuse();
  const one = Array.from({ length: 10 }, (_, i) => refused(i, '192.0.2.10:1'));
  const other = Array.from({ length: 2 }, (_, i) => refused(i, '192.0.2.11:1'));
  const { findings, tally } = await follow([...one, ...other], { maxFindings: 3 });
  const from = (client: string): number[] => findings.filter(f => f.client === client).map(f => f.clientPort);
  assert.deepEqual(from('192.0.2.10'), [41000, 41001, 41002]);
  assert.equal(from('192.0.2.11').length, 2);
  assert.equal(tally['findings.suppressed'], 7);
  assert.equal(tally['findings.reset-close'], 12);
});

test('a cap changes no count of a rule', async () => {
  const { pathname } = new URL('../../../fixtures/lab-nat-two-clients.pcap', import.meta.url);
  const inputs = [{ name: 'nat', path: pathname }];
  const counts = ({ tally }: Outcome): unknown =>
    Object.entries(tally).filter(([name]) => /^findings\.(?!supp)/.test(name));
  const all = await collect(inputs);
  const capped = await collect(inputs, { maxFindings: 2 });
  assert.deepEqual(counts(capped), counts(all));
  const regressed = capped.findings.filter(({ rule }) => rule === 'timestamp-regress');
  assert.deepEqual(
    regressed.map(({ id }) => id),
    all.findings
      .filter(({ rule }) => rule === 'timestamp-regress')
      .slice(0, 2)
      .map(({ id }) => id),
  );
});

test('the cap is shared by both directions of a pair, not by rules', async () => {
  const there = new Conversation({ client: '192.0.2.1:1000', server: '192.0.2.2:80' }).syn().refuse();
  const back = new Conversation({ client: '192.0.2.2:1000', server: '192.0.2.1:80', at: 5 }).syn().refuse();
  assert.equal((await follow([there, back], { maxFindings: 1 })).findings.length, 1);
  const rules = (await follow(collision(0.01), { maxFindings: 1 })).findings.map(f => f.rule);
  assert.equal(new Set(rules).size, rules.length);
  assert.ok(rules.length >= 3);
});

test('only the rules that were asked for', async () => {
  const { findings } = await follow(collision(0.01), { rules: ['port-reuse'] });
  assert.deepEqual(new Set(findings.map(f => f.rule)), new Set(['port-reuse']));
});

test('findings come in order of time, whenever their stories end, and verdicts on the whole run after them', async () => {
  const slow = serverCloses({ client: oldHost() }).reopen(5, { client: newHost() }).syn().wait(1).synAgain();
  const quick = Array.from({ length: 5 }, (_, i) =>
    new Conversation({ clientPort: 45000 + i, at: 4 + i }).syn().refuse(),
  );
  const { findings } = await follow([slow, ...quick, stranger(300)]);
  assert.ok(findings.length >= 6);
  const events = findings.filter(f => f.rule !== 'shared-address');
  assert.deepEqual(findings.slice(0, events.length), events.toSorted(compareFindings));
});

test('a long row of SYNs leaves room for the packet that settles it', async () => {
  const next = serverCloses({ client: oldHost() }).reopen(5, { client: newHost() }).syn();
  for (let i = 0; i < 12; i++) next.wait(4).synAgain();
  const [finding] = (await findingsOf(next.synAck())).filter(f => f.rule === 'port-reuse');
  assert.equal(finding!.packets.length, 8);
  assert.equal(finding!.packets.at(-1)!.flags, 'SA');
  assert.deepEqual([finding!.evidence.syns, finding!.evidence.outcome], [13, 'accepted']);
});

test('packets are in order, and the one that raised the finding is among them', async () => {
  for (const finding of await findingsOf(collision(0.01))) {
    const frames = finding.packets.map(p => p.frame);
    assert.deepEqual(
      frames,
      frames.toSorted((a, b) => a - b),
    );
    assert.ok(frames.includes(finding.frame), finding.title);
    assert.ok(frames.length >= 2 && frames.length <= 8);
    assert.equal(finding.firstAt, finding.at);
  }
});

/** Reuse: old connection, pause, new SYN's machine; class, severity, sentence. */
const REUSES: readonly (readonly [string, string, RegExp, () => Conversation])[] = [
  [
    'in-time-wait',
    'warning',
    /^Port 40000 used again after 30\.0 s, in TIME_WAIT of the server: answered with an ACK of the old connection, then reset by the client, then accepted after 0?/,
    () => collision(0.01),
  ],
  [
    'grace',
    'info',
    /, likely at the very end of TIME_WAIT of the server: accepted/,
    () => serverCloses().reopen(62).handshake(),
  ],
  [
    'after-time-wait',
    'info',
    /when the TIME_WAIT of the server should be over/,
    () => serverCloses().reopen(70).handshake(),
  ],
  ['half-closed', 'info', /half closed, as far as/, () => exchange().fin('server').ack('client').reopen(9).handshake()],
  ['after-rst', 'info', /after a reset: accepted/, () => exchange().rstFrom('server').reopen(9).handshake()],
  ['open', 'info', /still open, as far as/, () => exchange().reopen(9).handshake()],
  ['syn-sent', 'info', /never completed/, () => new Conversation().syn().synAck().reopen(9).handshake()],
];
for (const [kind, severity, title, story] of REUSES) {
  test(`port-reuse ${kind}: ${severity}`, async () => {
    const [finding] = (await findingsOf(story())).filter(f => f.rule === 'port-reuse');
    assert.equal(finding!.evidence.class, kind);
    assert.equal(finding!.severity, severity);
    assert.match(finding!.title, title);
  });
}

/** What ended the TIME_WAIT of the old connection, if one did; the title says it. */
const ENDED: readonly (readonly [string, RegExp, () => Conversation])[] = [
  [
    "an RST into the server's TIME_WAIT",
    /after an RST that ended its TIME_WAIT: accepted/,
    () => serverCloses().wait(1).bareRst('client').reopen(9).handshake(),
  ],
  [
    "an RST into the server's TIME_WAIT, which was over anyway when the SYN came,",
    /after an RST that should have ended its TIME_WAIT: accepted/,
    () => serverCloses().wait(58).bareRst('client').reopen(3).handshake(),
  ],
  [
    "an RST into the server's TIME_WAIT, and nothing answers the SYN,",
    /after an RST that should have ended its TIME_WAIT: the SYN was not answered/,
    () => serverCloses().wait(1).bareRst('client').reopen(9).syn(),
  ],
  [
    "an RST into the client's own",
    /after an RST that should have ended its TIME_WAIT: accepted/,
    () => clientCloses().wait(1).bareRst('server').reopen(9).handshake(),
  ],
  [
    'an earlier SYN of the client, to which nothing came back',
    /after an earlier SYN that likely ended its TIME_WAIT: accepted/,
    () => clientCloses().reopen(2).syn().reopen(9).handshake(),
  ],
];
for (const [what, title, story] of ENDED) {
  test(`port-reuse closed: ${what} ended its TIME_WAIT`, async () => {
    const [finding] = (await findingsOf(story())).filter(f => f.rule === 'port-reuse' && f.evidence.class === 'closed');
    assert.match(finding!.title, title);
  });
}

test('port-reuse: in TIME_WAIT, likely, where no number shows it', async () => {
  const titleOf = async (story: Conversation): Promise<string> =>
    (await findingsOf(story)).find(f => f.rule === 'port-reuse')!.title;
  assert.match(await titleOf(serverCloses().reopen(30).syn()), /, likely in TIME_WAIT of the server: the SYN was not/);
  assert.match(
    await titleOf(serverCloses().reopen(30).handshake()),
    /, likely in TIME_WAIT of the server: accepted after/,
  );
  const old = serverCloses();
  const taken = old.reopen(30, { serverIsn: old.server.nxt + TW_ISN_STEP }).handshake();
  assert.match(await titleOf(taken), /s, in TIME_WAIT of the server: accepted out of TIME_WAIT after/);
});

test('port-reuse: a TIME_WAIT of an address is that of a host behind it, perhaps, where the SYN does not go on from it', async () => {
  const reused = async (story: Conversation): Promise<Finding> =>
    (await findingsOf(story)).find(f => f.rule === 'port-reuse')!;
  const foreign = await reused(clientCloses({ client: oldHost() }).reopen(9, { client: newHost() }).handshake());
  assert.match(foreign.title, /, likely in TIME_WAIT of the client, or of a host behind its address: accepted/);
  assert.deepEqual([foreign.evidence.client_isn, foreign.confidence], ['other', 'weak']);
  const old = clientCloses();
  const own = await reused(old.reopen(9, { clientIsn: old.client.nxt + TW_ISN_STEP }).handshake());
  assert.match(own.title, /s, in TIME_WAIT of the client: accepted/);
  assert.deepEqual([own.evidence.client_isn, own.confidence], ['tw-reuse', 'proof']);
});

test('dropped: an error only where the verdict foretold it and others got through meanwhile', async () => {
  const dropped = (): Conversation =>
    serverCloses({ client: oldHost() }).reopen(30, { client: newHost() }).syn().wait(1).synAgain().wait(2).synAgain();
  const others = [30.5, 31.5, 33].map((at, i) => exchange({ client: oldHost(), clientPort: 40002 + 2 * i, at }));
  const severity = async (...stories: Conversation[]): Promise<unknown> =>
    (await follow(stories)).findings.filter(f => f.rule === 'port-reuse').map(f => f.severity);
  assert.deepEqual(await severity(dropped()), ['warning']);
  assert.deepEqual(await severity(dropped(), ...others), ['error']);
  const legal = serverCloses().reopen(30).syn().wait(1).synAgain().wait(2).synAgain();
  assert.deepEqual(await severity(legal, ...others), ['warning']);
});

test('timestamp-regress: one tick back is none, two are; jitter is told for what it is', async () => {
  const second = async (back: number, after: number): Promise<Finding[]> => {
    const first = new Conversation({ client: new Host('192.0.2.10', { boot: 50_000 }), clientPort: 40000 }).syn();
    const tsval = first.last.tsval! - back;
    const c = new Conversation({ clientPort: 40002, at: after }).syn({ tsval });
    return (await follow([first, c])).findings.filter(f => f.rule === 'timestamp-regress');
  };
  assert.deepEqual(await second(1, 1), []);
  const [plain] = await second(2, 1);
  assert.deepEqual([plain!.severity, plain!.confidence, plain!.evidence.delta], ['info', 'proof', 2]);
  const [jitter] = await second(150, 0.0999);
  assert.deepEqual([jitter!.evidence.jitter, jitter!.confidence], [true, 'weak']);
  assert.match(jitter!.title, /capture order, most likely$/);
  for (const [back, after] of [
    [151, 0.0999],
    [150, 0.1],
  ] as const) {
    const [{ evidence, confidence }] = await second(back, after);
    assert.deepEqual([evidence.jitter, confidence], [false, 'proof']);
  }
  assert.deepEqual(await second(5000, 60), []);
  assert.equal((await second(5000, 59.999999999)).length, 1);
});

test('sentences and words of every rule are fit to be read', async () => {
  const findings = (await follow([collision(0.01), serverCloses({ clientPort: 41000, at: 200 }).rstFrom('client')]))
    .findings;
  for (const { title, severity } of findings) {
    assert.match(title, /^[A-Z].*[^.\s]$/);
    assert.doesNotMatch(title, /undefined|NaN|Infinity| {2}/);
    assert.ok(SEVERITIES.includes(severity));
  }
  for (const { meta } of detectors) {
    for (const text of [meta.why, meta.fix, meta.doNot]) assert.match(text, /^[A-Z].*\.$/, meta.id);
    assert.ok(meta.references.length > 0);
  }
});

test('a capture of which nothing can be told has no findings', async () => {
  assert.deepEqual((await followFile([])).findings, []);
});
