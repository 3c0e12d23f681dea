/** When TSvals of an address run back, and what tcp_tw_recycle would make of a SYN (docs/rules.md D1.1 to D1.3, B1). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Finding } from '../../src/detect/finding.ts';
import { type Changes, Conversation, clientCloses, exchange, type Setup, serverCloses } from '../build/conversation.ts';
import { Host } from '../build/host.ts';
import type { Packet } from '../build/packet.ts';
import { follow } from '../flow/follow.ts';

const ADDRESS = '192.0.2.10';
const DAY_TICKS = 24 * 3600 * 1000;

interface Next extends Setup {
  /** Of the SYN's TSval behind the newest one of the address. */
  behind: number;
  /** Seconds from that to the SYN. */
  after: number;
  changes?: Changes;
}

const newestOf = ({ packets }: Conversation): Packet => packets.findLast(p => p.dport === 80 && p.tsval !== undefined)!;

/** A SYN from another port after the newest TSval of `first`, answered by the server. */
function nextSyn(first: Conversation, { behind, after, changes, ...setup }: Next): Conversation {
  const { t, tsval } = newestOf(first);
  const next = new Conversation({ client: first.client.host, clientPort: 41_000, at: t + after, ...setup });
  const stamps = changes?.bare === true ? {} : { tsval: (tsval! - behind) >>> 0 };
  return next.syn({ ...stamps, ...changes }).synAck();
}

const later = (): Conversation => new Conversation({ client: '192.0.2.99:5', at: 500 }).handshake();

async function told(rule: string, ...stories: (Conversation | readonly Packet[])[]): Promise<Finding[]> {
  return (await follow([...stories, later()] as Conversation[])).findings.filter(f => f.rule === rule);
}
const regress = (...stories: Conversation[]): Promise<Finding[]> => told('timestamp-regress', ...stories);
const closed = (setup: Setup = {}): Conversation =>
  serverCloses({ client: new Host(ADDRESS, { boot: 5e6 }), ...setup });

test('one tick back is none, two are', async () => {
  const deltas = async (behind: number): Promise<unknown[]> =>
    (await regress(closed(), nextSyn(closed(), { behind, after: 1 }))).map(f => f.evidence.delta);
  assert.deepEqual(await deltas(-1), []);
  assert.deepEqual(await deltas(0), []);
  assert.deepEqual(await deltas(1), []);
  assert.deepEqual(await deltas(2), [2]);
});

test('distances are serial: past the wrap of the clock, and up to half the circle', async () => {
  const wrapped = closed({ client: new Host(ADDRESS, { boot: 2 ** 32 - 10 }) });
  assert.ok(newestOf(wrapped).tsval! < 1000, 'its clock came round');
  const [finding] = await regress(wrapped, nextSyn(wrapped, { behind: 100, after: 1 }));
  assert.deepEqual([finding?.evidence.delta, finding?.evidence.tsval], [100, newestOf(wrapped).tsval! - 100 + 2 ** 32]);
  for (const [behind, delta] of [
    [2 ** 31 - 1, 2 ** 31 - 1],
    [2 ** 31, undefined],
    [2 ** 31 + 1, undefined],
  ] as const) {
    const [found] = await regress(closed(), nextSyn(closed(), { behind, after: 1 }));
    assert.equal(found?.evidence.delta, delta, `${behind} behind`);
  }
});

test('after a minute without a TSval nothing runs back', async () => {
  assert.equal((await regress(closed(), nextSyn(closed(), { behind: 9000, after: 59.9 }))).length, 1);
  assert.equal((await regress(closed(), nextSyn(closed(), { behind: 9000, after: 60 }))).length, 0);
});

test('only connections from one address to one server are compared', async () => {
  const first = closed();
  const at = newestOf(first).t + 1;
  const host = new Host(ADDRESS, { boot: 1000 });
  assert.deepEqual(await regress(first, exchange({ client: host, server: '198.51.100.81:80', at })), []);
  assert.deepEqual(await regress(first, exchange({ client: new Host('192.0.2.11', { boot: 1000 }), at })), []);
  assert.equal((await regress(first, exchange({ client: host, serverPort: 443, clientPort: 41_000, at }))).length, 1);
});

test('a little back within a moment is the order of the capture, more or later is not', async () => {
  for (const [behind, after, jitter] of [
    [150, 0.09, true],
    [151, 0.09, false],
    [150, 0.11, false],
  ] as const) {
    const [finding] = await regress(closed(), attempt(closed(), { behind, after }, []));
    assert.deepEqual([finding?.evidence.jitter, finding?.severity], [jitter, jitter ? 'info' : 'notice'], `${behind}`);
  }
});

