/** When a server is said to do what tcp_tw_recycle does, how surely, and what keeps it from being said. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { adviceFor } from '../../src/detect/advice/index.ts';
import type { Finding } from '../../src/detect/finding.ts';
import { Conversation, clientCloses, type Setup, serverCloses } from '../build/conversation.ts';
import { Host } from '../build/host.ts';
import type { Packet } from '../build/packet.ts';
import { follow } from '../flow/follow.ts';

const ADDRESS = '192.0.2.10';
/** Booted first: its clock is ahead by 5 hours. */
const ahead = (): Host => new Host(ADDRESS, { boot: 20_000_000 });
const behind = (): Host => new Host(ADDRESS, { boot: 2_000_000 });
/** Behind by 7 s only. */
const littleBehind = (): Host => new Host(ADDRESS, { boot: 19_993_000 });

type Story = Conversation | readonly Packet[];

let port = 30_000;
const served = (client: Host, at: number, setup: Setup = {}): Conversation =>
  serverCloses({ client, clientPort: port++, at, ...setup });
const silent = (client: Host, at: number, setup: Setup = {}, tries = 2): Conversation => {
  const attempt = new Conversation({ client, clientPort: port++, at, ...setup }).syn();
  for (let i = 1; i < tries; i++) attempt.wait(1).synAgain();
  return attempt;
};
const refused = (client: Host, at: number): Conversation =>
  new Conversation({ client, clientPort: port++, at }).syn().refuse();

/** `rounds` times the host ahead is served and the one behind is not. */
const lockedOut = (rounds: number, client = behind()): Conversation[] =>
  Array.from({ length: rounds }, (_, i) => [served(ahead(), i * 10), silent(client, i * 10 + 3)]).flat();
/** Something that is seen a minute and a half later, so that no attempt is cut short. */
const later = (): Conversation => new Conversation({ client: '192.0.2.99:5', at: 200 }).handshake();

const told = async (...stories: Story[]): Promise<Finding[]> =>
  (await follow([...stories, later()] as Conversation[])).findings.filter(f => f.rule === 'recycle-signature');
async function only(...stories: Story[]): Promise<Finding> {
  const findings = await told(...stories);
  assert.equal(findings.length, 1, 'findings');
  return findings[0];
}
const counts = ({ evidence: e }: Finding): unknown[] => [
  e.bad_unanswered,
  e.bad_answered,
  e.good_answered,
  e.good_unanswered,
];
const nothing = async (why: string, ...stories: Story[]): Promise<void> =>
  assert.deepEqual((await told(...stories)).map(counts), [], why);

test('three attempts of either kind, as the rule foretells', async () => {
  const finding = await only(...lockedOut(3));
  assert.deepEqual(counts(finding), [3, 0, 3, 0]);
  assert.deepEqual([finding.severity, finding.confidence], ['critical', 'strong'], 'the hosts may differ otherwise');
  assert.match(finding.title, /2\.6\.32 to 4\.11; not 4\.12 and newer.*what became of all 9 SYNs/);
  await nothing('two are too few', ...lockedOut(2));
  await nothing('three good ones are needed', served(ahead(), 0), ...[3, 6, 9].map(at => silent(behind(), at)));
});

/** The host behind sends SYNs with these fields, and is not served. */
const silentAs = (changes: Partial<Packet>, at: number, again = changes): Conversation =>
  new Conversation({
    client: behind(),
    clientPort: port++,
    at,
    ...(changes.sport ? { clientPort: changes.sport } : {}),
  })
    .syn(changes)
    .wait(1)
    .synAgain(again);

/** As the other SYNs here, and a request for a Fast Open cookie (RFC 7413), of the host behind at this second. */
function withFastOpen(second: number): number[] {
  const tsval = 2_000_000 + second * 1000;
  const ticks = [tsval >>> 24, (tsval >>> 16) & 0xff, (tsval >>> 8) & 0xff, tsval & 0xff];
  return [2, 4, 5, 180, 4, 2, 8, 10, ...ticks, 0, 0, 0, 0, 1, 3, 3, 7, 34, 2, 1, 1];
}

