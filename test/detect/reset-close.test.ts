/** What `reset-close` says of an RST: title, severity, and the hints about who sent it and why. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { adviceFor } from '../../src/detect/advice/index.ts';
import type { Finding } from '../../src/detect/finding.ts';
import { RESET_CLASSES } from '../../src/flow/resets.ts';
import {
  type Changes,
  Conversation,
  clientCloses,
  exchange,
  handshake,
  serverCloses,
  TW_ISN_STEP,
} from '../build/conversation.ts';
import { Host } from '../build/host.ts';
import { givenUp, returnPathCut, unheardProbes } from '../build/situations/return-path-cut.ts';
import { follow } from '../flow/follow.ts';

const told = async (story: Conversation): Promise<Finding[]> =>
  (await follow(story)).findings.filter(f => f.rule === 'reset-close');

const hints = async (story: Conversation): Promise<readonly string[]> => {
  const [finding, ...more] = await told(story);
  assert.equal(more.filter(f => f.evidence.class !== 'repeat').length, 0);
  return finding!.evidence.hints as string[];
};

const resetAt = (c: Conversation, from: 'client' | 'server', distance: number): Conversation =>
  c.bareRst(from, { seq: c[from].nxt + distance });

/** Class, severity, effective, what the title must say. */
const CLASSES: readonly (readonly [string, string, boolean | undefined, RegExp, () => Conversation])[] = [
  ['refused', 'warning', true, /refused: likely no listener, or a firewall/, () => new Conversation().syn().refuse()],
  [
    'answer-to-old-ack',
    'info',
    undefined,
    /SYN was answered with an ACK that does not acknowledge it$/,
    () => new Conversation().syn().send('server', 'A', { ack: 777 }).bareRst('client', { seq: 777 }),
  ],
  ['client-abort-syn', 'info', true, /gives up its SYN/, () => resetAt(new Conversation().syn(), 'client', 0)],
  [
    'unsolicited-synack',
    'info',
    true,
    /^A SYN-ACK is reset by its target: this capture has no SYN to its sender that it answers$/,
    () => new Conversation().synAck({ ack: 4711 }).bareRst('client', { seq: 4711 }),
  ],
  [
    'handshake-abort',
    'info',
    true,
    /^The client resets before the connection is in use/,
    () => new Conversation().syn().synAck().bareRst('client'),
  ],
  [
    'tw-assassination',
    'notice',
    undefined,
    /^An RST at its expected number meets the server's TIME_WAIT/,
    () => serverCloses().wait(1).bareRst('client'),
  ],
  [
    'tw-ignored',
    'info',
    false,
    /^An RST to the server's TIME_WAIT should have no effect: wrong/,
    () => resetAt(serverCloses(), 'client', 1),
  ],
  [
    'tw-missing',
    'warning',
    true,
    /^The server should be in TIME_WAIT but answers a repeated FIN with RST: likely it keeps no TIME_WAIT$/,
    () => exchange().fin('server').ack('client').fin('client').wait(1).finAgain('client').bareRst('server'),
  ],
  ['after-close', 'info', false, /after the connection was closed/, () => clientCloses().wait(5).bareRst('client')],
  [
    'challenged',
    'notice',
    false,
    /^An RST inside the client's window but not at its expected number/,
    () => resetAt(exchange(), 'server', 1),
  ],
  [
    'ineffective',
    'notice',
    false,
    /^An RST outside the server's window, which its receiver should ignore: it answers/,
    () => resetAt(exchange(), 'client', -1),
  ],
  [
    'after-own-fin',
    'info',
    true,
    /^The server resets after its own FIN/,
    () => exchange().fin('server').ack('client').request().bareRst('server'),
  ],
  [
    'abort-after-peer-fin',
    'warning',
    true,
    /^The server answers the other end's FIN with an abort/,
    () => exchange().fin('client').ack('server').rstFrom('server'),
  ],
  ['abort', 'warning', true, /^The client aborts/, () => exchange().rstFrom('client')],
  [
    'no-state',
    'warning',
    true,
    /^The server likely no longer has the connection/,
    () => exchange().wait(200).send('client', 'PA', { payload: 5 }).bareRst('server'),
  ],
  ['no-flow', 'info', true, /of which this capture shows nothing else/, () => new Conversation().bareRst('server')],
];

test('each class has its row here', () => {
  const rows = new Set(CLASSES.map(([kind]) => kind));
  assert.deepEqual(
    RESET_CLASSES.filter(kind => !rows.has(kind)),
    ['repeat'],
  );
});

for (const [kind, severity, effective, title, story] of CLASSES) {
  test(`${kind}: ${severity}, ${effective === undefined ? 'with unknown effect' : effective ? 'effective' : 'without effect'}`, async () => {
    const [finding] = await told(story());
    assert.equal(finding!.evidence.class, kind);
    assert.equal(finding!.severity, severity);
    assert.equal(finding!.evidence.effective, effective);
    assert.match(finding!.title, title);
    const [rst] = finding!.packets.filter(p => p.frame === finding!.frame);
    assert.equal(rst!.note, `RST: ${kind}`);
    assert.ok(finding!.packets.length <= 8);
  });
}

test('the last packet of each end stands before the RST, oldest first', async () => {
  const [finding] = await told(exchange().rstFrom('server'));
  assert.deepEqual(
    finding!.packets.map(p => [p.frame, p.flags, p.fromClient, p.note]),
    [
      [6, 'PA', false, 'last packet of the end that resets'],
      [7, 'A', true, 'last packet of the other end'],
      [8, 'RA', false, 'RST: abort'],
    ],
  );
});

test('joined in the middle, who is the client is a guess: weak', async () => {
  const c = exchange().rstFrom('server');
  c.packets.splice(0, 3);
  assert.equal((await told(c))[0].confidence, 'weak');
});

test('an ordinary abort has no sign of a middlebox', async () => {
  for (const from of ['client', 'server'] as const) {
    assert.deepEqual(
      (await hints(exchange().wait(2).rstFrom(from))).filter(hint => hint !== 'linger0'),
      [],
    );
  }
});

test('ttl: further off than routes change it', async () => {
  for (const [ttl, expected] of [
    [62, false],
    [66, false],
    [61, true],
    [67, true],
    [255, true],
  ] as const) {
    assert.equal((await hints(exchange().rstFrom('server', { ttl }))).includes('ttl'), expected, `TTL ${ttl}`);
  }
});

test('ip-id: 0 in an abort of a host that counts, but not in a stateless answer', async () => {
  assert.ok((await hints(exchange().rstFrom('server', { ipId: 0 }))).includes('ip-id'));
  assert.ok(!(await hints(exchange().wait(1).bareRst('server'))).includes('ip-id'));
});

test('ip-id: a number from a host that always sends 0', async () => {
  const zero = new Host('198.51.100.80');
  zero.ipId = () => 0;
  assert.ok((await hints(exchange({ server: zero }).rstFrom('server', { ipId: 77 }))).includes('ip-id'));
  assert.ok(!(await hints(exchange({ server: zero }).rstFrom('server'))).includes('ip-id'));
});

test('no-timestamp: an RST,ACK without the option in a connection that uses it', async () => {
  assert.ok((await hints(exchange().rstFrom('server', { bare: true }))).includes('no-timestamp'));
  assert.ok(!(await hints(exchange().bareRst('server'))).includes('no-timestamp'));
  const client = new Host('192.0.2.10', { timestamps: false });
  assert.ok(!(await hints(exchange({ client }).rstFrom('server'))).includes('no-timestamp'));
});

/** The server is 40 ms away; the RST comes so many milliseconds after the request. */
const reacting = (after: number): Conversation => {
  const c = handshake({ rtt: 0.08 }).send('client', 'PA', { payload: 100 });
  c.now = c.last.t + after / 1000;
  return c.rstFrom('server', { ipId: 40_000 }); // a counter of another machine;
};

test('a refusal whose SYN the capture lacks is no sign of a device, on an open, a closed or a reset connection', async () => {
  const later = (story: Conversation): Conversation => story.wait(30).refuse({ ack: story.client.nxt + 900_000_000 });
  for (const story of [exchange(), clientCloses(), exchange().rstFrom('server')]) {
    const finding = (await told(later(story))).at(-1)!;
    assert.match(
      finding.title,
      /^The server refuses another connection on these ports, most likely: .* not in this capture$/,
    );
    assert.equal(finding.evidence.refuses_unseen, true);
    assert.deepEqual(
      (finding.evidence.hints as string[]).filter(hint => /ip-id|time|middlebox/.test(hint)),
      [],
    );
    assert.match(adviceFor(finding).meaning, /the capture lacks that SYN/);
  }
  const forged = exchange().rstFrom('server', { bare: true, ipId: 0, seq: 0, ack: 1 });
  assert.ok((await hints(forged)).includes('middlebox-likely'), 'a window is none of a closed port');
});

test('faster-than-rtt: in less than half the time that its sender has ever needed', async () => {
  assert.ok((await hints(reacting(2))).includes('faster-than-rtt'));
  assert.ok(!(await hints(reacting(40))).includes('faster-than-rtt'));
});

/** A client 300 ms away: so many milliseconds after the server's data it resets. */
const clientReacts = (story: Conversation, after: number): Conversation => {
  story.send('server', 'PA', { payload: 300 }).wait(-story.rtt / 2 + after / 1000);
  return story.bareRst('client');
};

test('faster-than-rtt: of a client that has acknowledged data, no handshake alone, as that ACK may be delayed', async () => {
  const slow = (): Conversation => handshake({ rtt: 0.6 }).request();
  assert.ok(!(await hints(clientReacts(slow().fin('client').wait(1), 60))).includes('faster-than-rtt'));
  assert.ok((await hints(clientReacts(slow().response().wait(1), 60))).includes('faster-than-rtt'));
});

test('faster-than-rtt: the fastest answer counts, however slow the handshake was', async () => {
  const radioWakes = (): Conversation => {
    const story = handshake({ rtt: 0.6 })
      .request()
      .send('server', 'PA', { payload: 300 })
      .wait(-0.3 + 0.06);
    return story.ack('client').wait(2);
  };
  const own = clientReacts(radioWakes(), 60);
  assert.ok(!(await hints(own)).includes('faster-than-rtt'));
  const forged = clientReacts(radioWakes(), 20);
  assert.ok((await hints(forged)).includes('faster-than-rtt'));
});