test('a TSval of another tuple that runs back, of a few connections: of note only if tcp_tw_recycle may have cost something', async () => {
  const told = async (...stories: Conversation[]): Promise<unknown> => (await regress(...stories))[0]?.severity;
  const back = { behind: 9000, after: 1 };
  const kept = clientCloses({ client: new Host(ADDRESS, { boot: 5e6 }) });
  assert.equal(await told(kept, attempt(kept, back, [])), 'info', 'nothing would drop it, though nothing answers');
  assert.equal(await told(closed(), nextSyn(closed(), back)), 'info', 'it was accepted');
  assert.equal(await told(closed(), attempt(closed(), back, []).refuse()), 'info', 'an RST came at once');
  assert.equal(await told(closed(), attempt(closed(), back, [])), 'notice', 'the rule drops it, and nothing answers');
});

test('a TSval that runs back on a tuple that is used again is of note: one host keeps the offset of a tuple', async () => {
  const again = { clientPort: closed().client.port, behind: 9000, after: 9 };
  const [finding] = await regress(closed(), nextSyn(closed(), again));
  assert.deepEqual(
    [finding!.evidence.same_tuple, finding!.evidence.accepted, finding!.severity],
    [true, true, 'notice'],
  );
});

test('a TSval that runs back between clocks that take turns is of note, though it was accepted', async () => {
  const hosts = [new Host(ADDRESS, { boot: 50_000_000 }), new Host(ADDRESS, { boot: 1_000_000 })];
  const stories = Array.from({ length: 8 }, (_, i) =>
    serverCloses({ client: hosts[i % 2], clientPort: 42_000 + 2 * i, at: i * 2 }),
  );
  const findings = await told('timestamp-regress', ...stories);
  assert.deepEqual(
    findings.map(({ severity, evidence }) => [severity, evidence.regime, evidence.accepted]),
    [['info', undefined, true], ...Array(3).fill(['notice', 'interleaved', true])],
  );
});

test('the first SYNs of a host that offsets every connection are told as the later ones', async () => {
  const client = new Host(ADDRESS, { perConnection: true });
  const stories = Array.from({ length: 40 }, (_, i) => clientCloses({ client, clientPort: 42_000 + i, at: i * 2 }));
  const findings = await told('timestamp-regress', ...stories);
  const regimes = new Set(findings.map(({ evidence }) => evidence.regime));
  assert.deepEqual([...regimes], [undefined, 'per-connection'], 'some came before the capture had shown it');
  assert.deepEqual([...new Set(findings.map(({ severity }) => severity))], ['info']);
});

test('a way back across the wrap is named, since the older TSval is the larger number', async () => {
  const wrapped = closed({ client: new Host(ADDRESS, { boot: 2 ** 32 - 10 }) });
  const newest = newestOf(wrapped).tsval!;
  const [across] = await regress(wrapped, nextSyn(wrapped, { behind: newest + 100, after: 1 }));
  assert.equal(across?.evidence.wrapped, true);
  const text = `(across the wrap at 2^32, from ${newest} to ${2 ** 32 - 100})`;
  assert.ok(across!.title.includes(text), across!.title);
  const [plain] = await regress(closed(), nextSyn(closed(), { behind: 100, after: 1 }));
  assert.deepEqual([plain?.evidence.wrapped, /wrap/.test(plain!.title)], [undefined, false]);
});

test('a TSval of 0 counts as any other', async () => {
  const [finding] = await regress(closed(), nextSyn(closed(), { behind: 0, after: 1, changes: { tsval: 0 } }));
  assert.equal(finding?.evidence.zero, true);
});

test('an option that was cut off is unknown: nothing runs back, and no kernel drops the SYN', async () => {
  const first = closed();
  const next = nextSyn(first, { behind: 9000, after: 1, changes: { snap: 54 } });
  assert.deepEqual(await regress(first, next), []);
  assert.deepEqual(await told('recycle-hazard', first, next), []);
});

const verdict = (finding: Finding | undefined): unknown => finding?.evidence.recycle;
const BOTH = (v: string): unknown => ({ '2.6.32': v, '3.17': v });

test('recycle: dropped for 59 s after the last TSval before the TIME_WAIT, phase to 60 s', async () => {
  for (const [after, expected] of [
    [1, 'drop'],
    [59, 'drop'],
    [59.5, 'phase'],
    [59.99, 'phase'],
  ] as const) {
    const [finding] = await regress(closed(), nextSyn(closed(), { behind: DAY_TICKS, after }));
    assert.deepEqual(verdict(finding), BOTH(expected), `${after} s`);
  }
});