test('where the dropped SYNs differ in something else as cleanly, that is named, and the server is not accused', async () => {
  const kinds: [Partial<Packet>, RegExp][] = [
    [{ flags: 'SEC' }, /ECN flags \(ECE,CWR against none\)/],
    [{ payload: 200 }, /data in the SYN \(some against none\)/],
    [{ mss: 400 }, /MSS \(400 against 1460\)/],
    [{ sport: 700 }, /source port \(below 1024 against 1024 and above\)/],
    [{ options: [] }, /unusual TCP options \(other against none\)/],
  ];
  for (const [changes, what] of kinds) {
    const again = (i: number): Partial<Packet> => {
      if (changes.options !== undefined) return { options: withFastOpen(i * 10 + 3) };
      return changes.sport ? { ...changes, sport: changes.sport + i } : changes;
    };
    const stories = [0, 1, 2, 3].flatMap(i => [served(ahead(), i * 10), silentAs(again(i), i * 10 + 3)]);
    const { findings } = await follow([...stories, later()]);
    const [signature] = findings.filter(f => f.rule === 'recycle-signature');
    assert.deepEqual([signature!.severity, signature!.confidence], ['warning', 'weak'], String(what));
    assert.match(signature!.title, what);
    assert.doesNotMatch(signature!.title, /as tcp_tw_recycle=1 does/);
    assert.equal((signature!.evidence.differs as string[]).length, 1);
    const { change, meaning } = adviceFor(signature!);
    assert.deepEqual(change, []);
    assert.match(meaning, what);
    const attempts = findings.filter(f => f.rule === 'unanswered-syn');
    assert.deepEqual(
      attempts.map(({ evidence: e, confidence }) => [e.cause, e.seen, confidence]),
      Array.from({ length: 4 }, () => ['unknown', 'syn-differs', 'weak']),
    );
    assert.match(attempts[0].title, what);
  }
});

test('in TTL, window scale and order of options most hosts differ: that is told, and the server is accused as without', async () => {
  const kinds: [Partial<Packet>, string][] = [
    [{ ttl: 63 }, 'TTL (63 against 64)'],
    [{ wscale: 2 }, 'window scale (2 against 7)'],
    [{ sackPermitted: false }, 'TCP options (MSS,NOP,NOP,TS,NOP,WS against MSS,SACK,TS,NOP,WS)'],
  ];
  for (const [changes, what] of kinds) {
    const stories = [0, 1, 2, 3].flatMap(i => [served(ahead(), i * 10), silentAs(changes, i * 10 + 3)]);
    const { findings } = await follow([...stories, later()]);
    const [signature] = findings.filter(f => f.rule === 'recycle-signature');
    const { severity, confidence, title, evidence } = signature!;
    assert.deepEqual([severity, confidence], ['critical', 'strong'], what);
    assert.match(title, /as tcp_tw_recycle=1 does.*; any other difference between the hosts would look the same/);
    assert.deepEqual([evidence.differs, evidence.hosts_differ], [undefined, [what]]);
    assert.equal(adviceFor(signature!).change.length, 1);
    const attempts = findings.filter(f => f.rule === 'unanswered-syn');
    assert.deepEqual(
      attempts.map(({ evidence: e }) => e.cause),
      Array.from({ length: 4 }, () => 'per-host-paws'),
    );
  }
});

test('a host with the same clock that is let in proves the rule, unless its SYNs look otherwise', async () => {
  const letIn = (changes: Partial<Packet>): Promise<Finding> => {
    const rounds = [0, 1, 2, 3, 4, 5].flatMap(i => [served(ahead(), i * 10), silentAs(changes, i * 10 + 3)]);
    return only(...rounds, served(behind(), 130));
  };
  const [same, other] = [await letIn({}), await letIn({ ttl: 63 })];
  assert.deepEqual([same.confidence, same.evidence.both_fates], ['proof', true]);
  assert.deepEqual([other.severity, other.confidence, other.evidence.both_fates], ['critical', 'strong', true]);
  const why =
    /; one clock was kept out and let in as the rule says, but the dropped SYNs differ in TTL \(63 against 64\), too/;
  assert.match(other.title, why);
  assert.doesNotMatch(same.title, /kept out and let in/, 'a proof needs no other sign');
});

