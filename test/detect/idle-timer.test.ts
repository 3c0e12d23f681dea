/** When RSTs after a silence are a timer, and when they only look like one. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { adviceFor } from '../../src/detect/advice/index.ts';
import type { Finding } from '../../src/detect/finding.ts';
import { knownTimers } from '../../src/detect/resets/known-timers.ts';
import { Conversation, exchange, handshake } from '../build/conversation.ts';
import { Host } from '../build/host.ts';
import { follow } from '../flow/follow.ts';

const told = async (stories: readonly Conversation[]): Promise<Finding[]> =>
  (await follow(stories)).findings.filter(({ rule }) => rule === 'idle-timer');

/** One connection for each gap, ten seconds apart, reset after it. */
const idle = (gaps: readonly number[], from: 'client' | 'server' = 'server', apart = 10): Conversation[] =>
  gaps.map((gap, i) =>
    exchange({ clientPort: 40000 + 2 * i, at: i * apart })
      .wait(gap)
      .rstFrom(from),
  );

test('the same silence before each RST is a timer, told once', async () => {
  const [finding, ...more] = await told(idle([350, 350.2, 349.9, 350.1]));
  assert.deepEqual(more, []);
  const { evidence, severity } = finding!;
  assert.equal(severity, 'notice');
  assert.deepEqual([evidence.resets, evidence.others, evidence.from], [4, 0, 'server']);
  assert.ok(Math.abs((evidence.gap as number) - 350.05) < 0.02);
  assert.match(String(evidence.known), /AWS NAT gateway/);
  assert.match(finding!.title, /^4 connections to port 80 were reset after 350\.\d s of silence each/);
  assert.equal(finding!.packets.length, 8);
});

test('a timer that resets more connections than are kept: they are the least, and the rest is counted', async () => {
  const [finding] = await told(idle(Array.from({ length: 300 }, () => 60)));
  assert.match(finding!.title, /^At least 256 connections to port 80 were reset after 60\.\d s of silence each/);
  assert.deepEqual([finding!.evidence.resets, finding!.evidence.others, finding!.evidence.later], [256, 0, 44]);
  const [fewer] = await told(idle(Array.from({ length: 256 }, () => 60)));
  assert.match(fewer!.title, /^256 connections/);
  assert.equal(fewer!.evidence.later, undefined);
});

test('RSTs of another cause that come first, more than are kept, hide no timer after them', async () => {
  const burst = Array.from({ length: 300 }, (_, i) => {
    const wait = 4 + ((i * 37) % 599);
    return exchange({ clientPort: 30000 + i, at: 700 - wait })
      .wait(wait)
      .rstFrom('server');
  });
  const timer = Array.from({ length: 12 }, (_, i) =>
    exchange({ clientPort: 40000 + i, at: 1000 + 10 * i })
      .wait(60)
      .rstFrom('server'),
  );
  assert.deepEqual(await told(burst), [], 'a restart');
  const [finding] = await told([...burst, ...timer]);
  assert.deepEqual([finding!.evidence.resets, finding!.evidence.others, finding!.evidence.later], [13, 243, 56]);
  // Nor do those that come later, as a restart after the timer.
  const [first] = await told([...idle(Array.from({ length: 12 }, () => 60)), ...burst]);
  assert.deepEqual([first!.evidence.resets, first!.evidence.later], [13, 56]);
});

test('a timer that nobody ships is a timer all the same', async () => {
  const [finding] = await told(idle([123, 123.1, 123.05]));
  assert.deepEqual(finding!.evidence.known, []);
  assert.match(finding!.title, /an idle timer of the server or of a device on its way to the client$/);
});

test('the keep-alive time of a server is named as the application that it is', async () => {
  const [finding] = await told(idle([75.01, 75.02, 75.01, 75.03]));
  assert.equal(finding!.severity, 'info');
  assert.match(
    finding!.title,
    /an application timer of the server, most likely; so long is that of keepalive_timeout of nginx/,
  );
});

