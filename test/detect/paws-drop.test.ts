/** What PAWS drops inside a connection, and what each case is called. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { adviceFor } from '../../src/detect/advice/index.ts';
import type { Finding } from '../../src/detect/finding.ts';
import { type Conversation, exchange, serverCloses } from '../build/conversation.ts';
import { Host } from '../build/host.ts';
import { hangs, heldBack } from '../build/situations/paws.ts';
import { follow } from '../flow/follow.ts';

const told = async (...stories: Conversation[]): Promise<Finding[]> =>
  (await follow(stories)).findings.filter(f => f.rule === 'paws-drop');

const only = async (...stories: Conversation[]): Promise<Finding> => {
  const findings = await told(...stories);
  assert.equal(findings.length, 1, 'findings');
  return findings[0];
};

const picked = ({ evidence, severity, confidence }: Finding): unknown[] => [
  evidence.class,
  evidence.carries,
  evidence.segments,
  evidence.effect,
  severity,
  confidence,
];

/** The server's clock, `ticks` behind. */
const behind = (c: Conversation, ticks: number): number => c.server.host.tsval(c.now, c.name) - ticks;

test('a copy of what had arrived: duplicate, or old-duplicate from a second on', async () => {
  assert.deepEqual(picked(await only(heldBack(0.3))), ['duplicate', 'data', 1, 'none', 'info', 'strong']);
  const old = await only(heldBack(5));
  assert.deepEqual(picked(old), ['old-duplicate', 'data', 1, 'none', 'info', 'strong']);
  assert.match(
    old.title,
    /^A copy of data .* again from the server, 5\.\d+ s late: too old for PAWS, and nothing is lost$/,
  );
});

test('data overtaken by a retransmission sent later: reordered, for all that the receiver lacks it', async () => {
  const c = exchange().wait(0.3).request();
  const first = c.server.nxt;
  const sentAt = c.now;
  c.send('server', 'PA', { payload: 100, lost: true });
  const second = c.last;
  const third = c.send('server', 'PA', { payload: 100, lost: true }).packets.pop()!;
  // The first is lost, the third held back; the first comes again.
  c.packets.splice(c.packets.indexOf(second), 1);
  c.wait(0.25);
  c.server.nxt = first;
  c.send('server', 'PA', { payload: 100 }).ack('client');
  c.packets.push({ ...third, t: c.now });
  c.wait(0.005).ack('client');
  assert.ok(third.t - sentAt < 0.02);
  c.wait(0.2).send('server', 'PA', { payload: 100 }).ack('client');
  const finding = await only(c);
  assert.deepEqual(picked(finding), ['reordered', 'data', 1, 'refused', 'info', 'proof']);
});

test('a clock that went back: the connection hangs, and the receiver shows it', async () => {
  const finding = await only(hangs(60_000));
  assert.deepEqual(picked(finding), ['clock-back', 'data', 4, 'refused', 'warning', 'proof']);
  assert.match(finding.title, /^4 segments of the server with a TSval \d+ ticks behind: another clock than/);
  assert.equal(finding.evidence.from, 'server');
});

test('a clock that went back by less than the age of the connection is told by its running on', async () => {
  const finding = await only(hangs(20_000, 4, exchange().wait(30).request().response()));
  assert.deepEqual(picked(finding), ['clock-back', 'data', 4, 'refused', 'warning', 'proof']);
  assert.match(finding.title, /its clock went back within the connection/);
});

test('a queue that drains late is no clock that went back, however long it takes', async () => {
  const c = exchange().wait(30).request();
  const { nxt } = c.server;
  const queued = Array.from({ length: 4 }, () => c.send('server', 'PA', { payload: 400, lost: true }).packets.pop()!);
  c.wait(1);
  c.server.nxt = nxt;
  c.send('server', 'PA', { payload: 400 }).ack('client');
  for (const packet of queued.slice(1)) {
    c.packets.push({ ...packet, t: c.now });
    c.ack('client').wait(0.6);
  }
  assert.deepEqual(picked(await only(c)), ['reordered', 'data', 3, 'refused', 'info', 'proof']);
});

