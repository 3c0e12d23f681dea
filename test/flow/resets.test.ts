/** What an RST is called, class by class and at the edges of the window (docs/rules.md D3, B4). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type Changes,
  Conversation,
  clientCloses,
  type End,
  exchange,
  handshake,
  type Setup,
  serverCloses,
  TW_ISN_STEP,
} from '../build/conversation.ts';
import { Host } from '../build/host.ts';
import { follow, resets, reuse, timeWaits } from './follow.ts';

const classes = async (story: Conversation): Promise<unknown[]> => resets(await follow(story));

/** Windows of `exchange()`: 502 shifted by 7. */
const WINDOW = 502 << 7;

const CLASSES: readonly (readonly [string, string, () => Conversation])[] = [
  ['a closed port', 'refused', () => new Conversation().syn().refuse()],
  [
    'a closed port, to the third SYN',
    'refused',
    () => new Conversation().syn().wait(1).synAgain().wait(2).synAgain().refuse(),
  ],
  [
    'an RST in answer to a SYN, of another number',
    'ineffective',
    () => new Conversation().syn().refuse({ ack: 12345 }),
  ],
  ['an RST without ACK in answer to a SYN', 'ineffective', () => new Conversation().syn().bareRst('server')],
  [
    'the client gives up',
    'client-abort-syn',
    () => {
      const c = new Conversation().syn();
      return c.bareRst('client', { seq: c.client.nxt });
    },
  ],
  [
    'an ACK that belongs to nothing, and the client resets at its number',
    'answer-to-old-ack',
    () => new Conversation().syn().send('server', 'A', { ack: 777 }).bareRst('client', { seq: 777 }),
  ],
  [
    'an ACK that belongs to nothing, and the client resets at another number',
    'client-abort-syn',
    () => new Conversation().syn().send('server', 'A', { ack: 777 }).bareRst('client', { seq: 778 }),
  ],
  [
    'backscatter',
    'unsolicited-synack',
    () => new Conversation().synAck({ ack: 4711 }).bareRst('client', { seq: 4711 }),
  ],
  ['the client resets the SYN-ACK', 'handshake-abort', () => new Conversation().syn().synAck().bareRst('client')],
  ['the server takes its SYN-ACK back', 'handshake-abort', () => new Conversation().syn().synAck().bareRst('server')],
  ['a full accept queue', 'handshake-abort', () => handshake().bareRst('server')],
  ['a server, within a second of its SYN-ACK', 'handshake-abort', () => handshake().wait(0.9).bareRst('server')],
  ['a server, more than a second after its SYN-ACK', 'no-state', () => handshake().wait(1.1).bareRst('server')],
  ['the server aborts', 'abort', () => exchange().rstFrom('server')],
  ['the client aborts', 'abort', () => exchange().rstFrom('client')],
  [
    'a server that knows nothing',
    'no-state',
    () => exchange().wait(300).send('client', 'PA', { payload: 5 }).bareRst('server'),
  ],
  [
    'a client that knows nothing',
    'no-state',
    () => exchange().wait(300).send('server', 'PA', { payload: 5 }).bareRst('client'),
  ],
  [
    'abort after the FIN of the other',
    'abort-after-peer-fin',
    () => exchange().fin('client').ack('server').rstFrom('server'),
  ],
  ['abort after its own FIN', 'after-own-fin', () => exchange().fin('client').ack('server').rstFrom('client')],
  [
    'data to an end that has closed',
    'after-own-fin',
    () => exchange().fin('server').ack('client').send('client', 'PA', { payload: 9 }).bareRst('server'),
  ],
  ['at the expected number of a TIME_WAIT', 'tw-assassination', () => serverCloses().bareRst('client')],
  [
    'a number beside it',
    'tw-ignored',
    () => {
      const c = serverCloses();
      return c.bareRst('client', { seq: c.client.nxt + 1 });
    },
  ],
  [
    'an older timestamp',
    'tw-ignored',
    () => {
      const c = serverCloses();
      return c.rstFrom('client', { tsval: c.server.tsRecent - 1 });
    },
  ],
  [
    'an equal timestamp',
    'tw-assassination',
    () => {
      const c = serverCloses();
      return c.rstFrom('client', { tsval: c.server.tsRecent });
    },
  ],
  [
    'in answer to a repeated FIN',
    'tw-missing',
    () => exchange().fin('server').ack('client').fin('client').wait(1).finAgain('client').bareRst('server'),
  ],
  [
    'more than a second after the repeated FIN',
    'after-own-fin',
    () => exchange().fin('server').ack('client').fin('client').wait(1).finAgain('client').wait(1.1).bareRst('server'),
  ],
  [
    'in answer to data that crossed its FIN, after that was acknowledged by a repeated one',
    'after-own-fin',
    () => {
      const c = exchange().send('client', 'PA', { payload: 64, lost: true }).fin('client', { lost: true });
      const { nxt } = c.server;
      return c.fin('server').finAgain('client').bareRst('server', { seq: nxt });
    },
  ],
  [
    'in answer to a repeated FIN with data that was never acknowledged',
    'after-own-fin',
    () => {
      const c = exchange().fin('server').ack('client').send('client', 'FPA', { payload: 418, lost: true });
      return c
        .wait(1)
        .send('client', 'FPA', { payload: 418, seq: c.client.nxt - 419 })
        .bareRst('server');
    },
  ],
  ['to the end that closed second', 'after-close', () => clientCloses().wait(5).bareRst('client')],
  ['after the TIME_WAIT is over', 'after-close', () => serverCloses().wait(61).bareRst('client')],
  ['of a connection from before the capture', 'no-flow', () => new Conversation().bareRst('server', { seq: 123 })],
];
test('RST: to a FIN that comes again after an RST has ended the TIME_WAIT: nothing is missing', async () => {
  const c = serverCloses();
  c.wait(1).bareRst('client', { seq: c.client.nxt }).wait(1).finAgain('client').bareRst('server');
  assert.deepEqual(await classes(c), ['tw-assassination', 'after-close']);
});