test('faster-than-rtt: no handshake whose ACK was delayed until there was data, or not captured', async () => {
  const late = (): Conversation => new Conversation({ rtt: 0.002 }).syn().synAck().wait(0.16);
  for (const story of [late().send('client', 'PA', { payload: 100 }), late().fin('client')])
    assert.ok(!(await hints(clientReacts(story.ack('server').response().wait(0.3), 0.02))).includes('faster-than-rtt'));
});

test('faster-than-rtt: not where the round trip is too short to tell', async () => {
  const c = handshake({ rtt: 0.0004 }).send('client', 'PA', { payload: 100 });
  c.now = c.last.t + 0.00001;
  assert.ok(!(await hints(c.rstFrom('server'))).includes('faster-than-rtt'));
});

test('idle-timer: within 2 % of the timers of load balancers', async () => {
  for (const [silence, expected] of [
    [60, true],
    [61.1, true],
    [58.9, true],
    [62, false],
    [240, true],
    [350, true],
    [357.5, false],
    [100, false],
  ] as const) {
    const found = await hints(exchange().wait(silence).rstFrom('server'));
    assert.equal(found.includes('idle-timer'), expected, `${silence} s`);
  }
});

test('idle-timer: the request that is answered with an RST does not count as activity', async () => {
  const late = exchange().wait(350).send('client', 'PA', { payload: 5 }).bareRst('server');
  const [finding] = await told(late);
  assert.ok((finding!.evidence.hints as string[]).includes('idle-timer'));
  assert.ok(Math.abs((finding!.evidence.idle as number) - 350) < 0.1);
});

test('stepped-seq: guesses in steps', async () => {
  const c = exchange();
  const { nxt } = c.server;
  for (const step of [0, 1460, 2920]) c.wait(0.006).bareRst('server', { seq: nxt + step });
  assert.ok((await hints(c)).includes('stepped-seq'));
  const same = exchange();
  for (let i = 0; i < 3; i++) same.wait(0.006).bareRst('server', { seq: nxt });
  assert.ok(!(await hints(same)).includes('stepped-seq'));
});

test('sender-continues: who goes on did not send the RST', async () => {
  const c = exchange().rstFrom('server').wait(0.1).response();
  const [finding] = await told(c);
  assert.deepEqual((finding!.evidence.hints as string[]).slice(-2), ['sender-continues', 'middlebox-likely']);
  assert.equal(finding!.evidence.effective, true);
  assert.match(finding!.title, /^A middlebox sent this RST in the name of the \w+, most likely; /);
  assert.equal(finding!.packets.at(-1)!.note, 'the sender of the RST goes on');
});

test('sender-continues: not by what was on its way, nor by the other end, nor after ten seconds', async () => {
  const onItsWay = exchange().rstFrom('server');
  onItsWay.now = onItsWay.last.t + 0.019;
  const others = exchange().rstFrom('server').wait(0.1).send('client', 'PA', { payload: 5 });
  const late = exchange().rstFrom('server').wait(10.1).response();
  for (const story of [onItsWay.send('server', 'PA', { payload: 5 }), others, late]) {
    assert.ok(!(await hints(story)).includes('sender-continues'));
  }
});

test('sender-continues: only by what is new, since packets may be held back on the way', async () => {
  const { seq, tsval } = exchange().packets.findLast(({ flags }) => flags === 'PA')!;
  for (const after of [0.03, 0.3, 2]) {
    const heldBack = exchange().rstFrom('server').wait(after).send('server', 'PA', { payload: 500, seq, tsval });
    assert.ok(!(await hints(heldBack)).includes('sender-continues'), `${after} s later`);
  }
  const retransmitted = exchange().rstFrom('server').wait(2).send('server', 'PA', { payload: 500, seq });
  assert.ok((await hints(retransmitted)).includes('sender-continues'), 'the same data with a newer TSval');
  const fin = exchange().rstFrom('server').wait(5).fin('server');
  assert.ok((await hints(fin)).includes('sender-continues'));
});

test('sender-continues: not by a later connection of the tuple whose SYN the capture lacks', async () => {
  for (const [further, expected] of [
    [1_000, true],
    [869_900_924, false],
    [-869_900_924, false],
  ] as const) {
    const c = exchange().rstFrom('server').wait(0.4);
    c.server.nxt = (c.server.nxt + further) >>> 0;
    const later = c.send('server', 'PA', { payload: 500 }).fin('server');
    assert.equal((await hints(later)).includes('sender-continues'), expected, `${further} further on`);
  }
});

test('sender-continues: by a sender of which the capture shows nothing before, whatever its numbers', async () => {
  for (const serverIsn of [1_000, 3_000_000_000]) {
    const c = exchange({ serverIsn });
    c.packets.length = 0;
    c.send('client', 'PA', { payload: 5 }).bareRst('server').wait(0.4).send('server', 'PA', { payload: 500 });
    assert.ok((await hints(c)).includes('sender-continues'), `ISN ${serverIsn}`);
  }
});

test('idle: not where the capture begins with what the RST answers, as after a NAT that has forgotten it', async () => {
  const story = exchange().wait(5);
  story.packets.length = 0;
  const { finding, said } = await advised(story.send('client', 'PA', { payload: 2 }).bareRst('server'));
  assert.deepEqual([finding.evidence.class, finding.evidence.idle], ['no-state', undefined]);
  assert.match(
    finding.title,
    /^The server likely knows no connection of these addresses and ports, nor does this capture show/,
  );
  assert.match(finding.title, /; or a NAT or balancer lost its entry or let it expire, or the backend/);
  assert.match(said, /from another port/);
  assert.doesNotMatch(said, /no usual idle timer/);
  assert.match(said, /nf_conntrack_tcp_timeout_established/);
  const two = exchange().wait(5).send('client', 'PA', { payload: 2 });
  two.packets.splice(0, two.packets.length - 2);
  assert.ok(Math.abs(Number((await told(two.bareRst('server')))[0].evidence.idle) - 5) < 0.1);
});

test('the capture lacks the FIN of the end that resets, which the other acknowledged: nobody is accused', async () => {
  for (const withFin of [true, false]) {
    const c = exchange().fin('server').ack('client').fin('client').ack('server').wait(0.05).bareRst('client');
    if (!withFin) c.packets.splice(c.packets.length - 3, 1);
    const { finding, said, changes } = await advised(c);
    const expected = withFin ? ['tw-assassination', 'strong', undefined] : ['abort-after-peer-fin', 'weak', 'client'];
    assert.deepEqual([finding.evidence.class, finding.confidence, finding.evidence.unseen], expected);
    if (withFin) continue;
    assert.equal(finding.severity, 'info', 'a hole in the capture makes no fault of it');
    assert.match(
      finding.title,
      /^The client resets, and the capture lacks what it had sent before, .* perhaps its FIN/,
    );
    assert.doesNotMatch(finding.title + said, /no longer has|killed process|restarted/);
    assert.equal(changes, '');
  }
});

/** A SYN as Linux sends it, with MPTCP (RFC 8684): to join a connection (subtype 1), or to begin one (subtype 0). */
const mptcp = (subtype: number): { options: number[] } => ({
  options: [
    2,
    4,
    5,
    180,
    4,
    2,
    8,
    10,
    0,
    1,
    2,
    3,
    0,
    0,
    0,
    0,
    1,
    3,
    3,
    10,
    30,
    12,
    subtype << 4,
    1,
    7,
    7,
    7,
    7,
    9,
    9,
    9,
    9,
  ],
});

test('an MPTCP join whose token is gone is refused: nobody is said to have no listener', async () => {
  const join = await advised(new Conversation().syn(mptcp(1)).refuse());
  assert.deepEqual([join.finding.evidence.class, join.finding.evidence.mptcp_join], ['refused', true]);
  assert.match(join.finding.title, /^An MPTCP join is refused: .*its token/);
  assert.match(join.said, /MPTcpExtMPJoinNoTokenFound/);
  const [first] = await told(new Conversation().syn(mptcp(0)).refuse());
  assert.match(first!.title, /^Connection refused: likely no listener/, 'MP_CAPABLE is no join');
});

test('MPTCP joins that the server takes no more of are no full accept queue, for them or for SYNs without an answer', async () => {
  const join = new Conversation().syn(mptcp(1)).synAck().ack('client').bareRst('server');
  const lost = new Conversation({ clientPort: 40_001, at: 0.5 }).syn().wait(1).synAgain().wait(2).synAgain();
  const { findings } = await follow([join, lost, new Conversation({ client: '192.0.2.99:5', at: 200 }).handshake()]);
  const reset = findings.find(f => f.rule === 'reset-close')!;
  assert.deepEqual([reset.evidence.class, reset.evidence.mptcp_join], ['handshake-abort', true]);
  assert.match(reset.title, /^The server resets an MPTCP join .* limit of subflows/);
  assert.doesNotMatch(reset.title + adviceFor(reset).meaning, /accept queue|listener/);
  assert.equal(findings.find(f => f.rule === 'unanswered-syn')!.evidence.cause, 'unknown');
});

test('an MPTCP subflow in reserve that is reset with its connection is no health check, nor was a listener closed', async () => {
  for (const end of ['client', 'server'] as const)
    for (const seconds of [0.2, 40]) {
      const subflow = new Conversation().syn(mptcp(1)).synAck().ack('client').ack('server').wait(seconds).rstFrom(end);
      const { finding, said } = await advised(subflow);
      assert.deepEqual([finding.severity, finding.evidence.unused, finding.evidence.mptcp_join], ['info', true, true]);
      assert.match(finding.title, new RegExp(`^The ${end} resets a further subflow of an MPTCP connection`));
      assert.doesNotMatch(said, /health check|greeting|accepted/i);
    }
  const used = new Conversation().syn(mptcp(1)).synAck().ack('client').request().wait(2).rstFrom('client');
  assert.equal((await advised(used)).finding.severity, 'warning');
});