test('a client that gives up on data which was never acknowledged was not idle', async () => {
  const stories = [0, 20, 40, 60].map((at, i) =>
    exchange({ clientPort: 40000 + 2 * i, at })
      .send('client', 'PA', { payload: 100, lost: true })
      .wait(12)
      .rstFrom('client'),
  );
  assert.deepEqual(await told(stories), []);
});

test('clients that give up their keep-alive probes were not idle, and the interval of the probes is no timer', async () => {
  const probing = (at: number, i: number, kept: (p: { sport: number; flags?: string }) => boolean): Conversation => {
    const c = exchange({ clientPort: 40000 + 2 * i, at }).wait(75);
    for (let n = 0; n < 3; n++) c.send('client', 'A', { seq: c.client.nxt - 1, lost: true }).wait(75);
    const { packets } = c.rstFrom('client');
    packets.splice(0, packets.length, ...packets.filter(kept));
    return c;
  };
  const starts = [0, 13, 29, 44];
  assert.deepEqual(await told(starts.map((at, i) => probing(at, i, () => true))), []);
  const onlyClient = starts.map((at, i) => probing(at, i, ({ sport }) => sport !== 80));
  assert.deepEqual(await told(onlyClient), [], 'nothing of the server was captured');
  const unheard = starts.map((at, i) => {
    const c = exchange({ clientPort: 40000 + 2 * i, at }).wait(60);
    for (let n = 0; n < 3; n++)
      c.send('client', 'A', { seq: c.client.nxt - 1 })
        .ack('server', { lost: true })
        .wait(60);
    return c.rstFrom('client');
  });
  assert.deepEqual(await told(unheard), [], 'the answers are lost behind the capture point');
  const { findings } = await follow(unheard);
  assert.ok(!findings.some(({ evidence }) => JSON.stringify(evidence.hints ?? []).includes('idle-timer')));
});

test('unused subflows of MPTCP connections that are reset with these show no timer', async () => {
  const join = { options: [2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 30, 12, 16, 1, 0, 0, 0, 1, 0, 0, 0, 2] };
  const subflows = [0, 10, 20, 30].map((at, i) =>
    new Conversation({ clientPort: 40000 + 2 * i, at }).syn(join).synAck().ack('client').wait(40).rstFrom('client'),
  );
  const { findings } = await follow(subflows);
  assert.deepEqual(
    findings.filter(({ rule }) => rule === 'idle-timer'),
    [],
  );
  assert.ok(findings.some(({ evidence }) => evidence.mptcp_join === true));
});

test('connections that nobody has used, reset by the client after the same wait: its own timer, and no keep-alives', async () => {
  const probes = (options: object): Conversation[] =>
    [0, 10, 20, 30, 40, 50].map((at, i) =>
      handshake({ clientPort: 40000 + 2 * i, at, ...options })
        .wait(3.2)
        .rstFrom('client'),
    );
  const [finding] = await told(probes({}));
  assert.equal(finding!.evidence.no_data, true);
  assert.match(finding!.title, /neither end had sent a byte, so it is a timer of the client, most likely/);
  const { meaning, change } = adviceFor(finding!);
  assert.match(meaning, /waits so long for a greeting/);
  assert.deepEqual(change, []);
  // Without timestamps a device may have sent the RSTs.
  const [plain] = await told(probes({ client: new Host('192.0.2.10', { timestamps: false }) }));
  assert.equal(plain!.evidence.no_data, undefined);
  assert.match(plain!.title, /an idle timer of the client or of a device/);
});

test('an RST by the client: its timer, or one on its way', async () => {
  const [finding] = await told(idle([30, 30.1, 30.2], 'client'));
  assert.equal(finding!.evidence.from, 'client');
});

