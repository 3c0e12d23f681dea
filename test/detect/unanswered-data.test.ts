/** What is sent again and again on an open connection without an answer, and when nothing may be said of it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { adviceFor } from '../../src/detect/advice/index.ts';
import type { Finding } from '../../src/detect/finding.ts';
import { collect } from '../build/collect.ts';
import { type Conversation, type End, exchange, handshake } from '../build/conversation.ts';
import { Host } from '../build/host.ts';
import { frames } from '../build/packet.ts';
import { pcap } from '../build/pcap.ts';
import { givenUp, returnPathCut } from '../build/situations/return-path-cut.ts';
import { follow } from '../flow/follow.ts';

const all = async (...stories: Conversation[]): Promise<Finding[]> => (await follow(stories)).findings;
const told = async (...stories: Conversation[]): Promise<Finding[]> =>
  (await all(...stories)).filter(({ rule }) => rule === 'unanswered-data');

const only = async (...stories: Conversation[]): Promise<Finding> => {
  const findings = await told(...stories);
  assert.equal(findings.length, 1, 'findings');
  return findings[0];
};

const picked = ({ evidence, severity, confidence }: Finding): unknown[] => [
  evidence.class,
  evidence.from,
  evidence.carries,
  evidence.retransmissions,
  severity,
  confidence,
];

/** What `from` sent last, again, so often: after 0.2 s, then after twice the wait each time. */
function again(c: Conversation, from: End, times: number, flags = 'PA', payload = 100): Conversation {
  const seq = c.last.seq;
  for (let i = 0; i < times; i++) c.wait(0.2 * 2 ** i).send(from, flags, { seq, payload, lost: true });
  return c;
}

/** A connection that was idle, and a request that nobody answers. */
const unanswered = (times: number, idle = 360, c = exchange()): Conversation =>
  again(c.wait(idle).send('client', 'PA', { payload: 100, lost: true }), 'client', times);

/** Others of the same two hosts meanwhile. */
const others = (at: number, count = 3): Conversation[] =>
  Array.from({ length: count }, (_, i) => exchange({ clientPort: 50000 + 2 * i, at: at + 2 * i }).clientCloses());

test('an idle connection that is forgotten on the way: sent seven times more, and other connections go well', async () => {
  const finding = await only(unanswered(7), ...others(361));
  assert.deepEqual(picked(finding), ['silent', 'client', 'data', 7, 'warning', 'strong']);
  const { evidence, title } = finding;
  assert.ok(Math.abs((evidence.idle as number) - 360) < 0.1);
  assert.deepEqual([evidence.backoff, evidence.new_port, evidence.bytes], [true, 50000, 100]);
  assert.ok((evidence.heard_elsewhere as number) >= 2);
  assert.match(
    title,
    /^100 bytes of the client were sent 8 times in 25\.\d s and never answered, after the server had been/,
  );
  assert.match(
    title,
    /; the server still sends on other connections and accepts a new one: a device on the path has lost this connection, or/,
  );
  assert.equal(finding.packets.at(-1)!.note, 'last retransmission');
});

test('the same where nothing else is heard of the server: the host or the path may be down', async () => {
  const finding = await only(unanswered(7));
  assert.deepEqual(picked(finding), ['silent', 'client', 'data', 7, 'warning', 'weak']);
  assert.match(
    finding.title,
    /nothing else was heard from the server to this client.*the path between them may be down$/,
  );
});

test('what the server sends to others, or to this client before the second retransmission, is not denied', async () => {
  const scope = /nothing else was heard from the server to this client from the second retransmission on: /;
  const elsewhere = exchange({ client: '192.0.2.99:40000', at: 361 });
  for (let i = 0; i < 40; i++) elsewhere.request().response();
  const early = exchange({ clientPort: 50_000, at: 359 });
  early.wait(360.3 - early.now).response();
  for (const other of [elsewhere, early]) {
    const finding = await only(unanswered(7), other);
    assert.equal(finding.evidence.heard_elsewhere, 0);
    assert.match(finding.title, scope);
    const { meaning } = adviceFor(await subjectOf(Promise.resolve(finding)));
    assert.match(meaning, /from the second retransmission on .*to other hosts is not looked at/);
  }
});

test('connections of before and after the silence are no witnesses of it', async () => {
  const finding = await only(unanswered(7), ...others(100), ...others(500));
  assert.equal(finding.evidence.heard_elsewhere, 0);
});