test('a receiver that acknowledges it all the same has no PAWS', async () => {
  const c = exchange().wait(0.5).request();
  c.send('server', 'PA', { payload: 400, tsval: behind(c, 60_000) });
  const taken = await only(c.ack('client').wait(1));
  assert.deepEqual(picked(taken), ['clock-back', 'data', 1, 'accepted', 'info', 'strong']);
  assert.match(taken.title, /; but the client acknowledges it: PAWS likely does not apply there$/);
  assert.ok(taken.packets.every(({ note }) => !/PAWS drops/.test(note)));
});

test('nobody answers: what became of it is not known', async () => {
  const c = exchange().wait(0.5).request();
  c.send('server', 'PA', { payload: 400, lost: true, tsval: behind(c, 60_000) });
  const finding = await only(c);
  assert.deepEqual(picked(finding), ['clock-back', 'data', 1, 'not-shown', 'notice', 'strong']);
  assert.doesNotMatch(finding.title + finding.packets.map(({ note }) => note).join(), /drops/);
});

test('a single segment with a damaged TSval is no clock that went back: nothing hangs', async () => {
  const c = exchange().wait(0.5).request();
  c.send('server', 'PA', { payload: 400, tsval: behind(c, 60_000) });
  const finding = await only(c.ack('client').wait(0.01).response());
  assert.equal(finding.evidence.segments, 1);
  assert.match(finding.title, /^A single segment of the server .* while the next ones pass: damaged or rewritten/);
  const { meaning, askNext } = adviceFor(finding);
  assert.doesNotMatch(meaning, /hangs|went on/);
  assert.match(askNext, /if there are more/);
});

test('acknowledgements of a clock that went back count for nothing: the data comes again', async () => {
  const c = exchange().wait(0.5);
  for (let i = 0; i < 3; i++) {
    c.send('server', 'PA', { payload: 400, seq: c.server.nxt - (i === 0 ? 0 : 400) });
    c.send('client', 'A', { tsval: c.client.host.tsval(c.now, c.name) - 60_000, lost: true }).wait(0.4 * 2 ** i);
  }
  assert.deepEqual(picked(await only(c)), ['clock-back', 'ack', 1, 'refused', 'warning', 'proof']);
});

test('keep-alive probes of a clock that went back', async () => {
  const c = exchange().wait(30).request().response().wait(5);
  for (let i = 0; i < 4; i++) {
    c.send('client', 'A', { seq: c.client.nxt - 1, tsval: c.client.host.tsval(c.now, c.name) - 20_000, lost: true });
    c.wait(1);
  }
  const finding = await only(c);
  assert.deepEqual(picked(finding), ['clock-back', 'keep-alive', 4, 'none', 'notice', 'strong']);
});

test('a segment from before the SYN, after an older connection of the tuple: its relic', async () => {
  const old = serverCloses();
  const relic = old.packets.find(p => p.sport === 80 && p.payload === 500)!;
  const c = old.reopen(1).handshake().request().response();
  c.packets.push({ ...relic, t: c.now });
  const finding = await only(c.wait(0.1).request().response());
  assert.deepEqual(picked(finding), ['old-duplicate', 'data', 1, 'none', 'info', 'strong']);
  assert.match(finding.title, /too old for PAWS: likely a relic of an older connection$/);
});

test('one tick back passes, two do not', async () => {
  for (const [ticks, count] of [
    [0, 0],
    [1, 0],
    [2, 1],
  ] as const) {
    const c = exchange();
    const { tsRecent } = c.client;
    c.send('server', 'PA', { payload: 10, tsval: tsRecent - ticks }).ack('client');
    assert.equal((await told(c)).length, count, `${ticks} back`);
  }
});

test('PAWS does not stop an RST, needs timestamps at both ends, and forgets', async () => {
  const reset = exchange();
  assert.deepEqual(await told(reset.rstFrom('server', { tsval: behind(reset, 60_000) })), []);
  const plain = exchange({ client: new Host('192.0.2.10', { timestamps: false }) }).request();
  assert.deepEqual(await told(plain.send('server', 'PA', { payload: 10, tsval: 1, tsecr: 1 })), []);
  const idle = exchange().wait(2200);
  assert.deepEqual(await told(idle.send('server', 'PA', { payload: 10, tsval: behind(idle, 1e8) })), []);
});