for (const [name, kind, story] of CLASSES) {
  test(`RST: ${name}: ${kind}`, async () => assert.deepEqual(await classes(story()), [kind]));
}

test('further RSTs are told once more, and once only', async () => {
  const c = exchange().rstFrom('server');
  for (let i = 0; i < 5; i++) c.wait(0.02).rstFrom('server');
  assert.deepEqual(await classes(c), ['abort', 'repeat']);
});

test('an RST from outside the capture, again and again, is one and its repetitions', async () => {
  const c = new Conversation();
  for (let i = 0; i < 5; i++) c.wait(1).bareRst('server', { seq: 500 });
  assert.deepEqual(await classes(c), ['no-flow', 'repeat']);
});

/** Sends an RST of `from` so far past what the other end expects. */
const offBy = (distance: number, from: End = 'server', story = exchange()): Conversation =>
  story.bareRst(from, { seq: (story[from].nxt + distance) >>> 0 });

const EDGES: readonly (readonly [string, number, string])[] = [
  ['exactly at the expected number', 0, 'no-state'],
  ['one past it', 1, 'challenged'],
  ['at the last byte of the scaled window', WINDOW - 1, 'challenged'],
  ['at the right edge of the window', WINDOW, 'ineffective'],
  ['one before the expected number', -1, 'ineffective'],
  ['2^31 away', 2 ** 31, 'ineffective'],
  ['just short of 2^31 away', 2 ** 31 - 1, 'ineffective'],
];
for (const [name, distance, kind] of EDGES) {
  for (const from of ['client', 'server'] as const) {
    test(`RST by the ${from} ${name}: ${kind}`, async () => {
      assert.deepEqual(await classes(offBy(distance, from)), [kind]);
    });
  }
}

test('where one side does not scale, neither window is scaled', async () => {
  const unscaled = (from: End): Conversation => {
    const c = new Conversation();
    const without: Changes = { options: [1, 1, 1, 1] };
    c.syn(from === 'client' ? without : {}).synAck(from === 'server' ? without : {});
    return c.ack('client').request().response();
  };
  for (const end of ['client', 'server'] as const) {
    assert.deepEqual(await classes(offBy(501, 'server', unscaled(end))), ['challenged']);
    assert.deepEqual(await classes(offBy(502, 'server', unscaled(end))), ['ineffective']);
  }
});

test('a closed window lets only the exact number through', async () => {
  const full = (): Conversation => exchange().ack('client', { window: 0 });
  assert.deepEqual(await classes(offBy(1, 'server', full())), ['ineffective']);
  assert.deepEqual(await classes(full().rstFrom('server')), ['abort']);
});

test('an RST behind data on its way continues it', async () => {
  const inFlight = (): Conversation =>
    exchange().send('server', 'PA', { payload: 500 }).send('server', 'PA', { payload: 500 });
  assert.deepEqual(await classes(inFlight().rstFrom('server')), ['abort']);
  // Between the two segments it is inside the window only.
  const between = inFlight();
  assert.deepEqual(await classes(between.rstFrom('server', { seq: between.server.nxt - 500 })), ['challenged']);
  // At what the client has acknowledged the data may have been lost.
  const lost = inFlight();
  assert.deepEqual(await classes(lost.rstFrom('server', { seq: lost.server.nxt - 1000 })), ['abort']);
});

