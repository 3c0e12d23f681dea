/** The capture's clock is set back: no rule holds a time of before against one of after. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Finding } from '../../src/detect/finding.ts';
import { ServerClocks } from '../../src/detect/recycle/server-clocks.ts';
import type { Outcome } from '../build/collect.ts';
import { Conversation, exchange, type Setup, serverCloses, setBack, together } from '../build/conversation.ts';
import { Host } from '../build/host.ts';
import type { Packet } from '../build/packet.ts';
import { followFile, timeWaits } from '../flow/follow.ts';

/** The clock is set back by so many seconds at `at`, just after somebody else's packets; 0 = it goes on. */
async function captured(packets: readonly Packet[], at: number, by: number, flows = true): Promise<Outcome> {
  const other = new Conversation({ client: '192.0.2.98:5', at: at - 0.02, rtt: 0.002 }).handshake();
  const outcome = await followFile(setBack(together(packets, other), at, by), { flows });
  const steps = outcome.captures[0].notes.filter(({ kind }) => kind === 'clock-step');
  assert.equal(steps.length, by === 0 ? 0 : 1);
  return outcome;
}

const told = async (rule: string, packets: readonly Packet[], at: number, by: number): Promise<Finding[]> =>
  (await captured(packets, at, by)).findings.filter(finding => finding.rule === rule);

/** Of two hosts behind one address the one whose clock lies 7 s behind is locked out, eight times in two minutes. */
function lockedOut(): Packet[] {
  const rounds = Array.from({ length: 8 }, (_, i): Conversation[] => {
    const setup = (boot: number, at: number): Setup => ({
      client: new Host('192.0.2.10', { boot }),
      clientPort: 30_000 + at,
      at,
    });
    const silent = new Conversation(setup(19_993_000, i * 15 + 3)).syn().wait(1).synAgain();
    return [serverCloses(setup(20_000_000, i * 15)), silent];
  });
  return together(...rounds.flat(), new Conversation({ client: '192.0.2.99:5', at: 300 }).handshake());
}

test('one clock of a server is one on either side of a step, and one behind another is behind it', async () => {
  const [plain] = await told('recycle-signature', lockedOut(), 59, 0);
  assert.deepEqual([plain!.confidence, plain!.evidence.server_clocks], ['strong', undefined]);
  const [stepped, ...more] = await told('recycle-signature', lockedOut(), 59, 60);
  assert.deepEqual(more, []);
  assert.equal(stepped!.evidence.bad_unanswered, 8, 'what was counted before stands');
  assert.deepEqual([stepped!.confidence, stepped!.evidence.server_clocks], ['strong', undefined]);
  assert.doesNotMatch(stepped!.title, /clocks/);
});

test('clocks of a server that differ before a step go on telling after it', () => {
  const clocks = new ServerClocks();
  const add = (at: number, tsval: number, port: number): void => clocks.add({ at: at * 1e9, tsval }, port);
  add(100, 5_000, 1);
  add(101, 900_000, 2);
  assert.deepEqual([clocks.count, clocks.connections], [2, 2]);
  clocks.step();
  add(41, 7_000, 3);
  assert.deepEqual([clocks.count, clocks.connections], [2, 2]);
  for (const [i, tsval] of [500_000, 7_000_000].entries()) add(42 + i, tsval, 4 + i);
  assert.deepEqual([clocks.count, clocks.connections], [3, 3]);
});

/** The server repeats its SYN-ACK after the client's ACK, and goes on when the client has sent its request three times. */
function stalled(setup: Setup): Conversation {
  const c = new Conversation(setup).handshake();
  const again = { seq: c.server.nxt - 1 };
  const first = c.client.nxt;
  c.send('client', 'PA', { payload: 10 }).wait(1).send('server', 'SA', again).ack('client');
  for (let i = 0; i < 2; i++) c.wait(1).send('client', 'PA', { payload: 10, seq: first });
  return c.ack('server');
}

test('a full accept queue explains no SYN that was sent after a step, whatever the clock says', async () => {
  const causes = async (at: number, by: number): Promise<unknown[]> => {
    const tried = new Conversation({ clientPort: 40_002, at }).syn().wait(1).synAgain().wait(2).synAgain();
    const packets = together(stalled({ at: 3_600 }), tried, new Conversation({ at: 4_000 }).handshake());
    const findings = await told('unanswered-syn', packets, 3_690, by);
    return findings.map(({ evidence: e }) => [e.cause, e.syns]);
  };
  const stall = ['accept-queue', 1];
  assert.deepEqual(await causes(3_605, 0), [stall, ['accept-queue', 3]]);
  assert.deepEqual(await causes(3_700, 95), [stall, ['unknown', 3]]);
});