test('harmless ones are told once for a connection, a clock that goes back besides', async () => {
  const c = heldBack(0.3);
  const copy = c.packets.findLast(p => p.sport === 80 && p.payload === 500)!;
  c.wait(0.3).request().response();
  c.packets.push({ ...copy, t: c.now });
  c.wait(0.1).request().response();
  assert.equal((await told(c)).length, 1);
  hangs(60_000, 4, c);
  assert.deepEqual(
    (await told(c)).map(f => f.evidence.class),
    ['duplicate', 'clock-back'],
  );
});

test('a new connection on the ports, with another clock, whose SYN and the FIN before it the capture lacks', async () => {
  const old = exchange().fin('server').ack('client');
  const { packets } = old;
  const server = old.server.host;
  for (const [tsval, distance] of [
    [-1_000_000_000, 2_000_000_000],
    [-1_000_000_000, -2_000_000_000],
    [-2000, 9_000_000],
  ] as const) {
    const client = new Host('192.0.2.10', { boot: (old.client.host.tsval(0, old.name) + tsval) >>> 0 });
    const clientIsn = (old.client.nxt + distance) >>> 0;
    const next = old.reopen(1.3, { client, server, clientIsn, story: [] }).handshake().request().response();
    next.wait(1.5).request().response();
    const lacking = next.packets.filter(({ flags }) => flags !== 'S');
    for (const later of [lacking, lacking.filter(({ flags }) => flags !== 'SA')]) {
      const findings = (await follow([...packets, ...later])).findings.filter(f => f.rule === 'paws-drop');
      assert.deepEqual(
        findings.map(f => f.title),
        [],
      );
    }
  }
});

test('a copy that is late by just under a second is a duplicate, by just over one an old duplicate', async () => {
  for (const [wait, low, high, expected] of [
    [0.95, 0.9, 1, 'duplicate'],
    [1, 1, 1.1, 'old-duplicate'],
  ] as const) {
    const c = heldBack(wait);
    // So long a connection shows the rate of its clock, by which the copy is late.
    const { evidence } = await only(c);
    assert.ok((evidence.late as number) > low && (evidence.late as number) < high, `${evidence.late} s late`);
    assert.equal(evidence.class, expected);
  }
});

test('how late a copy is is known from 100 ms of the connection on: a shorter one does not show the rate of its clock', async () => {
  for (const [age, known] of [
    [0.095, false],
    [0.105, true],
  ] as const) {
    const c = exchange();
    const [syn, , , , , response] = c.packets;
    c.now = syn!.t + age;
    c.send('server', 'PA', { payload: 10 }).ack('client');
    c.packets.push({ ...response!, t: c.now });
    const { evidence } = await only(c.wait(0.01).ack('client'));
    assert.equal(evidence.late !== undefined, known, `after ${age} s`);
  }
});

test('TSvals behind that run on at the rate of the clock, give or take a tenth, are of a clock that went back', async () => {
  for (const [pace, expected] of [
    [0.92, 'clock-back'],
    [1.08, 'clock-back'],
    [0.88, 'reordered'],
    [1.12, 'reordered'],
  ] as const) {
    const c = exchange().wait(30).request().response().wait(0.5).request();
    const { nxt } = c.server;
    const [from, since] = [behind(c, 20_000), c.now];
    for (let i = 0; i < 5; i++) {
      c.server.nxt = nxt;
      const tsval = from + Math.round(1000 * pace * (c.now - since));
      c.send('server', 'PA', { payload: 400, lost: true, tsval });
      c.ack('client').wait(0.2 * 2 ** i);
    }
    assert.equal((await only(c)).evidence.class, expected, `${pace} times as fast`);
  }
});

test('segments of a clock that went back are one finding for five minutes, then another', async () => {
  for (const [last, expected] of [
    [296, [6]],
    [304, [5, 1]],
  ] as const) {
    const c = exchange().wait(0.5).request();
    const { nxt } = c.server;
    const since = c.now;
    for (const after of [0, 60, 120, 180, 240, last]) {
      c.now = since + after;
      c.server.nxt = nxt;
      c.send('server', 'PA', { payload: 400, lost: true, tsval: behind(c, 900_000) }).ack('client');
    }
    assert.deepEqual(
      (await told(c)).map(f => f.evidence.segments),
      expected,
      `the last after ${last} s`,
    );
  }
});