for (const [what, stories] of [
  ['two only', () => idle([60, 60])],
  ['gaps anywhere', () => idle([4, 9, 21, 44, 95, 130, 210, 400])],
  ['short pauses', () => idle([1, 1, 1, 1, 1])],
  ['a restart that resets all at once', () => idle([60, 60, 60, 60], 'server', 0.1)],
  [
    'requests of a client that asks once a minute: it chose the moment',
    () =>
      [0, 1, 2, 3].map(i =>
        exchange({ clientPort: 40000 + 2 * i, at: i * 10 })
          .wait(60)
          .send('client', 'PA', { payload: 5 })
          .bareRst('server'),
      ),
  ],
  [
    'another client each time',
    () =>
      [0, 1, 2, 3].map(i =>
        exchange({ client: `192.0.2.${i + 1}:40000`, at: i * 10 })
          .wait(60)
          .rstFrom('server'),
      ),
  ],
] as const) {
  test(`no timer: ${what}`, async () => {
    assert.deepEqual(await told(stories()), []);
  });
}

test('three alike among many others may be chance', async () => {
  const many = Array.from({ length: 60 }, (_, i) => 5 * 1.06 ** i);
  assert.deepEqual(await told(idle([...many, 60, 60.1])), []);
});

test('known timers fit within two percent', () => {
  assert.deepEqual(knownTimers(58.7, 'server').names, []);
  assert.equal(knownTimers(59, 'server').names.length, 1);
  assert.ok(!knownTimers(240, 'server').isApplication);
  assert.ok(knownTimers(5.05, 'server').isApplication);
});

/** A client that asks, is acknowledged, and aborts after so many seconds without an answer. */
const unanswered = (seconds: number): Conversation[] =>
  Array.from({ length: 5 }, (_, i) =>
    handshake({ clientPort: 40000 + 2 * i, at: i * 10 })
      .request(9)
      .wait(seconds)
      .rstFrom('client'),
  );

test('a request without an answer is a read timeout of the client, and nobody else has a timer of that length', async () => {
  for (const seconds of [5, 60, 75]) {
    const [finding] = await told(unanswered(seconds));
    const { meaning, change, askNext } = adviceFor(finding!);
    assert.deepEqual([finding!.evidence.unanswered, finding!.evidence.known], [true, []], `${seconds} s`);
    assert.match(finding!.title, /did not answer it, so it is a read timeout of the client, most likely$/);
    assert.doesNotMatch(finding!.title + meaning, /device|balancer|NAT|Apache|nginx/);
    assert.deepEqual(change, [], 'no keep-alives');
    assert.match(askNext, /^The owner of 198\.51\.100\.80:\S+ why no answer comes/);
  }
});

test('a server that aborts after its answer, and a client after that, wait for nothing', async () => {
  const answered = idle([60, 60.1, 60], 'client');
  const serverLast = [0, 1, 2].map(i =>
    handshake({ clientPort: 40000 + 2 * i, at: i * 10 })
      .send('client', 'PA', { payload: 9 })
      .send('server', 'PA', { payload: 500 })
      .ack('client')
      .wait(60)
      .rstFrom('server'),
  );
  for (const stories of [answered, serverLast]) {
    const [finding] = await told(stories);
    assert.equal(finding!.evidence.unanswered, undefined);
    assert.deepEqual(finding!.evidence.known, ['AWS Application Load Balancer']);
  }
});

test('the keep-alive times of servers are nothing that a client is said to have', async () => {
  const [finding] = await told(idle([75, 75.1, 75], 'client'));
  assert.equal(finding!.severity, 'info');
  assert.deepEqual(finding!.evidence.known, []);
  assert.match(finding!.title, /an application timer of the client, most likely$/);
});

test('silences of under three seconds are ordinary pauses, of over three a timer', async () => {
  assert.deepEqual(await told(idle([2.98, 2.98, 2.98, 2.98])), []);
  const [finding] = await told(idle([3.01, 3.01, 3.01, 3.01]));
  assert.equal(finding!.evidence.resets, 4);
});

test('RSTs within a second of each other are one event, and those further apart several', async () => {
  assert.deepEqual(await told(idle([60, 60, 60, 60], 'server', 0.98)), []);
  const [finding] = await told(idle([60, 60, 60, 60], 'server', 1.02));
  assert.equal(finding!.evidence.resets, 4);
});