test('a handshake that stalls across a step: how long it took nobody knows, and nobody says', async () => {
  const c = new Conversation().handshake().send('client', 'PA', { payload: 50 });
  const again = { seq: c.server.nxt - 1 };
  const data = { payload: 50, seq: c.client.nxt - 50 };
  c.wait(1).send('server', 'SA', again).wait(2).send('client', 'PA', data).send('server', 'SA', again).wait(1);
  c.ack('server');
  const syn = c.packets[0].tsval!;
  // As kernels before 6.14 repeat it, and as newer ones do.
  const echoing = c.packets.map(packet => (packet.flags === 'SA' ? { ...packet, tsecr: syn } : packet));
  for (const packets of [c.packets, echoing]) {
    const [finding, ...more] = await told('unanswered-syn', packets, 0.9, 60);
    assert.deepEqual(more, []);
    assert.match(finding!.title, /^The server repeats its SYN-ACK after the client's ACK, and goes on later; /);
    assert.equal(finding!.evidence.delay, undefined);
  }
});

test('a handshake that stalls across a step is not explained by what was full long before the server took it up again', async () => {
  const old = new Conversation({ clientPort: 40_004 }).handshake().send('client', 'PA', { payload: 10 });
  const again = { seq: old.server.nxt - 1 };
  for (const wait of [200, 1, 1]) old.wait(wait).send('server', 'SA', again);
  old.wait(0.5).ack('server');
  const findings = await told('unanswered-syn', together(old, stalled({ at: 30 })), 30, 5);
  assert.deepEqual(
    findings.map(({ evidence: e, confidence }) => [e.cause, e.syn_acks, confidence]),
    [
      ['accept-queue', 1, 'strong'],
      ['accept-queue', 2, 'weak'],
    ],
  );
});

test("an ISN that the tuple's clock would have reached by times of before and after a step proves no owner", async () => {
  const client = new Host('192.0.2.10');
  const old = exchange({ client, clientPort: 40_000 }).wait(50).request().wait(70).clientCloses();
  const next = (elapsed: number): Conversation => {
    const clientIsn = (old.packets[0].seq + Math.round((elapsed * 1e9) / 64)) >>> 0;
    return old.reopen(45, { clientIsn, story: [] }).syn();
  };
  const held = async (elapsed: number, by: number): Promise<string[]> => {
    return timeWaits(await captured(together(old, next(elapsed)), 50, by, false)).map(line =>
      line.replace(/.* (to \S+ \w+)/, '$1'),
    );
  };
  const elapsed = next(0).packets[0].t - old.packets[0].t;
  assert.deepEqual(await held(elapsed, 0), [`to ${elapsed.toFixed(3)} reuse`]);
  // Flows that have closed are kept in a smaller form by then, others are not.
  const [line] = await held(elapsed - 5, 5);
  assert.match(line!, /^to 160\.\d+ reuse, hidden to /);
});

test('how fast a clock ticks is not taken from times of before and after a step: a copy comes as late as it does', async () => {
  const c = exchange();
  const response = c.packets.find(({ sport, payload }) => sport === 80 && payload === 500)!;
  c.wait(20).request().response();
  c.packets.push({ ...response, t: c.now });
  c.wait(0.01).ack('client').wait(0.2).request().response();
  for (const by of [0, 19.5]) {
    const [finding] = await told('paws-drop', c.packets, 10, by);
    assert.equal(finding!.evidence.class, 'old-duplicate');
    assert.match(finding!.title, /, 20\.\d+ s late/);
  }
});

test('a FIN that waits across a step for that of the peer may have waited for longer than FIN_WAIT2 lives', async () => {
  const closing = (i: number, at: number, wait: number): Conversation =>
    exchange({ client: `10.0.0.1:${20_000 + i}`, at })
      .fin('server')
      .ack('client')
      .wait(wait)
      .fin('client');
  const kept = Array.from({ length: 30 }, (_, i) => closing(i, i / 2, 0.05).ack('server'));
  const reset = (wait: number): Conversation[] =>
    Array.from({ length: 10 }, (_, i) => closing(50 + i, 21.1 + i / 2 - wait, wait).bareRst('server'));
  const full = async (wait: number, by: number): Promise<number> =>
    (await told('time-wait-overflow', together(...kept, ...reset(wait)), 21, by)).length;
  assert.deepEqual([await full(0.05, 0), await full(0.05, 1)], [1, 1]);
  assert.deepEqual([await full(6, 0), await full(6, 1)], [0, 0]);
});

test('resets after the same silence are events of their own on either side of a step', async () => {
  const idle = [0, 10, 85].map((at, i) =>
    exchange({ clientPort: 40_000 + i, at })
      .wait(60)
      .rstFrom('server'),
  );
  // The last is recorded within a second of the one before it.
  for (const by of [0, 75.5]) assert.equal((await told('idle-timer', together(...idle), 80, by)).length, 1);
});

test('a connection that goes on after a step began when its first packet came', async () => {
  const c = exchange({ at: 100 }).wait(10).request().response().clientCloses();
  const { flows } = await captured(c.packets, 105, 60);
  const [before, after] = [c.packets[0].t, c.last.t - 60];
  const { firstAt, lastAt } = flows.find(({ clientPort }) => clientPort === 40_000)!;
  assert.equal(Math.round((firstAt - lastAt) / 1e6), Math.round((before - after) * 1e3));
});