test('a server that is heard again only after the last retransmission may have been cut off until then', async () => {
  // Sent again until 12.8 s. The client has given up by then, and connects again.
  const finding = await only(unanswered(6, 0.02), ...others(14, 1));
  assert.deepEqual(picked(finding), ['silent', 'client', 'data', 6, 'warning', 'weak']);
  const { evidence, title } = finding;
  assert.deepEqual([evidence.heard_elsewhere, evidence.new_port], [0, 50000]);
  assert.ok(Math.abs((evidence.heard_after as number) - 1.3) < 0.2, String(evidence.heard_after));
  assert.match(
    title,
    /again only 1\.\d+ s after the last of these, and the server accepts a new one: an outage .* over by then, perhaps/,
  );
  const { meaning, checks, change } = adviceFor(await subjectOf(Promise.resolve(finding)));
  assert.match(meaning, /heard again only 1\.\d+ s after that/);
  assert.deepEqual(change, []);
  assert.ok(!checks.some(({ expect }) => expect.includes('A timeout below the silence')));
});

test('a server that has lost a client is a notice, with others of the client a warning', async () => {
  const push = (): Conversation =>
    again(exchange().wait(300).send('server', 'PA', { payload: 80, lost: true }), 'server', 6, 'PA', 80);
  assert.deepEqual(picked(await only(push())), ['silent', 'server', 'data', 6, 'notice', 'weak']);
  assert.deepEqual(picked(await only(push(), ...others(301))), ['silent', 'server', 'data', 6, 'warning', 'strong']);
});

test('a request that is lost once or twice, and one that is answered within three seconds, are no finding', async () => {
  assert.deepEqual(await told(unanswered(2).wait(60)), []);
  const late = unanswered(3);
  late.client.rcvNxt = late.server.nxt;
  late.server.rcvNxt = late.client.nxt;
  assert.deepEqual(await told(late.ack('server').response().request().response()), []);
});

test('an outage that passes is told as one', async () => {
  const c = unanswered(6);
  c.server.rcvNxt = c.client.nxt;
  const finding = await only(c.ack('server').response().request().response());
  assert.deepEqual(picked(finding), ['recovered', 'client', 'data', 6, 'info', 'strong']);
  assert.match(
    adviceFor(finding).checks[0].command,
    /TcpExtTCPDSACKRecv/,
    'what was lost, the data or its acknowledgement',
  );
  assert.ok((finding.evidence.answered_after as number) > 12);
  assert.match(finding.title, /: likely an outage of the path or of the server$/);
});

test('an RST of the other end tells of itself', async () => {
  const c = unanswered(6);
  c.server.nxt = c.client.rcvNxt;
  const rules = (await all(c.bareRst('server'))).map(({ rule }) => rule);
  assert.deepEqual(rules, ['reset-close']);
});

test('keep-alive probes without an answer; where the sender then resets, the RST tells of it', async () => {
  const probes = (): Conversation => {
    const c = exchange().wait(60);
    for (let i = 0; i < 4; i++) c.send('client', 'A', { seq: c.client.nxt - 1, lost: true }).wait(10);
    return c;
  };
  assert.deepEqual(picked(await only(probes())), ['silent', 'client', 'keep-alive', 3, 'warning', 'weak']);
  assert.deepEqual(
    (await all(probes().rstFrom('client'))).map(({ rule }) => rule),
    ['reset-close'],
  );
});

