/** What other attempts of the time explain about one. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Conversation } from '../../build/conversation.ts';
import { Host } from '../../build/host.ts';
import { accept, CLIENT, later, only, others, picked, stalled, told, tries } from './told.ts';

test('tcp_abort_on_overflow: the RST explains the SYNs of others at the time', async () => {
  const aborted = new Conversation({ at: 1 }).handshake();
  aborted.bareRst('server', { seq: aborted.server.nxt });
  const finding = await only(aborted, tries([1, 3], { clientPort: 40_002 }), later());
  assert.equal(finding.evidence.cause, 'accept-queue');
});

test('one SYN of two: a full queue that shows itself within ten seconds, before or after, is the cause', async () => {
  const causes = async (stallAt: number, port = 80): Promise<unknown[]> => {
    const lost = accept(tries([1], { clientPort: 40_002, at: 20 }));
    const full = stalled({ clientPort: 40_004, serverPort: port, at: stallAt }, 3, true);
    const findings = await told(lost, full, ...others(18, 8), later());
    return findings.filter(f => f.evidence.syns === 2).map(picked);
  };
  const queue = ['accept-queue', 2, undefined, 'warning', 'strong'];
  const either = ['path-loss', 2, undefined, 'info', 'weak'];
  assert.deepEqual(await causes(12), [queue], 'it was full before');
  assert.deepEqual(await causes(25), [queue], 'it shows itself after the SYN was accepted');
  assert.deepEqual(await causes(40), [either], 'too late');
  assert.deepEqual(await causes(25, 81), [either], 'on another port');
});

/** The last six bits of the TSval of a SYN cookie, for a client with SACK and this window scale. */
const COOKIE = 16 + 7;

function answeredLate(i: number, at: number, low: number): Conversation {
  const c = new Conversation({ client: new Host(CLIENT), clientPort: 41_000 + i, at }).syn({ lost: true });
  c.wait(1).synAgain();
  const tsval = c.server.host.tsval(c.now, c.name);
  return c.synAck({ tsval: (tsval & ~63) + low }).ack('client');
}

test('late answers whose TSvals carry the options of the client are SYN cookies: the queues of the server were full', async () => {
  const seen = async (...lows: number[]): Promise<unknown[]> =>
    (await told(...lows.map((low, i) => answeredLate(i, 2 * i, low)), later())).map(f => f.evidence.seen);
  assert.deepEqual(await seen(COOKIE, 3, COOKIE, COOKIE, COOKIE), [
    'syn-cookie',
    undefined,
    'syn-cookie',
    'syn-cookie',
    'syn-cookie',
  ]);
  assert.deepEqual(await seen(COOKIE, COOKIE, COOKIE, 4), [undefined, undefined, undefined, undefined]);
});

test('one TSval that looks like that of a SYN cookie tells of none, however many SYNs it answers, nor do four in an hour', async () => {
  const seen = async (count: number, every: number): Promise<Set<unknown>> => {
    const attempts = Array.from({ length: count }, (_, i) => answeredLate(i, i * every, COOKIE));
    return new Set((await told(...attempts, later(count * every + 300))).map(f => f.evidence.seen));
  };
  assert.deepEqual(await seen(8, 0.0001), new Set([undefined]), 'SYNs that an outage lost together');
  assert.deepEqual(await seen(8, 900), new Set([undefined]));
  assert.deepEqual(await seen(8, 3), new Set(['syn-cookie']));
});

test('a queue that was full within ten seconds of the SYN explains it, earlier and later it does not', async () => {
  const cause = async (stallAt: number): Promise<unknown> => {
    const full = stalled({ clientPort: 40_004, at: stallAt }, 3, true);
    const lost = accept(tries([1], { clientPort: 40_002, at: 40 }));
    return (await told(full, lost, ...others(38, 8), later())).find(f => f.evidence.syns === 2)!.evidence.cause;
  };
  const { now } = stalled({ clientPort: 40_004, at: 0 }, 3, true);
  // It was full from its SYN to its end, about three seconds, and shows it at that end; the other waited from 40
  // to 41 s.
  for (const [stallAt, expected] of [
    [40 - 10 - now - 0.2, 'path-loss'],
    [40 - 10 - now + 0.2, 'accept-queue'],
    [41 + 6.8, 'accept-queue'],
    [41 + 7.1, 'path-loss'],
  ] as const)
    assert.equal(await cause(stallAt), expected, `full from ${stallAt} s`);
});