test('a difference that the answered SYNs have as well explains nothing', async () => {
  const odd = { flags: 'SEC', ttl: 52 };
  const dropped = [0, 1, 2, 3].flatMap(i => [served(ahead(), i * 10), silentAs(odd, i * 10 + 3)]);
  const before = new Conversation({ client: ahead(), clientPort: port++, at: -5 }).syn(odd).synAck().ack('client');
  const after = new Conversation({ client: ahead(), clientPort: port++, at: 35 }).syn(odd).synAck().ack('client');
  const late = new Conversation({ client: ahead(), clientPort: port++, at: 35 }).syn({ lost: true });
  late.wait(0.3).synAgain(odd).synAck().ack('client');
  for (const [when, answered] of Object.entries({ before, after, late })) {
    const { severity, evidence } = await only(...dropped, answered);
    assert.deepEqual([severity, evidence.differs], ['critical', undefined], when);
  }
  const plainAgain = [0, 1, 2, 3].flatMap(i => [served(ahead(), i * 10), silentAs({ flags: 'SEC' }, i * 10 + 3, {})]);
  assert.equal((await only(...plainAgain)).severity, 'critical', 'the plain SYNs are dropped as well');
});

test('hosts that are never let in: whatever else tells them apart would look the same, and that is said', async () => {
  const finding = await only(...lockedOut(3));
  assert.match(finding.title, /: the rule predicts .*; any other difference between the hosts would look the same/);
  assert.equal(finding.evidence.both_fates, false);
  const { meaning, doNot, change } = adviceFor(finding);
  assert.match(meaning, /anything else that tells them from the others looks the same/);
  assert.match(doNot, /Do not change the server before/);
  assert.doesNotMatch(doNot, /look for the fault at the clients/);
  assert.match(change[0].what, /^Where tcp_tw_recycle is 1: /);
});

test('proof: one clock met both fates, exactly when the rule says so', async () => {
  const client = littleBehind();
  // Its last SYN comes when its clock has passed what the server remembers.
  const freed = new Conversation({ client, clientPort: port++, at: 23 }).syn();
  freed.wait(1).synAgain().wait(6).synAgain().synAck().ack('client').request().response().serverCloses();
  const stories = [...lockedOut(3, client), freed, ...[60, 70, 80].map(at => served(ahead(), at))];
  const finding = await only(...stories);
  assert.deepEqual(counts(finding), [4, 0, 6, 0]);
  assert.equal(finding.confidence, 'proof');
  assert.doesNotMatch(finding.title, /tells the hosts apart/);
  assert.match(adviceFor(finding).doNot, /^Do not look for the fault at the clients/);
  assert.equal(finding.evidence.foretold, finding.evidence.syns);
  assert.ok(finding.packets.some(({ note }) => note === 'let in once the rule lets it pass'));
});

/** A host with an offset for each connection before a server that applies the rule. */
function drawnClocks(attempts: number, server = new Host('198.51.100.80')): Conversation[] {
  const client = new Host(ADDRESS, { perConnection: true });
  const stories: Conversation[] = [];
  let remembered: number | undefined;
  for (let i = 0; stories.length < attempts; i++) {
    const probe = new Conversation({ client, server, clientPort: 41_000 + i, at: i * 2 });
    const tsval = client.tsval(probe.now, probe.name);
    const drops = remembered !== undefined && ((remembered - tsval) | 0) > 1;
    if (drops) stories.push(probe.syn());
    else {
      const close = probe.handshake().request().response().serverCloses();
      remembered = close.packets.findLast(p => p.sport === probe.client.port)!.tsval!;
      stories.push(close);
    }
  }
  return stories;
}

test('proof for a single host that offsets every connection: its clocks stand anywhere', async () => {
  const finding = await only(...drawnClocks(16));
  assert.equal(finding.confidence, 'proof');
  assert.equal(finding.evidence.bad_answered, 0);
});