test('refused while the server takes others of the client on the port, before or after: no listener is no longer said', async () => {
  const refused = (at: number): Conversation => new Conversation({ clientPort: 40_001, at }).syn().refuse();
  for (const [name, other, at] of [
    ['before', clientCloses(), 20],
    ['after', clientCloses({ at: 20.5 }), 20],
  ] as const) {
    const { findings } = await follow([other, refused(at)]);
    const finding = findings.find(f => f.rule === 'reset-close')!;
    assert.deepEqual([finding.evidence.takes_others, finding.confidence], [true, 'proof'], name);
    assert.match(finding.title, /^Connection refused, though the server takes others on this port/, name);
    assert.doesNotMatch(adviceFor(finding).meaning, /nothing listens/, name);
  }
  const { findings } = await follow([clientCloses(), refused(100)]);
  assert.equal(findings.find(f => f.rule === 'reset-close')!.evidence.takes_others, undefined);
});

test('only the server was captured: what it acknowledges shows that the connection was in use before it aborts', async () => {
  const inUse = handshake().request().rstFrom('server');
  for (const [name, kept] of [
    ['an ACK of data before', [1, 4, 5]],
    ['its RST alone acknowledges data', [1, 5]],
  ] as const) {
    const packets = kept.map(i => inUse.packets[i]);
    const [finding] = (await follow(packets)).findings.filter(f => f.rule === 'reset-close');
    assert.deepEqual(
      [packets.at(-1)!.flags, finding!.evidence.class, finding!.confidence],
      ['RA', 'abort', 'weak'],
      name,
    );
    assert.doesNotMatch(finding!.title, /accept queue/);
  }
  const unused = handshake().rstFrom('server');
  const [early] = (await follow([1, 3].map(i => unused.packets[i]))).findings.filter(f => f.rule === 'reset-close');
  assert.equal(early!.evidence.class, 'handshake-abort', 'nothing but the SYN is acknowledged');
});

test('of a connection of which one direction was captured, nobody says why it was reset', async () => {
  const afterFin = exchange().fin('server').rstFrom('client');
  for (const story of [afterFin, exchange().rstFrom('client'), exchange().bareRst('client')]) {
    const { packets } = story;
    packets.splice(0, packets.length, ...packets.filter(({ sport }) => sport !== 80));
    const { finding, said } = await advised(story);
    assert.deepEqual([finding.severity, finding.confidence, finding.evidence.unseen], ['info', 'weak', 'server']);
    assert.match(
      finding.title,
      /^The client resets, and the capture has nothing of the server: perhaps the server had closed/,
    );
    assert.match(said, /where both directions pass/);
  }
});

test('of one direction a bare RST at a number that its sender had passed is no guess: it answers what was not captured', async () => {
  const onlyClient = (story: Conversation): Conversation => {
    story.packets.splice(0, story.packets.length, ...story.packets.filter(({ sport }) => sport !== 80));
    return story;
  };
  const unacked = exchange().send('client', 'PA', { payload: 4 });
  const seq = unacked.client.nxt - 4;
  const [open] = await told(onlyClient(unacked.wait(7).bareRst('client', { seq })));
  assert.deepEqual([open!.evidence.class, open!.severity, open!.confidence], ['no-state', 'info', 'weak']);
  const closed = exchange().send('client', 'PA', { payload: 4 }).fin('client').bareRst('client', { seq });
  const [after] = await told(onlyClient(closed));
  assert.deepEqual([after!.evidence.class, after!.severity], ['after-own-fin', 'info']);
  const beyond = exchange();
  const [guess] = await told(onlyClient(beyond.bareRst('client', { seq: beyond.client.nxt + 4 })));
  assert.equal(guess!.evidence.class, 'ineffective');
});

test('a server that aborts before data reaches it has nothing unread, as its RST acknowledges none', async () => {
  const c = handshake();
  const [finding] = await told(c.send('client', 'PA', { payload: 4, lost: true }).rstFrom('server'));
  assert.deepEqual([finding!.evidence.class, finding!.evidence.received_nothing], ['abort', true]);
  assert.doesNotMatch(finding!.title, /unread/);
});

test('of the end that resets only its RST was captured, while the other acknowledges a response: nobody is accused', async () => {
  for (const story of [exchange().rstFrom('server'), exchange().ack('client').bareRst('server')]) {
    const { packets } = story;
    const rst = packets.at(-1)!;
    packets.splice(0, packets.length, ...packets.filter(({ sport }) => sport !== 80), rst);
    const { finding, said } = await advised(story);
    assert.deepEqual([finding.severity, finding.confidence, finding.evidence.unseen], ['info', 'weak', 'server']);
    assert.match(finding.title, /^The server resets, and the capture lacks what it had sent before, which the client/);
    assert.match(said, /packets are missing/);
  }
  const joined = exchange().ack('client').bareRst('server');
  joined.packets.splice(0, joined.packets.length, ...joined.packets.slice(-2));
  const [finding] = await told(joined);
  assert.equal(finding!.evidence.unseen, undefined, 'acknowledged before the capture began, for all that is known');
});

test('a SYN and an RST of the client: before any answer only where the capture has anything of the server', async () => {
  const alone = await advised(new Conversation().syn().bareRst('client'));
  assert.deepEqual([alone.finding.confidence, alone.finding.evidence.unseen], ['weak', 'server']);
  assert.match(alone.finding.title, /no packet of the server, so whether an answer had come is not known/);
  assert.match(alone.said, /where both directions pass/);
  const next = exchange().reopen(3, { clientPort: 40_001 }).syn().bareRst('client');
  const [heard] = await told(next);
  assert.deepEqual([heard!.confidence, heard!.evidence.unseen], ['strong', undefined]);
  assert.match(heard!.title, /gives up its SYN before any answer/);
});

test('a FIN of a connection that a NAT forgot, with the address behind it: nobody is said to have lost one', async () => {
  const story = exchange();
  story.packets.length = 0;
  story.fin('client').bareRst('server', { seq: story.server.nxt });
  const [finding] = await told(story);
  assert.equal(finding!.confidence, 'weak');
  assert.match(
    finding!.title,
    /it likely knows no connection of these addresses and ports, nor does this capture show its/,
  );
  const known = exchange().fin('client');
  assert.match(
    (await told(known.bareRst('server', { seq: known.server.nxt })))[0].title,
    /: it likely no longer has the connection$/,
  );
});