test('an RST at the number of the FIN itself resets', async () => {
  const c = exchange().fin('server').ack('client');
  assert.deepEqual(await classes(c.bareRst('server', { seq: c.server.nxt - 1 })), ['after-own-fin']);
  const beside = exchange().fin('server').ack('client');
  assert.deepEqual(await classes(beside.bareRst('server', { seq: beside.server.nxt - 2 })), ['ineffective']);
});

test('what a challenged or ignored RST leaves behind is a living connection', async () => {
  for (const distance of [1, -1, WINDOW]) {
    const c = offBy(distance);
    const outcome = await follow(c.request().response().serverCloses());
    assert.deepEqual(
      outcome.flows.map(f => f.close),
      ['fin'],
    );
    assert.equal(outcome.timeWaits.length, 1);
  }
});

test('an RST that its sender knows nothing of leaves a living connection, also where the next thing it says is its FIN', async () => {
  for (const saysMore of [true, false]) {
    const c = exchange().wait(1).bareRst('server', { ttl: 40 }).wait(1);
    if (saysMore) c.response();
    c.serverCloses().reopen(10).handshake().clientCloses();
    const outcome = await follow(c);
    assert.deepEqual(
      outcome.flows.map(f => f.close),
      ['fin', 'fin'],
    );
    const { class: kind, owner } = reuse(outcome);
    assert.deepEqual([kind, owner], ['in-time-wait', 'server']);
  }
});

test('the classes do not depend on where the numbers lie', async () => {
  const isns = [0, 2 ** 31 - 300, 2 ** 31, 2 ** 32 - 1];
  for (const clientIsn of isns) {
    for (const serverIsn of isns) {
      const at: Setup = { clientIsn, serverIsn };
      for (const [distance, kind] of [
        [0, 'no-state'],
        [1, 'challenged'],
        [WINDOW - 1, 'challenged'],
        [WINDOW, 'ineffective'],
        [-1, 'ineffective'],
      ] as const) {
        assert.deepEqual(await classes(offBy(distance, 'server', exchange(at))), [kind], `${clientIsn} ${serverIsn}`);
      }
      assert.deepEqual(await classes(serverCloses(at).bareRst('client')), ['tw-assassination']);
      assert.deepEqual(await classes(new Conversation(at).syn().refuse()), ['refused']);
    }
  }
});

test('one direction only: the sender’s own numbers tell', async () => {
  const halves = (story: Conversation): Conversation => {
    const only = story.packets.filter(p => p.sport === 80);
    story.packets.splice(0, story.packets.length, ...only);
    return story;
  };
  assert.deepEqual(await classes(halves(exchange().rstFrom('server'))), ['abort']);
  assert.deepEqual(await classes(halves(handshake().rstFrom('server'))), ['handshake-abort']);
  const joined = exchange().rstFrom('server');
  joined.packets.splice(0, 4);
  assert.deepEqual(await classes(halves(joined)), ['abort']);
});

test('joined in the middle, a window is taken for one of the usual scale', async () => {
  const middle = (distance: number): Conversation => {
    const c = offBy(distance);
    c.packets.splice(0, 3);
    return c;
  };
  assert.deepEqual(await classes(middle(WINDOW - 1)), ['challenged']);
  assert.deepEqual(await classes(middle(WINDOW)), ['ineffective']);
});

test('an RST with SYN is an RST', async () => {
  const c = exchange();
  assert.deepEqual(await classes(c.send('client', 'SR', { bare: true, ack: 0 })), ['no-state']);
});

test('a client without timestamps is reset like any other', async () => {
  const client = new Host('192.0.2.10', { timestamps: false });
  assert.deepEqual(await classes(serverCloses({ client, clientPort: 40000 }).bareRst('client')), ['tw-assassination']);
});

test('an RST that answers the FIN which should have led to TIME_WAIT disproves it', async () => {
  const c = exchange().fin('server').ack('client').fin('client').bareRst('server');
  assert.deepEqual(timeWaits(await follow(c)), []);
  const acked = exchange().serverCloses().wait(0.2).bareRst('server');
  assert.equal(timeWaits(await follow(acked)).length, 1, 'it had answered the FIN with an ACK');
});