test('a few outages may hit just the older of the clocks that one host draws: ten SYNs are too few', async () => {
  const stories = drawnClocks(9);
  const silences = stories.filter(({ packets }) => packets.length === 1).length;
  assert.ok(silences >= 3 && stories.length - silences >= 3, `${silences} without an answer`);
  await nothing('foretold, and yet by chance', ...stories);
});

test('silence to repeated SYNs that the rule would let in: it foretells too little', async () => {
  const client = littleBehind();
  // Behind by 7 s, and silent for 15.
  const stories = [0, 30, 60].flatMap(at => [served(ahead(), at), silent(client, at + 3, {}, 16)]);
  await nothing('half of all SYNs', ...stories, served(ahead(), 85));
});

test('chance: too few attempts prove nothing, even if one clock met both fates', async () => {
  const client = littleBehind();
  const finding = await only(served(client, -5), ...lockedOut(3, client));
  assert.deepEqual([...counts(finding), finding.confidence], [3, 0, 4, 0, 'strong']);
});

test('a lost SYN leaves it strong; several among the good ones leave nothing', async () => {
  const many = Array.from({ length: 20 }, (_, i) => served(ahead(), 40 + i));
  const finding = await only(...lockedOut(4), ...many, silent(ahead(), 70, {}, 1));
  assert.deepEqual([...counts(finding), finding.confidence], [4, 0, 24, 1, 'strong']);
  assert.match(finding.title, /what became of \d+ of \d+ SYNs/);
  await nothing('more than 5 % lost', ...lockedOut(4), silent(ahead(), 70), silent(ahead(), 71));
});

test('one SYN that the rule drops and the server answers: never', async () => {
  await nothing('accepted', ...lockedOut(5), served(behind(), 44));
  await nothing('refused', ...lockedOut(5), refused(behind(), 44));
  const repeated = new Conversation({ client: behind(), clientPort: port++, at: 44 }).syn().wait(1).synAgain();
  await nothing('accepted when it should still be dropped', ...lockedOut(5), repeated.synAck().ack('client'));
});

test('look-alikes: a filter by port, a full queue, a client that closes first, one direction', async () => {
  const other = Array.from({ length: 4 }, (_, i) => silent(behind(), 3 + i * 10, { serverPort: 443 }));
  const good = [0, 10, 20, 30].map(at => served(ahead(), at));
  await nothing('nothing is answered on that port', ...good, ...other);
  assert.equal((await told(...good, ...other.map(c => c.packets.map(p => ({ ...p, dport: 80 }))))).length, 1);
  const stalled = new Conversation({ client: ahead(), clientPort: port++, at: 5 }).handshake();
  const { server } = stalled;
  stalled
    .send('client', 'PA', { payload: 10 })
    .wait(1)
    .send('server', 'SA', { seq: server.nxt - 1 });
  await nothing('SYN-ACKs are repeated', ...lockedOut(4), stalled);
  const first = Array.from({ length: 4 }, (_, i) => clientCloses({ client: ahead(), clientPort: port++, at: i * 10 }));
  await nothing('the server remembers nothing', ...first, ...[3, 13, 23, 33].map(at => silent(behind(), at)));
  const oneWay = lockedOut(5).map(c => c.packets.filter(p => p.dport === 80));
  await nothing('no answer was captured', ...oneWay);
});

test('an outage, or a full queue, while only the host behind tries: the two must take turns', async () => {
  const good = (...times: number[]): Conversation[] => times.map(at => served(ahead(), at));
  const bad = (): Conversation[] => [13, 16, 19].map(at => silent(behind(), at));
  await nothing('none is answered in between', ...good(0, 4, 8, 12, 40), ...bad());
  await nothing('one is: two outages', ...good(0, 4, 8, 12, 17), ...bad());
  assert.deepEqual(counts(await only(...good(0, 4, 8, 12, 14.5, 17), ...bad())), [3, 0, 6, 0]);
  const again = new Conversation({ client: behind(), clientPort: port++, at: 13.5 }).syn();
  for (const gap of [1, 2, 4]) again.wait(gap).synAgain();
  const later = [...good(0, 4, 8, 12, 15, 18), silent(behind(), 13), silent(behind(), 13.2), again];
  assert.deepEqual(counts(await only(...later)), [3, 0, 6, 0], 'a later SYN of the same attempt is dropped');
});

