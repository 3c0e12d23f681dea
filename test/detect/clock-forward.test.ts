/** The capture's clock is set forward: no finding rests on a time that the hosts' own TSvals deny. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { adviceFor } from '../../src/detect/advice/index.ts';
import type { Finding } from '../../src/detect/finding.ts';
import type { Outcome } from '../build/collect.ts';
import { exchange, serverCloses, setBack, together } from '../build/conversation.ts';
import { Host } from '../build/host.ts';
import type { Packet } from '../build/packet.ts';
import { follow } from '../flow/follow.ts';

/** Packets from `at` on are captured with a clock that is ahead by `by` seconds. */
const setForward = (packets: readonly Packet[], at: number, by: number): Packet[] => setBack(packets, at, -by);

const rules = ({ findings }: Outcome): string[] => findings.map(({ rule }) => rule);

/** Four connections that are used, and aborted by the server 20 s later, which is one event. */
const restarted = (): Packet[] =>
  together(
    ...[0, 5, 10, 15].map((at, i) =>
      exchange({ clientPort: 42_000 + 2 * i, at })
        .wait(0.1)
        .request()
        .wait(20)
        .rstFrom('server'),
    ),
  );

test('connections in use look idle for an hour: no idle timer', async () => {
  const idle = (packets: readonly Packet[]): Promise<string[]> =>
    follow(packets).then(outcome => rules(outcome).filter(rule => rule === 'idle-timer'));
  assert.deepEqual(await idle(setForward(restarted(), 19, 3600)), []);
  assert.deepEqual(await idle(restarted()), ['idle-timer'], 'without the step the silence is 20 s');
});

/** A second client behind one address meets the TIME_WAIT of the first, which answers. */
function meetsTimeWait(after: number): Packet[] {
  const client = (boot: number): Host => new Host('192.0.2.10', { boot });
  const old = serverCloses({ client: client(50_000_000), rtt: 0.04 });
  const next = old.reopen(after, { client: client(10_000_000) }).syn();
  old.oldAck(next);
  next.bareRst('client', { seq: old.client.nxt }).wait(1);
  return next.packets;
}

test('a TIME_WAIT seems to last for 100 s: neither a setting, nor an age, since 10 s passed by the server', async () => {
  const outcome = await follow(setForward(meetsTimeWait(10), 5, 90));
  assert.ok(!rules(outcome).includes('revealed-setting'));
  const reuse = outcome.findings.find(({ rule }) => rule === 'port-reuse')!;
  assert.equal(reuse.confidence, 'strong');
  assert.ok((reuse.evidence.passed as number) >= 10 && (reuse.evidence.passed as number) < 50);
  assert.match(
    reuse.title,
    /after 100\.\d s, in TIME_WAIT of the server, most likely \(by its TSvals at most \d+\.\d s/,
  );
  assert.doesNotMatch(adviceFor(reuse).meaning, /another system/);
  const cause = outcome.findings.find(({ rule }) => rule === 'unanswered-syn')!;
  assert.deepEqual([cause.evidence.cause, cause.confidence], ['time-wait', 'strong'], 'no surer than port-reuse');
  assert.match(cause.title, /in TIME_WAIT, most likely, though by the clock of the capture that should be over/);

  const long = await follow(meetsTimeWait(100));
  assert.ok(rules(long).includes('revealed-setting'), 'where its TSvals confirm it');
  assert.equal(long.findings.find(({ rule }) => rule === 'port-reuse')!.evidence.passed, undefined);
});

/** The RST, with what is advised. */
async function resetOf(packets: readonly Packet[]): Promise<Finding & { meaning: string }> {
  const reset = (await follow(packets)).findings.find(({ rule }) => rule === 'reset-close')!;
  return { ...reset, meaning: adviceFor(reset).meaning };
}

test('an abort seems to come after 350 s of silence: its TSval says at most 20 s, so no idle timer is named', async () => {
  const aborted = (wait: number): Packet[] => exchange().wait(0.1).request().wait(wait).rstFrom('server').packets;
  const stepped = await resetOf(setForward(aborted(10), 5, 340));
  assert.ok(Math.abs((stepped.evidence.idle as number) - 350) < 1);
  assert.ok((stepped.evidence.passed as number) >= 10 && (stepped.evidence.passed as number) < 20);
  assert.ok(!(stepped.evidence.hints as string[]).includes('idle-timer'));
  const real = await resetOf(aborted(350));
  assert.deepEqual([real.evidence.passed, (real.evidence.hints as string[]).includes('idle-timer')], [undefined, true]);
});

test('a bare RST answers a segment whose TSval denies the silence before it: no NAT entry has expired', async () => {
  const answered = (wait: number): Packet[] =>
    exchange().wait(1).request().wait(wait).send('client', 'PA', { payload: 10 }).bareRst('server').packets;
  const stepped = await resetOf(setForward(answered(2), 2, 3600));
  assert.ok((stepped.evidence.passed as number) >= 2 && (stepped.evidence.passed as number) < 3);
  assert.match(stepped.title, /a NAT or balancer lost its entry or let it expire, or a firewall/);
  assert.match(
    stepped.meaning,
    /By the TSvals there had been silence for at most 2\.\d+ s before: the clock of the capture was set forward/,
  );
  assert.doesNotMatch(stepped.meaning, /not to be seen/);
  const real = await resetOf(answered(3602));
  assert.equal(real.evidence.passed, undefined);
  assert.match(real.title, /a NAT or balancer let its entry expire/);
});

test('a bare RST answers a segment without a TSval, or of a slow clock: nothing denies the silence', async () => {
  const keepAlive = exchange().wait(7200);
  keepAlive.send('client', 'A', { seq: keepAlive.client.nxt - 1, bare: true }).bareRst('server');
  const slow = exchange({ client: new Host('192.0.2.10', { hz: 10 }) }).wait(360);
  const shown = exchange({ client: new Host('192.0.2.10', { hz: 10 }) }).wait(5);
  shown.request().response().wait(360);
  for (const story of [slow, shown]) story.send('client', 'PA', { payload: 10 }).bareRst('server');
  for (const { packets } of [keepAlive, slow, shown]) {
    const { title, evidence } = await resetOf(packets);
    assert.equal(evidence.passed, undefined);
    assert.match(title, /a NAT or balancer let its entry expire/);
  }
  const stepped = await resetOf(setForward(shown.packets, 10, 7200));
  assert.ok(
    (stepped.evidence.passed as number) >= 360 && (stepped.evidence.passed as number) < 800,
    'its rate is known',
  );
});

test('a client gives up after ten seconds by its own clock, and not after an hour', async () => {
  const waiting = exchange().wait(1).send('client', 'PA', { payload: 100 }).ack('server').wait(10).rstFrom('client');
  const { title, meaning } = await resetOf(setForward(waiting.packets, 5, 3600));
  assert.match(
    title,
    /^The client gives up: the server acknowledged .* had not answered them after at most 1\d\.\d s by its own clock/,
  );
  assert.match(meaning, /and at most 1\d\.\d s later, without a byte in answer/);
});

test('a silence is denied by a clock on which less than half of it has passed', async () => {
  for (const [share, denied] of [
    [0.48, true],
    [0.52, false],
  ] as const) {
    const c = exchange().wait(20).request().response().wait(60);
    const tsval = Math.round(c.server.host.tsval(c.now, c.name) - 60_000 * (1 - share));
    const [finding] = (await follow(c.rstFrom('server', { tsval }))).findings.filter(f => f.rule === 'reset-close');
    assert.equal(finding!.evidence.passed !== undefined, denied, `${share} of it`);
  }
});