test('keep-alive probes are told by their numbers, with and without timestamps, and are advised on as such', async () => {
  for (const timestamps of [true, false]) {
    for (const payload of [0, 1]) {
      const c = exchange({ client: new Host('192.0.2.10', { timestamps }) }).wait(60);
      for (let i = 0; i < 4; i++) c.send('client', 'A', { seq: c.client.nxt - 1, payload, lost: true }).wait(15);
      const finding = await only(c);
      assert.deepEqual(picked(finding), ['silent', 'client', 'keep-alive', 3, 'warning', 'weak']);
      const { meaning, checks, change } = adviceFor(finding);
      assert.match(meaning, /^No data is missing: after 60\.0 s of silence the client asked by keep-alive probe/);
      const commands = checks.map(({ expect }) => expect).join(' ');
      assert.match(commands, /timer:\(keepalive,/);
      assert.doesNotMatch(commands, /backoff/);
      assert.match(change[0].what, /TCP_KEEPIDLE/);
    }
  }
  // A byte of data that is sent again ends at the same number, but is not acknowledged.
  const data = await only(again(exchange().wait(60).send('client', 'PA', { payload: 1, lost: true }), 'client', 5));
  assert.equal(data.evidence.carries, 'data');
  assert.doesNotMatch(adviceFor(data).meaning, /probe/);
});

test('probes of a closed window that are answered are none of this, unanswered they are', async () => {
  const closed = (isAnswered: boolean): Conversation => {
    const c = exchange().wait(1).send('client', 'PA', { payload: 1000 }).ack('server', { window: 0 });
    for (let i = 0; i < 6; i++) {
      c.wait(0.3 * 2 ** i).send('client', 'A', { seq: c.client.nxt - 1, lost: true });
      if (isAnswered) c.ack('server', { window: 0 });
    }
    return c;
  };
  assert.deepEqual(await told(closed(true)), []);
  assert.equal((await only(closed(false))).evidence.carries, 'window-probe');
});

test('data that was under way when the window closed is no probe of it', async () => {
  const c = exchange().wait(1).send('client', 'PA', { payload: 1000 });
  const seq = c.client.nxt - 500;
  c.ack('server', { window: 0, ack: seq });
  for (let i = 0; i < 6; i++) c.wait(0.3 * 2 ** i).send('client', 'PA', { seq, payload: 500, lost: true });
  const finding = await only(c);
  assert.equal(finding.evidence.carries, 'data');
  assert.match(finding.title, /^500 bytes of the client were sent [67] times/);
});

test('one packet that acknowledges nothing new does not take the silence back, the second says that data is not acknowledged', async () => {
  const ignored = (times: number): Conversation => {
    const c = unanswered(8);
    for (let i = 0; i < times; i++) c.wait(1).send('server', 'PA', { payload: 20 });
    return c;
  };
  assert.match((await only(ignored(0))).title, /never answered.*; nothing else was heard from the server/);
  const once = await only(ignored(1));
  assert.deepEqual(picked(once), ['silent', 'client', 'data', 8, 'warning', 'weak']);
  assert.match(once.title, /never acknowledged.*; only one packet was heard from the server to this client/);
  assert.ok(once.packets.some(({ note }) => note === 'the server acknowledges no more than before'));
  assert.deepEqual(picked(await only(ignored(2))), ['not-acknowledged', 'client', 'data', 8, 'notice', 'weak']);
});

test('where the answers are in the capture, they are lost behind it', async () => {
  const c = exchange().wait(10).send('client', 'PA', { payload: 100 });
  const { seq } = c.last;
  c.ack('server', { lost: true });
  for (let i = 0; i < 5; i++)
    c.wait(0.2 * 2 ** i)
      .send('client', 'PA', { seq, payload: 100 })
      .ack('server', { lost: true });
  const finding = await only(c);
  assert.deepEqual(picked(finding), ['answers-lost', 'client', 'data', 5, 'warning', 'strong']);
  assert.equal(finding.evidence.after_ack, 5);
  assert.match(finding.title, /: the answers are likely lost on the way back$/);
});

test('when the answer came is said only where the first packet that acknowledges is known', async () => {
  const story = (isRepeated: boolean): Conversation => {
    const c = exchange().wait(10).send('client', 'PA', { payload: 100 });
    const { seq } = c.last;
    c.send('server', 'PA', { payload: 200, lost: true });
    const response = { seq: c.last.seq, payload: 200, lost: true };
    if (isRepeated) c.wait(0.205).send('server', 'PA', response);
    for (let i = 0; i < 5; i++)
      c.wait(0.2 * 2 ** i)
        .send('client', 'PA', { seq, payload: 100 })
        .ack('server', { lost: true });
    return c;
  };
  const once = await only(story(false));
  assert.ok((once.evidence.answered_after as number) < 0.1);
  assert.ok(once.packets.some(({ note }) => note === 'the server answers'));
  const twice = await only(story(true));
  assert.deepEqual(picked(twice), ['answers-lost', 'client', 'data', 5, 'warning', 'strong']);
  assert.equal(twice.evidence.answered_after, undefined);
  assert.ok(twice.packets.every(({ note }) => note !== 'the server answers'));
  assert.ok(twice.packets.some(({ note }) => note === 'last packet of the server before: all of it is acknowledged'));
});

for (const ahead of [0.004, 0.02]) {
  test(`request and response are both sent again, ${ahead} s apart: it is the client that hears nothing`, async () => {
    for (const story of [returnPathCut(ahead), givenUp(returnPathCut(ahead))]) {
      const finding = await only(story);
      assert.deepEqual(picked(finding), ['answers-lost', 'client', 'data', 5, 'warning', 'strong']);
      assert.match(finding.title, /likely lost on the way back/);
    }
    assert.deepEqual(await told(returnPathCut(ahead, 2).request()), [], 'the client goes on after two');
  });
}

/** The client sends a request five times more, from 0.3 s on; at 0.5 s the server repeats its last response, once. */
function repeatedOnce(isAcked: boolean): Conversation {
  const c = exchange().request(300).response(1000).ack('client').wait(1);
  const response = c.server.nxt - 1000;
  const { nxt } = c.client;
  c.send('client', 'PA', { payload: 200 });
  const request = { seq: nxt, payload: 200 };
  c.wait(0.3).send('client', 'PA', request);
  c.wait(0.2).send('server', 'PA', { seq: response, payload: 1000, ack: isAcked ? nxt + 200 : nxt });
  for (const wait of [0.4, 1.2, 2.4, 4.8]) c.wait(wait).send('client', 'PA', request);
  return c;
}

test('a response that is repeated once, though acknowledged, ends no story of the request', async () => {
  assert.deepEqual(picked(await only(repeatedOnce(true))), ['answers-lost', 'client', 'data', 5, 'warning', 'strong']);
  assert.deepEqual(picked(await only(repeatedOnce(false))), ['silent', 'client', 'data', 3, 'warning', 'weak']);
});

test('what one end sends again is not told when the other has sent for so long already that this explains it', async () => {
  const c = exchange().request(300);
  const request = { seq: c.client.nxt - 300, payload: 300 };
  const response = { seq: c.server.nxt, payload: 1000 };
  c.send('server', 'PA', { payload: 1000, lost: true });
  for (const wait of [0.2, 0.4, 0.8, 1.6]) c.wait(wait).send('server', 'PA', response);
  for (const wait of [0.4, 0.8, 1.6, 3.2]) c.wait(wait).send('client', 'PA', { ...request, ack: response.seq });
  const { evidence } = await only(c);
  assert.deepEqual([evidence.class, evidence.from], ['not-acknowledged', 'server']);
});

test('the addon begins the same story', async () => {
  for (const ahead of [0.004, 0.02]) {
    const input = [{ name: 'x.pcap', bytes: pcap(frames(returnPathCut(ahead).packets), { nanos: true }) }];
    const { findings } = await collect(input);
    assert.deepEqual(
      findings.map(f => f.evidence.class),
      ['answers-lost'],
    );
  }
});

test('a single retransmission of what was acknowledged is a short timer', async () => {
  const c = exchange().wait(10).request();
  c.wait(0.3)
    .send('client', 'PA', { seq: c.client.nxt - 100, payload: 100 })
    .ack('server');
  assert.deepEqual(await told(c.request().response()), []);
});

test('the capture shows one direction only: nothing can be said', async () => {
  const c = unanswered(7);
  c.packets.splice(0, c.packets.length, ...c.packets.filter(({ sport }) => sport !== 80));
  assert.deepEqual(await told(c), []);
});

test('a sender that acknowledges or echoes what was not captured has had answers that were not', async () => {
  const acked = unanswered(7);
  acked.packets.at(-1)!.ack! += 500;
  assert.deepEqual(await told(acked), []);
  const echoed = unanswered(7);
  echoed.packets.at(-1)!.tsecr! += 5000;
  assert.deepEqual(await told(echoed), []);
});

test('a sender that goes on with further data has had an answer', async () => {
  const c = unanswered(7);
  assert.deepEqual(await told(c.send('client', 'PA', { payload: 300, lost: true })), []);
});

test('a handshake that the server does not take for complete is told as such', async () => {
  const c = handshake().send('client', 'PA', { payload: 100, lost: true });
  const { seq } = c.last;
  const { nxt } = c.server;
  for (let i = 0; i < 5; i++) {
    c.wait(0.4 * 2 ** i).send('client', 'PA', { seq, payload: 100, lost: true });
    if (i > 0) c.send('server', 'SA', { seq: nxt - 1 });
  }
  assert.deepEqual(await told(c), []);
});

test('no data was ever acknowledged', async () => {
  const c = handshake().send('client', 'PA', { payload: 517, lost: true });
  const finding = await only(again(c, 'client', 6, 'PA', 517));
  assert.equal(finding.evidence.never, true);
  assert.match(finding.title, /the server has acknowledged nothing but the handshake/);
});

test('a capture without bare ACKs: what was sent before and is not sent again was acknowledged', async () => {
  // All in one millisecond, so that no TSecr shows the ACK.
  const c = handshake({ rtt: 0.0001 }).request(30).response(50).ack('client').wait(5);
  const { packets } = again(c.send('server', 'PA', { payload: 100, lost: true }), 'server', 6);
  packets.splice(0, packets.length, ...packets.filter(({ flags }) => flags !== 'A'));
  const finding = await only(c);
  assert.deepEqual([finding.evidence.never, finding.evidence.bytes], [undefined, 100]);
  assert.match(finding.title, /^100 bytes of the server were sent 7 times/);
  assert.doesNotMatch(finding.title, /nothing but the handshake/);
});

test('of ten segments the first is sent again: it is not said that all of them were', async () => {
  const flight = (): Conversation => {
    const c = exchange().wait(10);
    for (let i = 0; i < 10; i++) c.send('client', 'PA', { payload: 1460, lost: true });
    return c;
  };
  const c = flight();
  const seq = c.client.nxt - 14_600;
  for (let i = 0; i < 5; i++) c.wait(0.2 * 2 ** i).send('client', 'A', { seq, payload: 1460, lost: true });
  const finding = await only(c);
  assert.match(
    finding.title,
    /^Parts of 14600 bytes of the client were sent again 5 times in 6\.\d+ s and never answered/,
  );
  assert.deepEqual([finding.evidence.bytes, finding.evidence.retransmissions], [14_600, 5]);

  const whole = flight();
  for (let i = 0; i < 5; i++) whole.wait(0.2 * 2 ** i).send('client', 'A', { seq, payload: 14_600, lost: true });
  assert.match(
    (await only(whole)).title,
    /^14600 bytes of the client were sent 6 times in 6\.\d+ s and never answered/,
  );
});

test('what nobody answers after a close is for the record', async () => {
  const c = exchange().fin('client').ack('server').wait(200).fin('server', { lost: true });
  for (let i = 0; i < 6; i++) c.wait(0.2 * 2 ** i).finAgain('server');
  const finding = await only(c);
  assert.deepEqual(picked(finding), ['silent', 'server', 'fin', 6, 'info', 'weak']);
});

test('a client that goes on from another port has a NAT that forgot it', async () => {
  const c = again(exchange().wait(300).send('server', 'PA', { payload: 80, lost: true }), 'server', 6, 'PA', 80);
  const later = exchange({ clientPort: 61000, at: 301 });
  later.packets.length = 0;
  Object.assign(later.client, { nxt: c.client.nxt, rcvNxt: c.client.rcvNxt });
  const finding = await only(c, later.send('client', 'PA', { payload: 40, lost: true }));
  assert.equal(finding.evidence.moved_to, 61000);
  assert.match(finding.title, /the client continues from port 61000: likely a NAT has lost the connection/);
});

test('copies from a second point of the path are no retransmissions', async () => {
  const c = exchange().wait(60).send('client', 'PA', { payload: 100, lost: true });
  for (let i = 1; i < 7; i++) c.copied(i);
  assert.deepEqual(await told(c.wait(10)), []);
});

test('a connection is told once, however long its sender goes on', async () => {
  const c = exchange().wait(400).send('client', 'PA', { payload: 100, lost: true });
  const { seq } = c.last;
  for (let i = 0; i < 12; i++) c.wait(60).send('client', 'PA', { seq, payload: 100, lost: true });
  assert.equal((await told(c)).length, 1);
});

test('advice follows from what is known of the other end', async () => {
  const meaning = async (...stories: Conversation[]): Promise<string> =>
    adviceFor(await subjectOf(only(...stories))).meaning;
  assert.match(await meaning(unanswered(7), ...others(361)), /the server and the path from it are up/);
  assert.match(
    await meaning(unanswered(7, 0.02), ...others(1)),
    /in use until .* before, so no idle timer had expired/,
  );
  assert.match(await meaning(unanswered(7, 0.02)), /No idle timer had expired; a device that lost the connection/);
  assert.match(await meaning(unanswered(7)), /it may be down or unreachable.*The evidence is weak/);
});

const subjectOf = async (found: Promise<Finding>) => {
  const { rule, severity, confidence, evidence } = await found;
  return { rule, severity, confidence, evidence };
};

test('answers are lost behind the capture if data comes again three times after them, and two do not show it', async () => {
  const again = (times: number): Conversation => {
    const c = exchange().wait(10).send('client', 'PA', { payload: 100 });
    const { seq } = c.last;
    c.ack('server', { lost: true });
    for (let i = 0; i < times; i++) c.wait(4).send('client', 'PA', { seq, payload: 100 }).ack('server', { lost: true });
    return c;
  };
  assert.deepEqual(
    (await told(again(2))).map(f => f.evidence.class),
    [],
  );
  assert.deepEqual(
    (await told(again(3))).map(f => f.evidence.class),
    ['answers-lost'],
  );
});
