/** No input may mislead: one-sided, cut, stepped and crowded captures are told as what they are. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AnalyseOptions } from '../src/analyse.ts';
import { SECOND } from '../src/base/time.ts';
import type { Finding } from '../src/detect/finding.ts';
import { collect, type Outcome } from './build/collect.ts';
import { Conversation, exchange, handshake, serverCloses, together } from './build/conversation.ts';
import { Host } from './build/host.ts';
import { frames, type Packet } from './build/packet.ts';
import { pcap } from './build/pcap.ts';

const analyse = (packets: readonly Packet[], options: AnalyseOptions = {}): Promise<Outcome> =>
  collect([{ name: 'misleading.pcap', bytes: pcap(frames(packets), { nanos: true }) }], { flows: true, ...options });

const reset = ({ findings }: Outcome): Finding => {
  const resets = findings.filter(({ rule }) => rule === 'reset-close');
  assert.equal(resets.length, 1, 'findings of reset-close');
  return resets[0];
};

/** Class of the only RST. */
const resetClass = async (packets: readonly Packet[]): Promise<unknown> => reset(await analyse(packets)).evidence.class;

const hints = async (packets: readonly Packet[]): Promise<readonly string[]> =>
  reset(await analyse(packets)).evidence.hints as string[];

test('a full table forgets closed connections before an active one', async () => {
  const busy = exchange({ client: '192.0.2.1:1111' });
  const from = busy.packets.length;
  for (let i = 0; i < 200; i++) {
    busy.now = 0.2 + i * 0.1;
    busy.send('client', 'PA', { payload: 1 });
  }
  busy.now = 25;
  busy.rstFrom('server');
  const closed = Array.from({ length: 70 }, (_, i) =>
    serverCloses({ client: `192.0.3.${i + 1}:2000`, at: 1 + i * 0.2 }),
  );
  const outcome = await analyse(together(busy, ...closed), { maxFlows: 64 });
  assert.ok(outcome.tally['evicted.flows'] > 0, 'the table was full');
  const rows = outcome.flows.filter(({ clientPort }) => clientPort === 1111);
  assert.deepEqual(
    rows.map(row => [row.close, row.clientPackets, row.firstAt]),
    [['rst', 200 + busy.packets.slice(0, from).filter(p => p.sport === 1111).length, 0]],
  );
  assert.equal(reset(outcome).evidence.class, 'abort');
  assert.ok(
    outcome.findings.every(({ confidence }) => confidence !== 'proof'),
    'what is missing may have been forgotten',
  );
});

test('data and RST,ACK of a server whose client was not captured: abort', async () => {
  const story = new Conversation().syn();
  story.packets.length = 0;
  story.synAck();
  for (let i = 0; i < 5; i++) story.send('server', 'PA', { payload: 1000 }).wait(1);
  const found = reset(await analyse(story.rstFrom('server').packets));
  assert.deepEqual([found.evidence.class, found.evidence.effective], ['abort', true]);
});

test('a client that acknowledges behind the data, the ACK of the handshake missing: abort', async () => {
  const story = new Conversation().syn().synAck();
  for (let i = 0; i < 5; i++) {
    story.send('server', 'PA', { payload: 1000 }).send('server', 'PA', { payload: 1000 });
    story.ack('client', { ack: (story.server.nxt - 1000) >>> 0 });
  }
  assert.equal(await resetClass(story.rstFrom('client').packets), 'abort');
});

/** An RST 40,000 bytes ahead: inside the window only when it is scaled. */
const ahead = (from: 'client' | 'server'): Packet[] => {
  const story = exchange();
  return story.rstFrom(from, { seq: (story[from].nxt + 40_000) >>> 0 }).packets;
};

/** Ethernet, IPv4 and TCP without options, and with the first 16 bytes of them: the window scale is cut off. */
for (const snap of [54, 70]) {
  test(`the window scale of SYNs cut at ${snap} bytes is unknown, not absent`, async () => {
    assert.equal(await resetClass(ahead('server').map(packet => ({ ...packet, snap }))), 'challenged');
  });
}

test('the window scale of SYNs that were not captured is unknown, not absent', async () => {
  assert.equal(await resetClass(ahead('server')), 'challenged');
  assert.equal(await resetClass(ahead('server').filter(({ flags }) => flags !== 'S')), 'challenged');
  assert.equal(await resetClass(ahead('client').filter(({ flags }) => flags !== 'SA')), 'challenged');
});

test('without window scale in the SYN-ACK no window is scaled, so nothing was left unread', async () => {
  const window = 29_200;
  const story = new Conversation().syn();
  story.packets.length = 0;
  // The server's data comes before the ACK of the handshake.
  story.send('server', 'SA', { sackPermitted: false, window, mss: 1460, options: [2, 4, 5, 180] });
  story.send('server', 'PA', { payload: 10, window }).ack('client', { window });
  story.send('client', 'PA', { payload: 100, window }).ack('server', { window }).rstFrom('server', { window });
  assert.ok(!(await hints(story.packets)).includes('unread-data'));
});