test('a late copy of a FIN, which its owner had acknowledged, finds no TIME_WAIT: nobody waits for an answer', async () => {
  const c = serverCloses();
  const fin = c.packets.findLast(({ flags, sport }) => flags === 'FA' && sport !== 80)!;
  c.wait(0.3);
  c.packets.push({ ...fin, t: c.now });
  const late = c.wait(0.005).bareRst('server');
  assert.deepEqual(await classes(late), ['after-close']);
  assert.match(timeWaits(await follow(late))[0]!, / to 0\.360 rst$/);
  assert.deepEqual(await classes(serverCloses().wait(0.3).finAgain('client').bareRst('server')), ['tw-missing']);
});

test('a TIME_WAIT that has shown itself is not missing when its owner answers by RST: the capture lacks what ended it', async () => {
  const closed = (ipId: number): Conversation => serverCloses().wait(0.2).finAgain('client').ack('server', { ipId });
  const again = (c: Conversation): Conversation => c.wait(0.2).finAgain('client').bareRst('server');
  assert.deepEqual(await classes(again(closed(0))), ['after-close']);
  assert.deepEqual(timeWaits(await follow(again(closed(0)))), ['198.51.100.80:80 0.045 restarted 0.465 to 0.470 rst']);
  assert.deepEqual(await classes(again(closed(4711))), ['tw-missing'], 'a full socket has acknowledged the FIN');
  // It was over already when it answered a late segment of another kind.
  const late = closed(4711).wait(0.1).send('client', 'A', { seq: 1 }).bareRst('server');
  assert.deepEqual(await classes(again(late)), ['after-close', 'after-close']);
  assert.match(timeWaits(await follow(late))[0]!, / to 0\.370 rst$/);
});

/** Measured on 6.18 with tcp_rfc1337=1: no RST ends the TIME_WAIT, and each SYN that PAWS refuses starts its timer anew. */
test('a TIME_WAIT that answers after the RST goes on, and no later RST ends it', async () => {
  const old = serverCloses({ client: new Host('192.0.2.10', { boot: 50_000_000 }), clientIsn: 1000, rtt: 0.01 });
  const behind = new Host('192.0.2.10', { boot: 10_000_000 });
  const refused = (next: Conversation, rounds: number): Conversation => {
    for (let i = 0; i < rounds; i++) {
      if (i > 0) next.wait(0.99).synAgain();
      old.oldAck(next).now = next.now;
      next.bareRst('client', { seq: old.server.rcvNxt });
    }
    return next;
  };
  old.wait(10 - old.now);
  const first = refused(old.reopen(0, { client: behind, clientIsn: 500 }).syn(), 3);
  const second = refused(first.reopen(5, { client: behind, clientIsn: 700 }).syn(), 2);
  const lastSyn = second.packets.findLast(({ flags }) => flags === 'S')!.t;
  const outcome = await follow([old, new Conversation({ client: '192.0.2.99:5', at: 300 }).handshake()]);
  assert.deepEqual(timeWaits(outcome), [
    '198.51.100.80:80 0.045 restarted 10.000 to 10.010 rst',
    `198.51.100.80:80 10.010 restarted ${lastSyn.toFixed(3)} to ${(lastSyn + 60).toFixed(3)} timer`,
  ]);
  const reuses = outcome.findings.filter(f => f.rule === 'port-reuse').map(f => f.evidence);
  assert.deepEqual(
    reuses.map(e => [e.class, e.owner, e.verdict, e.outcome]),
    [
      ['in-time-wait', 'server', 'ACK_PAWS', 'challenge-ack>rst'],
      ['in-time-wait', 'server', 'ACK_PAWS', 'challenge-ack>rst'],
    ],
  );
  assert.deepEqual(
    resets(outcome).filter(kind => kind === 'tw-assassination'),
    ['tw-assassination'],
  );
});

/** Closed by the server, then an RST at the number that ends its TIME_WAIT, in answer to a SYN of a machine behind. */
function resetAfterClose(clientPort: number, at: number): { old: Conversation; next: Conversation } {
  const old = serverCloses({ client: new Host('192.0.2.10', { boot: 50_000_000 }), clientPort, clientIsn: 1000, at });
  const next = old.reopen(5, { client: new Host('192.0.2.10', { boot: 10_000_000 }), clientIsn: 500 }).syn();
  old.oldAck(next).now = next.now;
  next.bareRst('client', { seq: old.server.rcvNxt });
  return { old, next };
}
const muchLater = (): Conversation => new Conversation({ client: '192.0.2.99:5', at: 400 }).handshake();
/** A machine ahead takes the tuple, and the server goes on from its old numbers. */
const takenOver = ({ old, next }: ReturnType<typeof resetAfterClose>): Conversation =>
  next.reopen(5, { client: new Host('192.0.2.10', { boot: 90_000_000 }), serverIsn: old.server.nxt + TW_ISN_STEP });