test('SYNs without timestamps tell the kernels apart', async () => {
  const bare = (): Host => new Host(ADDRESS, { timestamps: false });
  const dropped = await only(...lockedOut(3), silent(bare(), 24));
  assert.deepEqual([...counts(dropped), dropped.evidence.kernels], [3, 0, 3, 0, '3.17 to 4.11']);
  const passed = await only(...lockedOut(3), clientCloses({ client: bare(), clientPort: port++, at: 24 }));
  assert.deepEqual([...counts(passed), passed.evidence.kernels], [3, 0, 3, 0, '2.6.32 to 3.16']);
});

test('IPv6: 2.6.32 does not check it', async () => {
  const at = (boot: number): Host => new Host('2001:db8::10', { boot });
  const setup = { server: '[2001:db8::80]:80' };
  const rounds = [0, 10, 20].flatMap(t => [served(at(9e6), t, setup), silent(at(1e6), t + 3, setup)]);
  assert.equal((await only(...rounds)).evidence.kernels, '3.13 to 4.11');
});

test('an attempt that the capture does not watch counts for nothing', async () => {
  const stories = lockedOut(2);
  const end = new Conversation({ client: behind(), clientPort: port++, at: 14.9 }).syn();
  const { findings } = await follow([...stories, served(ahead(), 13), end]);
  assert.deepEqual(
    findings.filter(f => f.rule === 'recycle-signature'),
    [],
  );
});

test('a server whose SYN-ACKs show a clock for each connection has no tcp_tw_recycle: nothing is proved of it', async () => {
  const finding = await only(...drawnClocks(16, new Host('198.51.100.80', { perConnection: true })));
  assert.deepEqual([finding.confidence, finding.evidence.kernels], ['strong', '4.10, before 4.10.17']);
  assert.match(
    finding.title,
    /^\d connection attempts .* are dropped .*; but the server's SYN-ACKs show a clock for each/,
  );
  assert.doesNotMatch(finding.title, /The server drops/);
  assert.equal(finding.evidence.server_clocks, finding.evidence.server_connections);
});

test('a server with an offset for each client shows one clock to one client: 4.10.17 and 4.11 fit, as all before', async () => {
  for (const hz of [100, 250, 300, 1000]) {
    const finding = await only(...drawnClocks(16, new Host('198.51.100.80', { boot: 4e9, hz })));
    assert.deepEqual([finding.confidence, finding.evidence.kernels], ['proof', '2.6.32 to 4.11'], `${hz} a second`);
    assert.equal(finding.evidence.server_clocks, undefined);
  }
});

test('two hosts behind the address of the server: it is not one Linux that drops', async () => {
  const stories = drawnClocks(16);
  for (const [i, story] of stories.entries()) {
    if (i % 2 === 0) for (const packet of story.packets) if (packet.sport === 80) packet.tsval! += 9e8;
  }
  const finding = await only(...stories);
  assert.equal(finding.confidence, 'strong');
  assert.match(finding.title, /come from 2 clocks on \d connections, so it is not one Linux/);
});

test('a SYN counts as unanswered when the capture goes on for half a second without an answer, and not before', async () => {
  for (const [watched, expected] of [
    [0.49, []],
    [0.51, [[3, 0, 3, 0]]],
  ] as const) {
    const last = silent(behind(), 23, {}, 1);
    const end = new Conversation({ client: '192.0.2.99:5', at: 23 + watched }).syn();
    const { findings } = await follow([...lockedOut(2), served(ahead(), 20), last, end]);
    assert.deepEqual(findings.filter(f => f.rule === 'recycle-signature').map(counts), expected, `${watched} s`);
  }
});