test('with a window scale that the snap length cut off, nobody is said to have left data unread', async () => {
  // 1 << 10 is the scale where tcp_rmem allows 64 MiB. By the usual one the windows would shrink after the SYN.
  const story = new Conversation().syn({ wscale: 10, window: 64_240 }).synAck({ wscale: 10, window: 65_160 });
  story.ack('client', { window: 63 }).send('client', 'PA', { payload: 100, window: 63 }).ack('server', { window: 64 });
  story.send('server', 'PA', { payload: 500, window: 64 }).ack('client', { window: 63 });
  story.rstFrom('client', { window: 63 });
  for (const snap of [64, 68, 96]) {
    const cut = story.packets.map(packet => ({ ...packet, snap }));
    assert.ok(!(await hints(cut)).includes('unread-data'), `-s ${snap}`);
  }
});

test('a clock step ends no TIME_WAIT by its timer', async () => {
  const { captures, timeWaits } = await analyse([
    ...exchange({ client: '192.0.2.99:1000', at: 1000 }).packets,
    ...serverCloses({ at: 0 }).packets,
  ]);
  assert.deepEqual(
    captures[0].notes.map(({ kind }) => kind),
    ['clock-step'],
  );
  assert.deepEqual(
    timeWaits.map(({ owner, endedBy }) => [owner, endedBy]),
    [['198.51.100.80', 'capture-end']],
  );
});

test('after a clock step every packet of the evidence has the time of its frame', async () => {
  const story = exchange({ at: 1000 });
  story.now = 5;
  story.send('client', 'PA', { payload: 10 }).rstFrom('server');
  const outcome = await analyse(story.packets);
  const { packets } = reset(outcome);
  assert.ok(packets.length > 0);
  const times = story.packets.map(({ t }) => Math.round(t * 1000));
  const base = Math.round(packets.at(-1)!.at / 1e6) - times.at(-1)!;
  for (const { frame, at } of packets) assert.equal(Math.round(at / 1e6), times[frame - 1] + base, `frame ${frame}`);
});

/** Connections of one tuple that never close, each told once, and not kept until the capture ends. */
for (const [situation, tell] of [
  ['attempts', (at: number, first: Conversation) => first.reopen(0, { at }).syn()],
  ['connections whose SYN-ACKs were lost', (at: number, first: Conversation) => halfSeen(first.reopen(0, { at }))],
] as const) {
  test(`three ${situation} on the tuple of an open connection`, async () => {
    const first = exchange();
    for (const at of [40, 80, 120]) tell(at, first);
    const later = Array.from({ length: 100 }, (_, i) => exchange({ client: '192.0.2.99:5555', at: 121 + i * 50 }));
    const { flows, findings } = await analyse(together(first, ...later));
    const rows = flows.filter(({ clientPort }) => clientPort === 40_000);
    assert.deepEqual(rows.map(({ firstAt }) => Math.floor(firstAt / SECOND)).sort(), [0, 40, 80, 120].sort());
    const place = flows.findIndex(({ clientPort, firstAt }) => clientPort === 40_000 && firstAt === 0);
    assert.ok(place < flows.length / 2, 'the first is told in its time');
    const reuse = findings.filter(({ rule, clientPort }) => rule === 'port-reuse' && clientPort === 40_000);
    assert.deepEqual(
      reuse.map(({ evidence }) => evidence.class),
      ['open', 'open', 'open'],
    );
  });
}

/** Established, without its SYN-ACK in the capture. */
function halfSeen(story: Conversation): Conversation {
  story.syn().synAck();
  story.packets.pop();
  return story.ack('client').request();
}

test('a SYN-ACK whose SYN was not captured ends the TIME_WAIT as a SYN does', async () => {
  const old = serverCloses();
  const next = old.reopen(5).syn();
  next.packets.pop();
  next.synAck().ack('client');
  const { timeWaits } = await analyse(old.packets);
  assert.deepEqual(
    timeWaits.map(({ ownerPort, endedBy, end }) => [ownerPort, endedBy, end]),
    [[80, 'syn', Math.round(next.packets.at(-2)!.t * 1e9)]],
  );
});

test('one segment with cut options does not erase what whole SYNs said of timestamps', async () => {
  const old = serverCloses({ client: new Host('192.0.2.10', { timestamps: false }) });
  old.reopen(5).handshake();
  const sack = [1, 1, 5, 26, ...new Array<number>(24).fill(1)];
  const cut = old.packets.map((packet, i) => (i === 4 ? { ...packet, options: sack, snap: 70 } : packet));
  const evidence = async (packets: readonly Packet[]): Promise<unknown> =>
    (await analyse(packets)).findings[0].evidence;
  assert.deepEqual(await evidence(cut), await evidence(old.packets));
  assert.equal(((await evidence(cut)) as { verdict: string }).verdict, 'ACCEPT_SEQ');
});

test("Zeek's REJ is a refused attempt, its RSTR a connection that the server reset", async () => {
  const state = async (packets: readonly Packet[]): Promise<string> => (await analyse(packets)).flows[0].connState;
  assert.equal(await state(new Conversation().syn().refuse().packets), 'REJ');
  assert.equal(await state(handshake().rstFrom('server').packets), 'RSTR');
  // Without its handshake, closed by the client before the server resets.
  const late = exchange().fin('client');
  late.bareRst('server', { seq: late.server.nxt });
  assert.equal(await state(late.packets.slice(3)), 'RSTR');
});