test('a strange TTL alone: no middlebox is claimed, and the sentence says who else it may have been', async () => {
  const story = exchange({ client: new Host('192.0.2.10', { ttl: 63 }) }).fin('server');
  const [finding] = await told(story.bareRst('client', { seq: story.client.nxt, ttl: 64 }));
  assert.deepEqual(finding!.evidence.hints, ['ttl']);
  assert.match(finding!.title, /; but the TTL is not that of the client's other packets: a device on the way may have/);
});

/** An expired NAT entry: the gateway resets in the name of a client that knows nothing of it. */
test('the other end answers whoever goes on after an RST in its name', async () => {
  const goesOn = (after: number, flags: string): Conversation => {
    const c = exchange().wait(100).send('server', 'PA', { payload: 4 });
    c.bareRst('client', { seq: c.client.nxt, ttl: 64 });
    const goneOn = c.wait(after).send('client', flags, { payload: flags === 'PA' ? 5 : 0 });
    return goneOn.bareRst('server', { seq: c.server.nxt });
  };
  for (const [after, flags, classes] of [
    [3, 'PA', ['no-state', 'no-state']],
    [3, 'FA', ['no-state', 'no-state']],
    [60, 'PA', ['no-state', 'repeat']],
  ] as const) {
    const [first, second, ...more] = await told(goesOn(after, flags));
    assert.deepEqual([first!.evidence.class, second!.evidence.class, more.length], [...classes, 0]);
    assert.match(
      second!.title,
      /^The server resets in answer to what the client sent after an RST in the client's name/,
    );
    assert.equal((first!.evidence.hints as string[]).includes('middlebox-likely'), after === 3);
  }
});

test('nothing answers what came after an RST that changed nothing, if nothing came after it', async () => {
  const ignored = resetAt(exchange(), 'client', 50);
  const [first, second, ...more] = await told(ignored.wait(0.5).bareRst('server'));
  assert.deepEqual([first!.evidence.class, second!.evidence.class, more.length], ['challenged', 'no-state', 0]);
  assert.equal(second!.evidence.answers_resetter, undefined);
  assert.doesNotMatch(second!.title, /after an RST in the client's name/);
});

test('middlebox-likely: on two signs, not on one', async () => {
  assert.ok(!(await hints(exchange().rstFrom('server', { ttl: 200 }))).includes('middlebox-likely'));
  const two = await hints(exchange().rstFrom('server', { ttl: 200, bare: true }));
  assert.ok(two.includes('middlebox-likely'));
});

test('unread-data, after-response and linger0', async () => {
  const unread = handshake().send('client', 'PA', { payload: 1400 }).ack('server', { window: 10 });
  assert.ok((await hints(unread.wait(0.3).rstFrom('server', { window: 10 }))).includes('unread-data'));
  const responded = handshake().request().send('server', 'PA', { payload: 500 });
  assert.deepEqual(await hints(responded.wait(0.01).rstFrom('server')), ['after-response', 'linger0']);
  assert.deepEqual(await hints(handshake().response().wait(2).rstFrom('server')), ['linger0']);
  assert.deepEqual(await hints(handshake().wait(2).rstFrom('server')), [], 'a listener may have been closed');
  const oneWay = handshake().response().wait(2).rstFrom('server');
  const alone = oneWay.packets.filter(({ sport }) => sport === 80);
  const [finding] = (await follow(alone)).findings.filter(f => f.rule === 'reset-close');
  assert.ok(!(finding!.evidence.hints as string[]).includes('linger0'), 'what came from the client is not captured');
});

/** A SYN meets the server's TIME_WAIT, is answered by its ACK, and the client resets it; then what `goOn` tells. */
async function assassination(goOn: (next: Conversation, old: Conversation) => unknown): Promise<Finding> {
  const old = serverCloses();
  const next = old.reopen(2, { clientIsn: 1000 });
  const behind = { tsval: old.server.tsRecent - 5000, lost: true };
  next.syn(behind);
  old.oldAck(next);
  next.bareRst('client', { seq: old.client.nxt });
  goOn(next, old);
  return (await told(next)).find(f => f.evidence.class === 'tw-assassination')!;
}

test('an RST ends a TIME_WAIT: the next SYN is accepted with an ISN of its own', async () => {
  const finding = await assassination(next => next.wait(1).synAgain().synAck().ack('client'));
  assert.equal(finding.evidence.effective, true);
  assert.match(finding.title, /meets the server's TIME_WAIT and ends it$/);
  const { meaning } = adviceFor(finding);
  assert.match(meaning, /ended the TIME_WAIT of the server/);
  assert.doesNotMatch(meaning, /unless/);
  assert.match(finding.packets.at(-1)!.note, /the TIME_WAIT is gone/);
});

test('what a receiver makes of an RST that it should ignore is not told as seen', async () => {
  for (const story of [resetAt(exchange(), 'client', -100_000), resetAt(serverCloses(), 'client', 1)]) {
    const { finding } = await advised(story);
    const { meaning } = adviceFor(finding);
    assert.match(meaning, /should ignore it|should not end that/);
    assert.doesNotMatch(meaning, /receiver ignores|goes on/);
  }
});

test('an RST into a TIME_WAIT that had run out when the next SYN was accepted: whether it ended it is not said', async () => {
  const old = serverCloses();
  const next = old
    .reopen(59.5, { clientIsn: 1000, client: new Host('192.0.2.10', { timestamps: false }) })
    .syn({ lost: true });
  old.oldAck(next);
  next.bareRst('client', { seq: old.client.nxt }).wait(1).synAgain().synAck().ack('client');
  const finding = (await told(next)).find(f => f.evidence.class === 'tw-assassination')!;
  assert.ok(!('effective' in finding.evidence));
  assert.match(finding.title, /and should end it, unless tcp_rfc1337=1 there$/);
  assert.match(finding.packets.at(-1)!.note, /the TIME_WAIT is gone/);
});

test('an RST does not end a TIME_WAIT that answers again, or whose numbers go on', async () => {
  const again = await assassination((next, old) => {
    next.wait(1).synAgain({ lost: true });
    old.oldAck(next);
  });
  assert.equal(again.evidence.effective, false);
  assert.match(again.title, /does not end it: tcp_rfc1337=1 there, or the RST was lost/);
  const continued = await assassination((next, old) => {
    next.wait(1).synAgain();
    next.server.nxt = (old.server.nxt + TW_ISN_STEP) >>> 0;
    next.synAck().ack('client');
  });
  assert.equal(continued.evidence.effective, false);
});

test('an RST to a TIME_WAIT that nothing follows: what it did is not said', async () => {
  const finding = await assassination(next => next);
  assert.ok(!('effective' in finding.evidence));
  assert.match(finding.title, /and should end it, unless tcp_rfc1337=1 there$/);
});

test('ttl: a gateway that rejects is nearer by one hop, and its TTL is untouched', async () => {
  const behind = (): Conversation => exchange({ server: new Host('198.51.100.80', { ttl: 63 }) });
  for (const [ttl, expected] of [
    [64, true],
    [63, false],
    [62, false],
  ] as const) {
    const c = behind().send('client', 'PA', { payload: 5 });
    assert.equal((await hints(c.bareRst('server', { ttl }))).includes('ttl'), expected, `TTL ${ttl}`);
  }
});

test('keep-alive probes that nobody answers end in an abort that says so', async () => {
  const c = exchange();
  for (let i = 0; i < 3; i++) c.wait(10).send('server', 'A', { seq: c.server.nxt - 1 });
  const [finding] = await told(c.wait(10).rstFrom('server'));
  assert.equal(finding!.evidence.class, 'abort');
  assert.match(finding!.title, /^The server gives up: none of its last 3 keep-alive probes was answered in 30\.0 s$/);
});

test('nine keep-alive probes 75 s apart, as Linux sends them, are not told as one', async () => {
  const c = exchange().wait(7200);
  for (let i = 0; i < 9; i++) c.send('server', 'A', { seq: c.server.nxt - 1 }).wait(75);
  const [reset] = await told(c.rstFrom('server'));
  assert.match(reset!.title, /^The server gives up: its keep-alive probes were not answered, the last one in 75\.0 s$/);
});

test('a single keep-alive probe is not said to be several', async () => {
  const c = exchange().wait(10);
  const [finding] = await told(
    c
      .send('server', 'A', { seq: c.server.nxt - 1 })
      .wait(0.95)
      .rstFrom('server'),
  );
  assert.equal(finding!.evidence.probed, true);
  assert.match(
    finding!.title,
    /^The server gives up, likely: its last keep-alive probe was not answered in 0\.9\d+ s$/,
  );
});

test('one byte of new data, acknowledged at once, is no keep-alive probe', async () => {
  for (const wait of [3, 90]) {
    const c = handshake().wait(1).send('server', 'PA', { payload: 1 }).ack('client').wait(wait).rstFrom('server');
    const [finding] = await told(c);
    assert.equal(finding!.evidence.probed, undefined);
    assert.match(finding!.title, /^The server aborts the connection/);
    assert.ok((finding!.evidence.hints as string[]).includes('linger0'));
  }
  const lost = handshake().wait(1).send('server', 'PA', { payload: 1, lost: true }).wait(3).rstFrom('server');
  assert.equal((await told(lost))[0].evidence.probed, undefined, 'nor is one that is never acknowledged');
});

test('a keep-alive probe that was answered, or that an abort follows at once, is not what ends the connection', async () => {
  const probe = (c: Conversation): Conversation => c.wait(60).send('server', 'A', { seq: c.server.nxt - 1 });
  for (const c of [probe(exchange()).ack('client').wait(5), probe(exchange()).wait(0.02)]) {
    const [finding] = await told(c.rstFrom('server'));
    assert.equal(finding!.evidence.probed, undefined);
    assert.match(finding!.title, /^The server aborts the connection/);
  }
});

test('keep-alive probes in CLOSE_WAIT that nobody answers: given up, not SO_LINGER', async () => {
  const c = exchange().fin('client').ack('server').wait(1);
  for (let i = 0; i < 3; i++) c.wait(1).send('server', 'A', { seq: c.server.nxt - 1, payload: i % 2 });
  const { finding, said, changes } = await advised(c.wait(1).rstFrom('server'));
  assert.deepEqual([finding.evidence.class, finding.evidence.probed], ['abort-after-peer-fin', true]);
  assert.match(finding.title, /^The server gives up: none of its last 3 keep-alive probes was answered in 3\.\d+ s$/);
  assert.match(said, /TcpExtTCPAbortOnTimeout/);
  assert.equal(changes, '');
});

test("an abort seconds after the other end's FIN answers nothing", async () => {
  const silent = await told(exchange().fin('client').ack('server').wait(5).rstFrom('server'));
  assert.match(silent[0].title, /^The server aborts 5\.0\d\d s after the other end's FIN: .* a timeout/);
  const writing = exchange().fin('client').ack('server').wait(2).response().wait(0.1).rstFrom('server');
  assert.match((await told(writing))[0].title, /^The server aborts after the other end's FIN/);
});

/** The finding of the first RST of a story, and what is advised about it. */
async function advised(story: Conversation): Promise<{ finding: Finding; said: string; changes: string }> {
  const [finding] = await told(story);
  const advice = adviceFor(finding!);
  const checks = advice.checks.map(({ where, command }) => `${where}: ${command}`).join('; ');
  const changes = advice.change.map(({ what }) => what).join('; ');
  return { finding: finding!, said: `${advice.meaning} ${checks} ${changes} ${advice.askNext}`, changes };
}

test('no socket, 2 ms after the last word: no idle timer, no keep-alives, nothing that expired', async () => {
  for (const from of ['server', 'client'] as const) {
    const { finding, said, changes } = await advised(exchange().request().wait(0.002).bareRst(from));
    assert.deepEqual([finding.evidence.class, finding.evidence.bare], ['no-state', true], from);
    assert.ok(Number(finding.evidence.idle) < 0.1);
    assert.doesNotMatch(finding.title, /expired/);
    assert.equal(changes, '');
    assert.match(said, /no usual idle timer is that short/);
  }
});

test('no socket after minutes of silence: an entry that expired, and keep-alives against it', async () => {
  const { finding, said, changes } = await advised(
    exchange().wait(300).send('client', 'PA', { payload: 100 }).bareRst('server'),
  );
  assert.equal(finding.evidence.class, 'no-state');
  assert.match(finding.title, /; or a NAT or balancer let its entry expire, or the backend/);
  assert.match(said, /after 300\.0 s of silence/);
  assert.match(changes, /^Keep-alives/);
});

test('a bare RST may be that of a firewall that rejects, whose TTL is that of its supposed sender', async () => {
  for (const seconds of [0.1, 300])
    for (const end of ['client', 'server'] as const) {
      const { finding, said } = await advised(exchange().wait(seconds).request().bareRst(end));
      assert.match(finding.title, /or a firewall rejects it$/);
      assert.match(said, /`reject with tcp reset`.*nft list ruleset/s);
    }
});

test('a client has no backends: who lost the connection is told by the end that lost it', async () => {
  const { finding, said } = await advised(exchange().response().bareRst('client'));
  assert.doesNotMatch(finding.title + said, /backend|balancer/);
  assert.match(said, /a NAT in front of it/);
});

test('a bare RST with a foreign TTL asks nobody about SO_LINGER', async () => {
  const ttl = { ttl: 255 };
  for (const story of [
    exchange().request().bareRst('server', ttl),
    exchange().fin('client').bareRst('server', ttl),
    exchange().request().rstFrom('server', ttl),
  ]) {
    const { finding, said, changes } = await advised(story);
    assert.ok((finding.evidence.hints as string[]).includes('ttl'), finding.title);
    assert.doesNotMatch(said, /SO_LINGER/);
    assert.equal(changes, '');
    assert.match(said, /each device between them/);
  }
});

test('a connection that goes on from a new port of a NAT gets a bare RST: the old port is to be looked for at the server', async () => {
  const c = exchange().wait(400);
  c.client.port = 51_000;
  const { finding } = await advised(c.send('client', 'PA', { payload: 80 }).bareRst('server'));
  assert.deepEqual([finding.evidence.class, finding.evidence.idle], ['no-state', undefined]);
  const [socket] = adviceFor(finding).checks;
  assert.match(socket!.command, /^ss -tani /);
  assert.match(socket!.expect, /another port of 192\.0\.2\.10 is listed, with an old lastrcv: a NAT likely/);
});

test("a bare RST in answer to the other end's FIN is no way to close: nothing is to change in the application", async () => {
  const bare = await advised(exchange().fin('client').bareRst('server'));
  assert.equal(bare.finding.evidence.class, 'abort-after-peer-fin');
  assert.match(bare.said, /no setting of the application does this/);
  assert.equal(bare.changes, '');
  const aborted = await advised(exchange().fin('client').rstFrom('server'));
  assert.match(aborted.changes, /SO_LINGER/);
});

test('after its own FIN: an abort by its own kernel and the answer of a socket that is gone are two things', async () => {
  const aborted = await advised(exchange().fin('server').wait(0.1).rstFrom('server'));
  assert.equal(aborted.finding.evidence.class, 'after-own-fin');
  assert.match(aborted.finding.title, /aborts after its own FIN: data left unread, TCP_LINGER2/);
  assert.match(aborted.said, /TcpExtTCPAbortOnLinger/);
  const gone = await advised(exchange().fin('server').request().bareRst('server'));
  assert.match(gone.finding.title, /its socket was gone/);
});

test('a FIN that comes 65 s after the close finds that FIN_WAIT2 has run out: it was the other end that sat in CLOSE_WAIT', async () => {
  const late = exchange().fin('client').ack('server').wait(65).fin('server').bareRst('client');
  const { finding, said } = await advised(late);
  assert.deepEqual([finding.evidence.class, finding.severity, finding.confidence], ['after-own-fin', 'info', 'strong']);
  assert.ok(Math.abs((finding.evidence.fin_wait2 as number) - 65) < 0.1);
  assert.match(finding.title, /which came 65\.\d s later: its FIN_WAIT2 had run out, likely \(tcp_fin_timeout\)/);
  assert.match(said, /ss -tanp state close-wait/);
  assert.doesNotMatch(said, /TCPAbortOn|TimeWaitOverflow/);
  assert.match(said, /The owner of the application on the server: why it keeps a connection open/);
});

test('a FIN that comes 6 s after the close: FIN_WAIT2 may have run out where tcp_fin_timeout is small', async () => {
  const { finding, said } = await advised(
    exchange().fin('server').ack('client').wait(6).fin('client').bareRst('server'),
  );
  assert.match(
    finding.title,
    /^The server had closed .* had run out if its tcp_fin_timeout \(60 s by default\) or TCP_LINGER2 is that short/,
  );
  assert.match(said, /^[\s\S]*sysctl net\.ipv4\.tcp_fin_timeout[\s\S]*close-wait[\s\S]*TimeWaitOverflow/);
});

for (const [what, story] of [
  ['a FIN sooner than any FIN_WAIT2 ends', () => exchange().fin('server').ack('client').wait(0.3).fin('client')],
  ['data', () => exchange().fin('server').ack('client').wait(65).request()],
  ['data with the FIN', () => exchange().fin('server').ack('client').wait(65).fin('client', { payload: 9 })],
] as const) {
  test(`nothing is said of FIN_WAIT2 where the RST answers ${what}`, async () => {
    const { finding } = await advised(story().bareRst('server'));
    assert.equal(finding.evidence.class, 'after-own-fin');
    assert.equal(finding.evidence.fin_wait2, undefined);
    assert.doesNotMatch(finding.title, /FIN_WAIT2/);
  });
}

test('health checks and the slower of two attempts end a new connection by RST: told as such, and no fault', async () => {
  const greeted = (): Conversation => handshake().send('server', 'PA', { payload: 40 });
  for (const story of [handshake().rstFrom('client'), handshake().bareRst('client'), greeted().rstFrom('client')]) {
    const { finding, said, changes } = await advised(story);
    assert.deepEqual([finding.severity, finding.evidence.unused, changes], ['info', true, '']);
    assert.match(
      finding.title,
      /^The client resets a connection that it has not used: likely a health check, a scan, or the/,
    );
    assert.match(said, /happy eyeballs/);
  }
  for (const open of [
    new Conversation().syn().synAck().bareRst('client'),
    new Conversation().syn().synAck().rstFrom('client'),
  ]) {
    const { finding, said } = await advised(open);
    assert.deepEqual([finding.severity, finding.evidence.class], ['info', 'handshake-abort']);
    assert.match(finding.title + said, /health check, the slower of two attempts \(happy eyeballs\)[\s\S]*RFC 8305/);
  }
  const used: Conversation[] = [
    exchange().rstFrom('client'),
    handshake().wait(5).rstFrom('client'),
    greeted().send('server', 'PA', { payload: 40 }).rstFrom('client'),
    handshake().rstFrom('server'),
  ];
  for (const story of used) {
    const { finding } = await advised(story);
    assert.deepEqual([finding.severity, finding.evidence.unused], ['warning', undefined]);
  }
  const device = await advised(handshake().rstFrom('client', { ttl: 40 }));
  assert.deepEqual([device.finding.severity, device.finding.evidence.unused], ['warning', true]);
  assert.match(device.finding.title, /a device on the way may have sent this$/);
  assert.doesNotMatch(device.said, /happy eyeballs/);
});

test('a client that resets what nobody has used may have waited for a greeting: no unread data, no keep-alives', async () => {
  const { finding, said, changes } = await advised(handshake().wait(3.2).rstFrom('client'));
  assert.deepEqual([finding.severity, finding.evidence.no_data, changes], ['warning', true, '']);
  assert.match(
    finding.title,
    /^The client resets a connection on which nobody had sent a byte in 3\.2\d* s: it had waited for/,
  );
  assert.doesNotMatch(finding.title + said, /[Uu]nread|idle timer of the client/);
  assert.match(adviceFor(finding).checks[0].expect, /nobody has accepted it/);
  for (const used of [
    handshake().send('client', 'PA', { payload: 5 }).ack('server').wait(3).rstFrom('client'),
    handshake().send('server', 'PA', { payload: 5 }).ack('client').wait(3).rstFrom('client'),
    handshake().wait(3).rstFrom('server'),
    handshake().wait(3).bareRst('client'),
  ]) {
    assert.equal((await told(used))[0].evidence.no_data, undefined);
  }
});

test('an end that has received nothing has nothing unread; a killed process resets only what it had not read', async () => {
  const greeted = await advised(
    handshake().send('server', 'PA', { payload: 40 }).ack('client').wait(2).rstFrom('server'),
  );
  assert.equal(greeted.finding.title, 'The server aborts the connection: SO_LINGER 0 or a timeout');
  const silent = [
    greeted,
    await advised(handshake().wait(2).rstFrom('server')),
    await advised(
      handshake().send('server', 'PA', { payload: 40 }).ack('client').send('client', 'FA').rstFrom('server'),
    ),
    await advised(handshake().send('client', 'PA', { payload: 40 }).ack('server').rstFrom('client')),
  ];
  for (const { finding, said, changes } of silent) {
    assert.equal(finding.evidence.received_nothing, true);
    assert.match(said, /SO_LINGER 0/);
    assert.doesNotMatch(adviceFor(finding).meaning + changes, /unread|read to the end|killed/);
  }
  const used = await advised(exchange().rstFrom('client'));
  assert.match(used.finding.title, /unread data \(of a killed process, too\) or a timeout$/);
  assert.match(used.said, /killed leaves an RST only where data was unread, otherwise a FIN/);
});

test('no socket: its connection may have been given up, or its last packet lost; a killed process would have closed it', async () => {
  for (const from of ['server', 'client'] as const) {
    const other = from === 'server' ? 'client' : 'server';
    const { finding, said } = await advised(exchange().wait(20).send(other, 'PA', { payload: 5 }).bareRst(from));
    assert.match(
      finding.title,
      /no longer has the connection: it gave up after a timeout, its FIN or RST was lost, or it rebooted; or /,
    );
    assert.match(said, /given the connection up after a timeout .*TCPAbortOnTimeout/);
    assert.doesNotMatch(finding.title + said.replace(/grep -iE '[^']*'/, ''), /killed process/);
  }
});

test('an end that probed a closed window, and answers by a bare RST later, had given up: nobody is to send keep-alives', async () => {
  const full = (): Conversation => {
    const c = exchange().send('client', 'PA', { payload: 500 }).ack('server', { window: 0 });
    for (let i = 0; i < 4; i++)
      c.wait(0.2 * 2 ** i)
        .send('client', 'A', { seq: c.client.nxt - 1 })
        .ack('server', { window: 0 });
    return c.wait(22);
  };
  const shut = await advised(full().send('server', 'PA', { payload: 1, window: 0 }).bareRst('client'));
  assert.deepEqual([shut.finding.evidence.class, shut.finding.evidence.window_shut], ['no-state', true]);
  assert.match(
    shut.finding.title,
    /^The client had given up the connection, most likely: the window of the server stayed/,
  );
  assert.match(shut.said, /application did not read/);
  assert.equal(shut.changes, '');
  const open = await advised(full().send('server', 'PA', { payload: 1 }).bareRst('client'));
  assert.equal(open.finding.evidence.window_shut, undefined);
});

test('probes without an answer: the RST is the end of it and not the fault', async () => {
  const c = exchange();
  c.ack('client').ack('server').wait(60);
  for (let i = 0; i < 3; i++) c.send('server', 'A', { seq: c.server.nxt - 1 }).wait(75);
  const { finding, said, changes } = await advised(c.rstFrom('server'));
  assert.deepEqual([finding.evidence.class, finding.evidence.probed, finding.evidence.probes], ['abort', true, 3]);
  assert.match(said, /by keep-alive probe whether .* got no answer to the last 3 at least, and gave up\. The RST is/);
  assert.equal(changes, '');
  const once = exchange().ack('server').wait(60);
  const single = await advised(
    once
      .send('server', 'A', { seq: once.server.nxt - 1 })
      .wait(5)
      .rstFrom('server'),
  );
  assert.deepEqual([single.finding.evidence.probed, single.finding.evidence.probes], [true, undefined]);
  assert.match(single.said, /got no answer, and likely gave up/);
});

test('answers in the capture that the end which resets does not hear: named, whether to data or to probes', async () => {
  for (const [story, kind, title] of [
    [givenUp(returnPathCut(0.004)), 'no-state', /^The client had given up .* though the server had acknowledged it/],
    [unheardProbes(), 'abort', /^The client gives up: its keep-alive probes were answered, but it echoes none/],
  ] as const) {
    const { finding, said, changes } = await advised(story);
    assert.deepEqual([finding.evidence.class, finding.evidence.answers_lost], [kind, true]);
    assert.match(finding.title, title);
    assert.doesNotMatch(finding.title + said, /killed|reboot|SO_LINGER/);
    assert.match(said, /heard none of it/);
    assert.match(finding.title, / are likely lost on the way back to it$/);
    assert.match(said, /between the capture point and the client something likely loses/);
    assert.equal(changes, '');
  }
});

test('an abort after probes whose answers came back, and one within their round trip, say nothing of lost answers', async () => {
  const soon = exchange().wait(60);
  soon
    .send('client', 'A', { seq: soon.client.nxt - 1 })
    .ack('server', { lost: true })
    .wait(0.1);
  // An answer beyond a gap renews nothing of what the client echoes, though it has come.
  for (const story of [unheardProbes({ heard: true }), unheardProbes({ beyond: 100 }), soon.rstFrom('client')]) {
    assert.equal((await told(story))[0].evidence.answers_lost, undefined);
  }
});

test('an RST of a middlebox in the midst of traffic asks for its rules, one after minutes for its timer', async () => {
  const foreign = { ttl: 255, ipId: 54_321, tsval: undefined, tsecr: undefined };
  const inUse = await advised(exchange().request().rstFrom('server', foreign));
  assert.ok((inUse.finding.evidence.hints as string[]).includes('middlebox-likely'));
  assert.doesNotMatch(inUse.changes, /Keep-alives/);
  assert.match(inUse.said, /nft list ruleset/);
  const silent = await advised(exchange().wait(300).rstFrom('server', foreign));
  assert.ok((silent.finding.evidence.hints as string[]).includes('middlebox-likely'));
  assert.match(silent.changes, /^Keep-alives/);
});

test('no timer is named where the RST only answers something: a SYN given up after 60 s, an RST after the close', async () => {
  for (const story of [
    new Conversation().syn().wait(60).bareRst('client'),
    clientCloses().wait(70).bareRst('server'),
  ]) {
    const { said } = await advised(story);
    assert.doesNotMatch(said, /balancers and NATs use|Keep-alives/);
  }
});

/** The last byte again, and its acknowledgement. */
function probed(): Conversation {
  const c = exchange().wait(10);
  c.send('client', 'A', { payload: 1, seq: c.client.nxt - 1 });
  return c.ack('server').wait(60).rstFrom('client');
}

test('a client that waits in vain for an answer gives up: no idle timer, no NAT, and the server is asked', async () => {
  for (const seconds of [5, 60]) {
    const { finding, said, changes } = await advised(handshake().request(9).wait(seconds).rstFrom('client'));
    assert.deepEqual(
      [finding.evidence.class, finding.evidence.unanswered, finding.evidence.hints],
      ['abort', true, []],
    );
    assert.match(
      finding.title,
      /^The client gives up: the server acknowledged its last 9 bytes but had not answered them after \S+ s;/,
    );
    assert.doesNotMatch(finding.title + said, /NAT|balancer|keep-alive/);
    assert.equal(changes, '');
    assert.match(adviceFor(finding).askNext, /^The owner of 198\.51\.100\.80:\S+ why no answer comes/);
  }
  for (const [name, story] of [
    ['answered', exchange().wait(60).rstFrom('client')],
    ['not acknowledged', handshake().send('client', 'PA', { payload: 9 }).wait(60).rstFrom('client')],
    ['by the server', handshake().response().wait(60).rstFrom('server')],
    ['at once', handshake().request(9).wait(0.5).rstFrom('client')],
    ['of a device, without timestamps', handshake().request(9).wait(60).rstFrom('client', { bare: true })],
    ['what came since is not captured', handshake().request(9).wait(60).rstFrom('client', { ack: 1 })],
    ['a keep-alive probe of one byte, as Windows sends it', probed()],
  ] as const) {
    assert.equal((await told(story))[0].evidence.unanswered, undefined, name);
  }
});

test('a request that crosses the FIN of the server is lost: its bytes, and the idle time of the client against it', async () => {
  const crossing = (order: 'request first' | 'FIN first'): Conversation => {
    const c = exchange().wait(1);
    const seen = { ack: c.client.rcvNxt };
    const closes = (): unknown => c.fin('server', { ack: c.server.rcvNxt, lost: true });
    if (order === 'FIN first') closes();
    const acked = c.server.rcvNxt;
    c.send('client', 'PA', { payload: 19, ...seen });
    if (order === 'request first') c.fin('server', { ack: acked, lost: true });
    return c.bareRst('server', { seq: seen.ack });
  };
  for (const order of ['request first', 'FIN first'] as const) {
    const { finding, said, changes } = await advised(crossing(order));
    assert.deepEqual([finding.evidence.class, finding.severity], ['after-own-fin', 'info'], order);
    assert.deepEqual([finding.evidence.lost_bytes, finding.evidence.close_known], [19, undefined], order);
    assert.match(finding.title, /^19 bytes of the client are lost: the server had closed when they came/);
    assert.match(changes, /pool below the server's keep-alive time/);
    assert.match(said, /502/);
    assert.match(adviceFor(finding).askNext, /^If a request failed: the owner of the client \(idle time of its pool/);
  }
});

test('a request on a connection whose close the client had acknowledged: its pool is asked', async () => {
  const known = (after: number): Conversation =>
    exchange().fin('server').ack('client').wait(after).send('client', 'PA', { payload: 19 }).bareRst('server');
  const { finding } = await advised(known(1.3));
  assert.ok(Math.abs(Number(finding.evidence.close_known) - 1.3) < 0.1);
  assert.match(finding.title, /^19 bytes of the client are lost: .* the client had acknowledged that 1\.3\d* s before/);
  assert.match(adviceFor(finding).askNext, /^The owner of the client: why its pool keeps/);
  const soon = (await told(known(0.01)))[0].evidence;
  assert.deepEqual([soon.lost_bytes, soon.close_known], [19, undefined], 'no time to notice');
  const far = new Conversation({ rtt: 0.3 }).handshake().request().fin('server');
  far.send('client', 'PA', { payload: 19 }).bareRst('server');
  assert.equal((await told(far))[0].evidence.close_known, undefined, 'as soon as the FIN came to it');
  // The usual round trip counts, and not the fastest answer, as for the speed of an RST.
  const slow = handshake({ rtt: 0.6 }).request().send('server', 'PA', { payload: 300 });
  slow.wait(-0.24).ack('client').wait(1).fin('server').wait(0.05);
  slow.send('client', 'PA', { payload: 19 }).bareRst('server');
  assert.equal((await told(slow))[0].evidence.close_known, undefined, 'the handshake took longer, one answer did not');
  const fin = exchange().fin('server').ack('client').wait(0.2).fin('client').bareRst('server');
  assert.equal((await told(fin))[0].evidence.lost_bytes, undefined, 'a FIN is no data');
});

test('bytes that either end sent before its own FIN were its last: no race of a pool, and no full table of TIME_WAITs', async () => {
  for (const from of ['client', 'server'] as const) {
    const other = from === 'client' ? 'server' : 'client';
    const story = exchange();
    const seen = { ack: story[other].rcvNxt };
    story
      .fin(from, { lost: true })
      .send(other, 'PA', { payload: 31, ...seen })
      .fin(other, seen)
      .bareRst(from);
    const { finding, said, changes } = await advised(story);
    assert.deepEqual([finding.evidence.class, finding.evidence.lost_bytes], ['after-own-fin', 31]);
    assert.deepEqual([finding.evidence.closed_too, finding.evidence.close_known], [true, undefined]);
    assert.match(finding.title, new RegExp(`^The ${other}'s last 31 bytes before its FIN are lost: `));
    assert.match(said, /close_notify/);
    assert.doesNotMatch(said + changes, /pool|time-wait-overflow/);
  }
});

test('an answer repeated with the FIN after its sender had closed is not one that it sent though it knew of the close', async () => {
  const story = exchange().request().fin('client');
  const { nxt } = story.server;
  story.send('server', 'A', { payload: 418, lost: true }).fin('server', { lost: true }).wait(6.2);
  story.packets.splice(-2, 1); // the capture lacks the first time
  story.send('server', 'FPA', { seq: nxt, payload: 418 }).bareRst('client');
  const { evidence, title } = (await told(story))[0];
  assert.deepEqual([evidence.lost_bytes, evidence.closed_too, evidence.close_known], [418, true, undefined]);
  assert.doesNotMatch(title, /later/);
});

test('bytes of the server that a client which had closed does not take are said to be lost, not a FIN without a TIME_WAIT', async () => {
  const { finding, said } = await advised(
    exchange().fin('client', { lost: true }).send('server', 'PA', { payload: 24 }).bareRst('client'),
  );
  assert.equal(finding.evidence.lost_bytes, 24);
  assert.match(said, /did not wait for them/);
  assert.doesNotMatch(said, /time-wait-overflow/);
});

test('a window of Windows that has shrunk by one step says nothing of what was read', async () => {
  const story = (ttl: number): Conversation =>
    handshake({ server: new Host('198.51.100.80', { ttl }) })
      .send('client', 'PA', { payload: 200 })
      .ack('server', { window: 500 })
      .wait(0.3)
      .rstFrom('server');
  assert.ok((await hints(story(64))).includes('unread-data'));
  assert.ok(!(await hints(story(128))).includes('unread-data'));
});

test('an RST sooner than the handshake is its own where its TTL and its IP identification are the next of its sender', async () => {
  const soon = (ipId?: number): Conversation => {
    const story = new Conversation({ rtt: 0.4 }).handshake().request().response().fin('client').wait(2);
    story.send('server', 'PA', { payload: 10 }).wait(-0.15);
    return story.bareRst('client', ipId === undefined ? {} : { ipId });
  };
  assert.ok((await hints(soon())).includes('faster-than-rtt'));
  const own = soon();
  const { ipId } = own.packets.findLast(packet => packet.flags === 'FA')!;
  assert.ok(!(await hints(soon(ipId! + 9))).includes('faster-than-rtt'));
});

test('a server that aborts before it has sent a byte: a listener that was closed is among the causes, and its check', async () => {
  for (const story of [
    handshake().wait(2).rstFrom('server'),
    handshake().request().wait(2).rstFrom('server'),
    handshake().fin('client').ack('server').wait(2).rstFrom('server'),
    handshake().fin('client').ack('server').wait(0.1).rstFrom('server'),
  ]) {
    const { finding, said } = await advised(story);
    assert.equal(finding.evidence.sent_nothing, true);
    assert.match(finding.title, /a listener that was closed before anybody accepted it/);
    assert.match(said, /TcpOutRsts/);
    assert.match(adviceFor(finding).askNext, /was it restarted or reloaded/);
    assert.doesNotMatch(adviceFor(finding).checks[0].expect, /None grows/);
  }
  const used = await advised(exchange().wait(2).rstFrom('server'));
  assert.doesNotMatch(used.finding.title + adviceFor(used.finding).meaning, /listener/);
  const byClient = (await told(handshake().wait(2).rstFrom('client')))[0];
  assert.equal(byClient.evidence.sent_nothing, undefined);
});

test('one sign of a middlebox: the title does not blame the end flatly', async () => {
  for (const [hint, changes] of [
    ['ip-id', { ipId: 0 }],
    ['ttl', { ttl: 200 }],
  ] as const) {
    const [finding] = await told(exchange().wait(2).rstFrom('server', changes));
    assert.ok((finding!.evidence.hints as string[]).includes(hint));
    assert.match(finding!.title, /^The server aborts .*; but .*: a device on the way may have sent this$/, hint);
  }
  assert.doesNotMatch((await told(exchange().wait(2).rstFrom('server')))[0].title, /device/);
});

test('an abort without timestamps, as macOS and old BSDs send it: no device is suspected by that alone', async () => {
  const { finding, said } = await advised(exchange().wait(2).rstFrom('server', { bare: true }));
  assert.deepEqual(finding.evidence.hints, ['no-timestamp', 'linger0']);
  assert.doesNotMatch(finding.title + said, /device|firewall/);
});

/** A server closes and is gone while a request and the FIN of the client are under way: each is answered by itself. */
const closedAndGone = (requests: number): Conversation => {
  const c = exchange();
  const seen = { ack: c.client.rcvNxt };
  c.send('server', 'PA', { payload: 31 }).fin('server');
  for (let i = 0; i < requests; i++) c.send('client', 'PA', { payload: 94, ...seen, lost: true });
  return c.bareRst('server', { seq: seen.ack });
};

test('an RST below data and FIN that had passed: the client, which acknowledges them, ignores it', async () => {
  const story = closedAndGone(1);
  const [silent] = await told(closedAndGone(1));
  assert.deepEqual([silent!.evidence.class, silent!.evidence.effective], ['after-own-fin', undefined]);
  const { finding, said } = await advised(story.send('client', 'PA', { payload: 31 }).fin('client'));
  assert.deepEqual([finding.evidence.class, finding.evidence.effective], ['after-own-fin', false]);
  assert.equal(finding.evidence.lost_bytes, 125, 'with what came after the first RST');
  assert.match(finding.title, /^125 bytes of the client are lost/);
  assert.doesNotMatch(said, /security/);
});

test('a segment with far-off numbers after an RST adds nothing to what is lost', async () => {
  const story = closedAndGone(1).send('client', 'PA', { payload: 31 }).fin('client');
  const far = (story.client.nxt + 2_000_000_000) >>> 0;
  const [finding] = await told(story.send('client', 'PA', { payload: 10, seq: far, lost: true }));
  assert.equal(finding!.evidence.lost_bytes, 125);
});

test('a forged SYN-ACK in an open connection does not hide that a device sent the RST', async () => {
  const c = exchange();
  const [syn] = c.packets;
  const forged = { seq: 77_777, ack: (syn!.seq + 1) >>> 0, lost: true };
  const [finding] = await told(c.send('server', 'SA', forged).wait(2).rstFrom('server', { ttl: 200 }));
  assert.ok((finding!.evidence.hints as string[]).includes('ttl'));
});

test("a firewall resets what the RST of the server had not: that one is the device's, and it counts", async () => {
  const story = closedAndGone(1).ack('client').fin('client').wait(0.02).finAgain('client');
  const firewall = { ttl: 255, bare: true };
  const [own, foreign, ...more] = await told(story.rstFrom('server', firewall));
  assert.deepEqual([own!.evidence.hints, own!.evidence.effective, more.length], [[], false, 0]);
  assert.deepEqual([foreign!.evidence.class, foreign!.evidence.effective], ['repeat', true]);
  assert.deepEqual(foreign!.evidence.hints, ['ttl', 'no-timestamp', 'middlebox-likely']);
  assert.equal(foreign!.confidence, 'strong');
  assert.match(foreign!.packets.at(-1)!.note, /TTL 255, before 64/);
});

test('the server resets once more where it counts, without a sign of anybody else', async () => {
  const story = closedAndGone(1).ack('client').fin('client');
  const [, again] = await told(story.bareRst('server', { seq: story.client.rcvNxt }));
  assert.deepEqual([again!.evidence.class, again!.evidence.effective], ['repeat', true]);
  assert.match(again!.title, /^The server resets again, now at the number that the client expects/);
  assert.equal(adviceFor(again!).askNext.startsWith('Nobody'), true);
});

test('each segment of a burst is answered at what it acknowledges: nobody guesses numbers, nor does a device', async () => {
  const c = exchange();
  const acks = [c.client.rcvNxt];
  for (const payload of [35, 1, 31]) acks.push(c.send('server', 'PA', { payload }).client.rcvNxt);
  c.fin('server');
  for (const ack of acks) c.send('client', 'PA', { payload: 32, ack, lost: true });
  for (const seq of acks) c.bareRst('server', { seq });
  const findings = await told(c);
  assert.deepEqual(
    findings.map(f => f.evidence.class),
    ['after-own-fin', 'repeat'],
  );
  assert.doesNotMatch(findings.map(f => f.title + adviceFor(f).askNext).join(), /guess|security|stepping|device/);
});

test('a bare RST at a number that was acknowledged before: it answers an earlier segment', async () => {
  const c = exchange();
  const seq = c.client.rcvNxt;
  const { finding, said } = await advised(c.response().bareRst('server', { seq }));
  assert.deepEqual([finding.evidence.class, finding.evidence.knows_connection], ['ineffective', true]);
  assert.match(finding.title, /^An RST outside the client's window, .* it answers an earlier segment/);
  assert.doesNotMatch(said, /security/);
});

test('an RST,ACK of untranslated sequence number, then a bare one to the challenge ACK: one sender, who guesses nothing', async () => {
  const c = exchange().fin('client').ack('server').wait(13);
  c.rstFrom('server', { seq: 3_612_663_531 }).ack('client').bareRst('server');
  const [ignored, second, ...more] = await told(c);
  assert.deepEqual([ignored!.evidence.class, ignored!.evidence.knows_connection], ['ineffective', true]);
  assert.match(ignored!.title, /acknowledges exactly what the client had sent: its sender knows the connection$/);
  assert.deepEqual([second!.evidence.effective, second!.evidence.answers_challenge, more.length], [true, true, 0]);
  assert.match(second!.title, /^The server resets again, now at the number of the client's challenge ACK/);
  assert.doesNotMatch(adviceFor(second!).meaning, /FIN|restart/);
});

test('a refusal and a FIN that echo older TSvals than the SYN: the client ignores one, refuses the other, and connects', async () => {
  const c = new Conversation().syn();
  c.refuse({ tsval: 100, tsecr: 100, bare: false }).send('server', 'FA', {
    seq: 0,
    tsval: 100,
    tsecr: 100,
    lost: true,
  });
  c.bareRst('client').synAck().ack('client').request();
  const { findings } = await follow(c);
  const seen = findings.map(({ rule, evidence }) => [rule, evidence.class, evidence.effective, evidence.foreign_echo]);
  assert.deepEqual(seen, [
    ['reset-close', 'ineffective', false, true],
    ['reset-close', 'answer-to-old-ack', undefined, true],
  ]);
  assert.doesNotMatch(findings.map(f => f.title).join(), /middlebox|refused|because/);
  assert.match(findings[1].title, /^The client resets what answers its SYN: that echoes a TSval older than the SYN$/);
});

test('stepped-seq: two RST,ACKs, the second beyond the first; not a bare RST that answers what was on its way', async () => {
  const guessed = exchange().rstFrom('server', { bare: true });
  guessed.rstFrom('server', { bare: true, seq: guessed.server.nxt + 1460 });
  const found = await hints(guessed);
  assert.deepEqual(
    found.filter(hint => hint === 'stepped-seq' || hint === 'middlebox-likely'),
    ['stepped-seq', 'middlebox-likely'],
  );
  const answered = exchange().send('server', 'PA', { payload: 100, lost: true }).rstFrom('server');
  answered.send('client', 'PA', { payload: 5 }).bareRst('server', { seq: answered.client.rcvNxt });
  assert.ok(!(await hints(answered)).includes('stepped-seq'));
});

test('joined in the middle, the port on which the host takes others is the server, be it the higher one', async () => {
  for (const client of ['192.0.2.10:1', '203.0.113.10:1']) {
    for (const kept of [-1, -3]) {
      const server = '198.51.100.80:60000';
      const other = exchange({ server, client, clientPort: 45_606 }).clientCloses();
      const midway = exchange({ server, client, clientPort: 45_204, at: 5 }).rstFrom('client');
      const { findings } = await follow([...other.packets, ...midway.packets.slice(kept)]);
      const finding = findings.find(f => f.rule === 'reset-close')!;
      assert.deepEqual(
        [finding.clientPort, finding.serverPort, finding.evidence.from, finding.confidence],
        [45_204, 60_000, 'client', 'weak'],
        `${client}, ${kept === -1 ? 'nothing but its RST' : 'its last packets'}`,
      );
    }
  }
  const unknown = exchange({ server: '198.51.100.80:60000', clientPort: 45_204 }).rstFrom('client');
  const [alone] = (await follow(unknown.packets.slice(-3))).findings;
  assert.equal(alone!.clientPort, 60_000, 'where none was seen, the lower port is taken for the server');
});

/** One segment to a port, and the answer of a host that has no such connection, as RFC 9293 has it. */
const scanned = (flags: string, changes: Changes = {}): Conversation => {
  const c = new Conversation();
  c.send('client', flags, { bare: true, ...changes });
  const end = c.last.seq + (c.last.payload ?? 0) + (flags.includes('F') ? 1 : 0);
  return flags.includes('A')
    ? c.bareRst('server', { seq: c.last.ack ?? 0 })
    : c.rstFrom('server', { bare: true, window: 0, ipId: 0, seq: 0, ack: end });
};

test('a port scan breaks no connection: FIN, NULL, Xmas and ACK are answered by a host without such a one', async () => {
  for (const [flags, says] of [
    ['F', /a lone segment without ACK/],
    ['', /a lone segment without ACK/],
    ['FPU', /a lone segment without ACK/],
    ['A', /a lone ACK: there never was one, perhaps/],
  ] as const) {
    const { finding, said } = await advised(scanned(flags, flags === 'A' ? { ack: 1_766_403_870 } : {}));
    assert.deepEqual([finding.severity, finding.evidence.stray, finding.evidence.hints], ['info', true, []], flags);
    assert.match(finding.title, says);
    assert.match(said, /scan/);
    assert.doesNotMatch(finding.title + said, /aborts|SO_LINGER|killed|NAT/);
  }
});

test('what a connection in use sends is no scan: data, a keep-alive with timestamps, a second segment', async () => {
  for (const [name, story] of [
    ['data', scanned('PA', { payload: 5, ack: 77 })],
    ['timestamps', scanned('A', { bare: false, ack: 77 })],
    [
      'two segments',
      new Conversation()
        .send('client', 'A', { bare: true, ack: 77 })
        .ack('client', { bare: true })
        .bareRst('server', { seq: 0 }),
    ],
    ['a connection seen from its beginning', exchange().wait(9).ack('client', { bare: true }).bareRst('server')],
  ] as const) {
    assert.equal((await told(story))[0].evidence.stray, undefined, name);
  }
});

test('data sent again and again in vain, then an RST: given up, since the path was dead, and no keep-alives help', async () => {
  const inVain = (tries: number, arrives = false): Conversation => {
    const c = exchange();
    const { nxt: seq } = c.server;
    for (let i = 0; i < tries; i++) c.wait(0.2 * 2 ** i).send('server', 'PA', { payload: 11, seq, lost: !arrives });
    return c.wait(9).send('client', 'PA', { payload: 5 }).bareRst('server', { seq: c.client.rcvNxt });
  };
  const { finding, said, changes } = await advised(inVain(6));
  assert.deepEqual([finding.evidence.class, finding.evidence.unacked_bytes], ['no-state', 11]);
  assert.match(finding.title, /^The server had given up the connection, most likely: .* never acknowledged/);
  assert.doesNotMatch(finding.title + said, /killed|reboot|keep-alive/);
  assert.match(said, /TCPAbortOnTimeout/);
  assert.equal(changes, '');
  const foreign = inVain(6);
  const { nxt } = foreign.server;
  foreign.packets.at(-1)!.ttl = 40;
  const going = foreign.wait(0.5).send('server', 'PA', { payload: 100, seq: nxt });
  const [boxed] = await told(going);
  assert.match(boxed!.title, /^A middlebox .*; if the server did after all: the server had given up the connection$/);
  assert.equal((await told(inVain(1)))[0].evidence.unacked_bytes, undefined, 'sent once');
  assert.equal((await told(inVain(6, true)))[0].evidence.unacked_bytes, undefined, 'acknowledged');
  const longAgo = exchange();
  const { nxt: seq } = longAgo.server;
  longAgo.send('server', 'PA', { payload: 1448 }).send('server', 'PA', { payload: 1448, seq }).ack('client').wait(99);
  longAgo.send('server', 'PA', { payload: 11, lost: true }).send('client', 'PA', { payload: 5 });
  const moved = longAgo.bareRst('server', { seq: longAgo.client.rcvNxt });
  assert.equal((await told(moved))[0].evidence.unacked_bytes, undefined, 'other data had been repeated');
});

/** As with a gateway's REJECT of established connections, and a server that aborts by itself 0.36 s later. */
test('an abort with timestamps after a bare RST: there was a socket, so the bare one came from elsewhere', async () => {
  const rejected = (): Conversation => exchange().send('client', 'PA', { payload: 4 }).bareRst('server').wait(0.36);
  const [finding] = await told(rejected().rstFrom('server'));
  assert.deepEqual(finding!.evidence.hints, ['sender-continues', 'middlebox-likely']);
  assert.match(finding!.title, /^A middlebox sent this RST in the name of the server, most likely/);
  // An old one may have been overtaken, and one without timestamps is sent by whoever has no socket.
  const { server } = rejected();
  for (const changes of [{ tsval: server.host.tsval(0, '') - 1000 }, { bare: true }] as const) {
    assert.deepEqual(await hints(rejected().rstFrom('server', changes)), []);
  }
  assert.deepEqual(await hints(rejected().bareRst('server')), []);
});

test('what answers a SYN and does not acknowledge it: of an older connection only where its numbers are those of one', async () => {
  const said = async (...stories: Conversation[]): Promise<unknown[]> => {
    const found = (await follow(stories)).findings.filter(f => f.evidence.class === 'answer-to-old-ack');
    return found.map(({ title, confidence, evidence }) => [
      title.split('answered with ')[1],
      confidence,
      evidence.unfitting,
    ]);
  };
  const old = serverCloses();
  const next = old.reopen(30, { clientIsn: 100 }).syn();
  old.oldAck(next).bareRst('client', { seq: old.client.nxt });
  assert.deepEqual(await said(old, next), [['an ACK of an older connection', 'proof', undefined]]);

  const foreign = (flags: string): Conversation =>
    new Conversation().syn().send('server', flags, { ack: 777 }).bareRst('client', { seq: 777 });
  assert.deepEqual(await said(foreign('A')), [['an ACK that does not acknowledge it', 'weak', 'ack']]);
  assert.deepEqual(await said(foreign('SA')), [['a SYN-ACK that acknowledges another number', 'strong', 'syn-ack']]);
});

test('a server that answers from another address: nobody says that the SYN-ACK was not asked for', async () => {
  const asked = new Conversation({ client: '192.0.2.10:41100' }).syn();
  const from = { src: '198.51.100.81', dst: '192.0.2.10' };
  asked.synAck(from).bareRst('client', { seq: asked.client.nxt, src: '192.0.2.10', dst: '198.51.100.81' });
  const [finding, ...more] = await told(asked);
  assert.equal(more.length, 0);
  assert.equal(finding!.evidence.class, 'unsolicited-synack');
  assert.match(finding!.title, /no SYN to its sender that it answers$/);
  const advice = adviceFor(finding!);
  assert.match(advice.meaning, /the SYN went to another address, and the server answers from a wrong one/);
  assert.match(advice.checks[0].command, /tcp src port CLIENT_PORT and/);
});

test('two SYN-ACKs for one SYN: two machines, if more than the ISN differs; then no accept queue is accused', async () => {
  const reset = async (second: Changes, before = false, ticks = 10, isScaled = true): Promise<Finding> => {
    const c = new Conversation().syn().wait(0.99).synAgain();
    if (!isScaled) for (const syn of c.packets) delete syn.wscale;
    c.synAck();
    const { isn, clock } = { isn: c.server.nxt, clock: c.last.tsval! };
    if (!before) c.ack('client');
    c.send('server', 'SA', { seq: isn + 5_000_000, tsval: clock + ticks, lost: true, ...second });
    c.server.nxt = isn;
    c.ack('client').bareRst('server');
    const [finding, ...more] = await told(c);
    assert.equal(more.length, 0);
    assert.equal(finding!.evidence.class, 'handshake-abort');
    return finding!;
  };
  for (const second of [{ wscale: 9 }, { tsval: 88_888_888, ttl: 63 }, { ttl: 50 }]) {
    for (const before of [false, true]) {
      const finding = await reset(second, before);
      assert.equal(finding.evidence.two_answers, true, JSON.stringify(second));
      assert.match(finding.title, /two answers, of two machines by their numbers/);
      assert.match(adviceFor(finding).meaning, /two hosts have one address/);
    }
  }
  for (const second of [{}, { ttl: 63 }, { tsval: 88_888_888 }]) {
    const again = await reset(second);
    assert.equal(again.evidence.two_answers, undefined, `a server that begins again: ${JSON.stringify(second)}`);
    assert.match(again.title, /a full accept queue/);
  }
  // 10 ms are 10,000 ticks of a clock with microseconds (B7), and no usual clock has as many.
  for (const [ticks, isTwo] of [
    [10_000, undefined],
    [5000, true],
  ] as const) {
    assert.equal((await reset({ ttl: 63 }, false, ticks)).evidence.two_answers, isTwo, `${ticks} ticks`);
  }
  const unscaled = await reset({ wscale: 7 }, false, 10, false);
  assert.equal(unscaled.evidence.two_answers, undefined, 'its scale was set to 0 as the client has none');
});