test('recycle: a clock that lags is let in when it has caught up, at the latest after a minute', async () => {
  const unblock = async (behind: number): Promise<unknown> =>
    (await regress(closed(), nextSyn(closed(), { behind, after: 10 })))[0]?.evidence.unblock_in;
  assert.equal(await unblock(7001), 7);
  assert.equal(await unblock(DAY_TICKS), 50);
});

test('recycle: only a server that closes first remembers', async () => {
  const first = clientCloses({ client: new Host(ADDRESS, { boot: 5e6 }) });
  const [finding] = await regress(first, nextSyn(first, { behind: 9000, after: 1 }));
  assert.deepEqual(verdict(finding), BOTH('pass'));
  assert.match(finding!.title, /nothing in this capture would make a server/);
});

test('recycle: the newest TSval stays, though a later connection closes with an older one', async () => {
  const ahead = closed();
  const middle = closed({ client: new Host(ADDRESS, { boot: 4e6 }), clientPort: 40_500, at: 2 });
  const between = new Conversation({ client: new Host(ADDRESS, { boot: 4.5e6 }), clientPort: 41_000, at: 4 });
  const findings = await regress(ahead, middle, between.syn().synAck());
  assert.deepEqual(findings.map(verdict), [BOTH('drop'), BOTH('drop')]);
});

test('recycle: Linux 2.6.32 does not look at IPv6', async () => {
  const setup = { client: new Host('2001:db8::10', { boot: 5e6 }), server: '[2001:db8::80]:80' };
  const first = closed(setup);
  const [finding] = await regress(first, nextSyn(first, { behind: 9000, after: 1, server: setup.server }));
  assert.deepEqual(verdict(finding), { '2.6.32': 'pass', '3.17': 'drop' });
  assert.match(finding!.title, /Linux 3\.17 to 4\.11/);
});

test('recycle: a live TIME_WAIT of its own tuple decides before the address does', async () => {
  const first = closed();
  const again = nextSyn(first, { behind: 9000, after: 5, clientPort: 40_000 });
  const [finding] = await regress(first, again);
  assert.deepEqual([verdict(finding), finding!.evidence.same_tuple], [BOTH('tw-bucket'), true]);
});

const hazards = (...stories: Conversation[]): Promise<Finding[]> => told('recycle-hazard', ...stories);
const bare = (after: number): Conversation => nextSyn(closed(), { behind: 0, after, changes: { bare: true } });

test('a SYN without timestamps: dropped from 3.17 on as long as the address is remembered', async () => {
  const [finding, ...more] = await hazards(closed(), bare(5));
  assert.deepEqual(more, []);
  assert.deepEqual(verdict(finding), { '2.6.32': 'pass', '3.17': 'drop' });
  assert.deepEqual([finding!.severity, finding!.evidence.timestamps], ['notice', false], 'though it was accepted');
  assert.match(finding!.title, /it was accepted: this is no such server$/);
  assert.deepEqual(await hazards(closed(), bare(59.5)), [], 'the phase decides');
  assert.deepEqual(await hazards(closed(), bare(61)), []);
});

test('a SYN without timestamps that nothing answers: of note', async () => {
  const silent = nextSyn(closed(), { behind: 0, after: 5, changes: { bare: true } }).packets.slice(0, 1);
  const [finding] = await told('recycle-hazard', closed(), silent);
  assert.deepEqual([finding!.severity, finding!.evidence.answered], ['notice', false]);
});

test('of three clocks on the circle of 2^32 a SYN may be ahead of the newest and behind the remembered one', async () => {
  const clock = (thirds: number): Host => new Host(ADDRESS, { boot: Math.round((thirds * 2 ** 32) / 3) + 5e6 });
  const first = serverCloses({ client: clock(0) });
  const ahead = new Conversation({ client: clock(1), clientPort: 41_000, at: 2 }).handshake();
  const syn = new Conversation({ client: clock(2), clientPort: 42_000, at: 4 }).syn();
  const told = async (last: Conversation | readonly Packet[]): Promise<unknown> => {
    const { findings } = await follow([first, ahead, last, later()] as Conversation[]);
    return findings.filter(f => /^(timestamp|recycle)-/.test(f.rule)).map(f => `${f.severity} ${f.rule}`);
  };
  assert.deepEqual(await told([...syn.packets]), ['notice recycle-hazard'], 'nothing answers');
  assert.deepEqual(await told(syn.synAck()), ['info recycle-hazard'], 'it is accepted, so the rule is not applied');
});

test('a SYN without timestamps where nothing is remembered: no hazard', async () => {
  const without = serverCloses({ client: new Host(ADDRESS, { timestamps: false }) });
  const next = new Conversation({ client: without.client.host, clientPort: 41_000, at: 5 }).syn().synAck();
  assert.deepEqual(await hazards(without, next), [], 'the address never used timestamps');
  const first = clientCloses({ client: new Host(ADDRESS) });
  assert.deepEqual(await hazards(first, nextSyn(first, { behind: 0, after: 5, changes: { bare: true } })), []);
});