const rstOf = ({ next }: ReturnType<typeof resetAfterClose>): string =>
  next.packets.find(({ flags }) => flags === 'R')!.t.toFixed(3);

test('a SYN accepted out of a TIME_WAIT that an RST should have ended: it was there all the time', async () => {
  const story = resetAfterClose(40_000, 0);
  const again = takenOver(story).handshake();
  const syn = again.packets.findLast(({ flags }) => flags === 'S')!.t.toFixed(3);
  const outcome = await follow([again, muchLater()]);
  assert.deepEqual(timeWaits(outcome), [
    `198.51.100.80:80 0.045 restarted 5.055 to ${rstOf(story)} rst`,
    `198.51.100.80:80 ${rstOf(story)} to ${syn} syn`,
  ]);
  const last = outcome.findings.findLast(f => f.rule === 'port-reuse')!;
  assert.match(last.title, /after an RST that should have ended its TIME_WAIT: accepted out of TIME_WAIT/);
  const revealed = outcome.findings.filter(f => f.rule === 'revealed-setting').map(f => f.evidence);
  assert.deepEqual(
    revealed.map(e => [e.setting, e.proof]),
    [['tcp_rfc1337', 'isn-after-rst']],
  );
});

test('a server that twice kept a TIME_WAIT in spite of an RST keeps those of ports that are not used again', async () => {
  const kept = [40_000, 40_002].map((port, i) => takenOver(resetAfterClose(port, i)).handshake());
  const unused = resetAfterClose(40_004, 3);
  const rows = timeWaits(await follow([...kept, unused.next, muchLater()]));
  assert.equal(rows.filter(row => row.includes(rstOf(unused))).length, 2, rows.join('\n'));
  assert.equal(rows.at(-1), `198.51.100.80:80 ${rstOf(unused)} to 68.055 timer`);
  const once = timeWaits(await follow([kept[0], unused.next, muchLater()]));
  assert.equal(once.filter(row => row.includes(rstOf(unused))).length, 1, 'one RST may have been lost');
});

test('a SYN accepted with an ISN of its own after the RST: the TIME_WAIT was gone, and so are those of other ports', async () => {
  const kept = [40_000, 40_002].map((port, i) => takenOver(resetAfterClose(port, i)).handshake());
  const fresh = resetAfterClose(40_004, 20).next.reopen(5, { client: new Host('192.0.2.10', { boot: 90_000_000 }) });
  fresh.handshake();
  const rows = timeWaits(await follow([...kept, fresh, resetAfterClose(40_006, 40).next, muchLater()]));
  assert.match(rows.at(-1)!, / rst$/);
  const last = (await follow([fresh, muchLater()])).findings.findLast(f => f.rule === 'port-reuse')!;
  assert.match(last.title, /after an RST that ended its TIME_WAIT: accepted after/);
});

test('a TIME_WAIT that an RST should have ended, and that answers a later attempt, was there all the time', async () => {
  const old = serverCloses({ client: new Host('192.0.2.10', { boot: 50_000_000 }), clientIsn: 1000 });
  const behind = new Host('192.0.2.10', { boot: 10_000_000 });
  const refused = (next: Conversation): Conversation => {
    old.oldAck(next).now = next.now;
    return next.bareRst('client', { seq: old.server.rcvNxt });
  };
  old.wait(10 - old.now);
  const first = refused(old.reopen(0, { client: behind, clientIsn: 500 }).syn());
  const second = refused(first.reopen(5, { client: behind, clientIsn: 700 }).syn());
  const outcome = await follow([old, new Conversation({ client: '192.0.2.99:5', at: 300 }).handshake()]);
  const answered = second.packets.findLast(({ flags }) => flags === 'A')!.t;
  assert.deepEqual(timeWaits(outcome), [
    '198.51.100.80:80 0.045 restarted 10.000 to 10.010 rst',
    `198.51.100.80:80 10.010 restarted ${answered.toFixed(3)} to ${(answered + 60).toFixed(3)} timer`,
  ]);
  const [, later] = outcome.findings.filter(f => f.rule === 'port-reuse');
  assert.match(later!.title, /after an RST that should have ended its TIME_WAIT: answered with an ACK of the old/);
  const [revealed] = outcome.findings.filter(f => f.rule === 'revealed-setting');
  assert.deepEqual([revealed?.evidence.setting, revealed?.evidence.value], ['tcp_rfc1337', 1]);
});