/** A SYN `behind` ticks behind, `after` seconds after the newest TSval, and again after each of `waits`. */
function attempt(first: Conversation, next: Next, waits: readonly number[]): Conversation {
  const { t, tsval } = newestOf(first);
  const { behind, after, changes, ...setup } = next;
  const syns = new Conversation({ client: first.client.host, clientPort: 41_000, at: t + after, ...setup });
  const start = syns.now;
  const stamp = (): number => (tsval! - behind + Math.round((syns.now - start) * 1000)) >>> 0;
  syns.syn({ tsval: stamp(), ...changes });
  for (const wait of waits) {
    syns.now = syns.last.t + wait;
    syns.synAgain({ tsval: stamp() });
  }
  return syns;
}

test('recycle: every SYN of an attempt is told, where the first passes and the others do not', async () => {
  const open = new Conversation({ client: new Host(ADDRESS, { boot: 5e6 }) }).handshake().request().response();
  const behind = attempt(open, { behind: 9000, after: 0.5 }, [1, 1]);
  open.wait(0.8).serverCloses();
  const [finding] = await told('timestamp-regress', open, behind);
  assert.deepEqual(verdict(finding), BOTH('pass'), 'of the first SYN');
  assert.deepEqual(finding!.evidence.recycle_syns, ['pass', 'drop', 'drop']);
  assert.match(finding!.title, /would let SYN 1 pass \(.* it remembers no TSval .*\) and drop SYNs 2 to 3$/);
  assert.deepEqual([finding!.severity, finding!.evidence.answered], ['notice', false]);
});

test('recycle: why a later SYN passes: its clock has caught up, or the minute is over', async () => {
  const [lags] = await told('timestamp-regress', closed(), attempt(closed(), { behind: 2500, after: 10 }, [1, 2, 4]));
  assert.deepEqual(lags?.evidence.recycle_syns, ['drop', 'drop', 'pass', 'pass']);
  assert.match(lags!.title, /would drop SYNs 1 to 2 and let SYNs 3 to 4 pass \(no longer behind/);
  const old = attempt(closed(), { behind: DAY_TICKS, after: 57 }, [1.5, 1, 2]);
  const [finding] = await told('timestamp-regress', closed(), old);
  assert.deepEqual(finding?.evidence.recycle_syns, ['drop', 'drop', 'phase', 'pass']);
  assert.match(finding!.title, /drop SYNs 1 to 2, perhaps drop SYN 3 and let SYN 4 pass \(.* a minute old by then\)$/);
});

test('recycle: one of several SYNs that the rule drops is accepted: the server does not apply it', async () => {
  const dropped = attempt(closed(), { behind: DAY_TICKS, after: 10 }, [1, 1]).synAck();
  const [refuted] = await told('timestamp-regress', closed(), dropped);
  assert.equal(refuted!.evidence.disproved, true);
  assert.match(refuted!.title, /would drop all 3 SYNs of this attempt; SYN 3 was accepted all the same: this is no/);
  const letIn = attempt(closed(), { behind: 2500, after: 10 }, [1, 2]).synAck();
  const [finding] = await told('timestamp-regress', closed(), letIn);
  assert.deepEqual([finding!.severity, finding!.evidence.disproved], ['notice', false], 'it may have cost 3 s');
  const refused = attempt(closed(), { behind: DAY_TICKS, after: 10 }, []).refuse();
  const [rst] = await told('timestamp-regress', closed(), refused);
  assert.equal(rst!.evidence.disproved, false, 'a port without a listener');
});

test('once a clock for each connection is known, only what may have cost a connection is of note', async () => {
  const client = new Host(ADDRESS, { perConnection: true });
  const stories = Array.from({ length: 40 }, (_, i) =>
    serverCloses({ client, clientPort: 42_000 + i, at: i * 2 }).packets.slice(0, i % 3 === 2 ? 1 : undefined),
  );
  const findings = await told('timestamp-regress', ...stories);
  const known = findings.filter(({ evidence }) => evidence.regime === 'per-connection');
  const severities = known.map(({ severity, evidence }) => {
    const { '3.17': fate } = evidence.recycle as Record<string, string>;
    return `${severity} ${fate} ${evidence.answered ? 'answered' : 'silent'}`;
  });
  assert.deepEqual([...new Set(severities)].sort(), [
    'info drop answered',
    'info pass answered',
    'info pass silent',
    'notice drop silent',
  ]);
});
