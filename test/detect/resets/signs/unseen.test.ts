/** RSTs whose cause the capture lacks: nobody is accused. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Changes, Conversation, exchange } from '../../../build/conversation.ts';
import type { Packet } from '../../../build/packet.ts';
import { follow } from '../../../flow/follow.ts';
import { advised, told } from '../told.ts';

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

test('a FIN that the capture lacks shows in the number of a later ACK of its end: it had closed, perhaps', async () => {
  for (const [withFin, expected] of [
    [true, ['after-own-fin', 'strong', undefined]],
    [false, ['abort', 'weak', 'client']],
  ] as const) {
    const c = exchange().fin('client');
    const at = c.packets.length - 1;
    c.send('server', 'PA', { payload: 4000 }).ack('client').wait(0.03).rstFrom('client');
    if (!withFin) c.packets.splice(at, 1);
    const { finding, said } = await advised(c);
    assert.deepEqual([finding.evidence.class, finding.confidence, finding.evidence.unseen], expected);
    if (withFin) continue;
    assert.equal(finding.severity, 'info');
    assert.match(
      finding.title,
      /^The client resets, and the capture lacks what it had sent before, by its own numbers:/,
    );
    assert.doesNotMatch(finding.title + said, /SO_LINGER/);
    assert.match(said, /or by the numbers of the client: packets are missing/);
  }
  // Data that the capture lacks, but not the last: no FIN comes before data.
  const data = exchange().send('server', 'PA', { payload: 900 }).send('server', 'PA', { payload: 700 });
  data.rstFrom('server').packets.splice(-3, 1);
  const [told2] = await told(data);
  assert.deepEqual([told2!.evidence.class, told2!.evidence.unseen], ['abort', undefined]);
  // Nor is what is missing a FIN if data came after it, whatever followed that.
  const hole = exchange().send('client', 'PA', { payload: 300 });
  const lost = hole.packets.length - 1;
  hole.send('client', 'PA', { payload: 200 }).ack('server').send('server', 'PA', { payload: 4000 }).ack('client');
  hole.wait(0.03).rstFrom('client').packets.splice(lost, 1);
  const [aborted] = await told(hole);
  assert.deepEqual(
    [aborted!.severity, aborted!.confidence, aborted!.evidence.unseen],
    ['warning', 'strong', undefined],
  );
});

test('a FIN that the capture lacks, and that crossed data, shows in what the other end acknowledges after the RST', async () => {
  for (const [withFin, later, expected] of [
    [true, true, ['after-own-fin', 'info', 'strong', undefined]],
    [false, true, ['no-state', 'info', 'weak', 'server']],
    [false, false, ['no-state', 'warning', 'strong', undefined]],
  ] as const) {
    const c = exchange();
    const seen = { ack: c.client.rcvNxt };
    c.fin('server');
    const at = c.packets.length - 1;
    c.send('client', 'PA', { payload: 125, ...seen, lost: true }).bareRst('server', { seq: seen.ack });
    if (later) c.ack('client').bareRst('server', { seq: seen.ack + 1 });
    if (!withFin) c.packets.splice(at, 1);
    const [finding] = await told(c);
    const { evidence, severity, confidence, title } = finding!;
    assert.deepEqual([evidence.class, severity, confidence, evidence.unseen], expected);
    if (evidence.unseen === undefined) continue;
    assert.match(title, /which the client acknowledges later: perhaps its FIN/);
    assert.equal(finding!.packets.at(-1)!.note, 'acknowledges what the capture lacks');
  }
});

/** Without the packets for which `isLost` holds: a capture that has lost them. */
const without = (story: Conversation, isLost: (packet: Packet, index: number) => boolean): Conversation => {
  story.packets.splice(0, story.packets.length, ...story.packets.filter((packet, i) => !isLost(packet, i)));
  return story;
};

test('a bare RST one number further than what was captured answers the ACK of a FIN: nobody is accused, nor of those after it', async () => {
  const closed = (distance: number): Conversation => {
    const c = exchange().fin('server').ack('client', { ack: 0 }).wait(0.06);
    c.packets.at(-1)!.ack = c.client.rcvNxt - 1;
    return c
      .bareRst('client', { seq: c.client.nxt + distance })
      .wait(0.09)
      .bareRst('client');
  };
  const [first, second] = await told(closed(1));
  assert.deepEqual(
    [first!.evidence.class, first!.severity, first!.confidence, first!.evidence.unseen],
    ['abort-after-peer-fin', 'info', 'weak', 'client'],
  );
  assert.match(first!.title, /by the number of its RST: perhaps its FIN/);
  assert.deepEqual([second!.evidence.class, second!.severity], ['repeat', 'info']);
  const [guess, after] = await told(closed(2));
  assert.deepEqual([guess!.evidence.class, guess!.severity], ['challenged', 'notice']);
  assert.deepEqual([after!.evidence.class, after!.severity], ['abort-after-peer-fin', 'warning']);
  const open = exchange();
  const [inside] = await told(open.bareRst('client', { seq: open.client.nxt + 1 }));
  assert.equal(inside!.evidence.class, 'challenged', 'nobody has closed');
});

test('a bare RST one number further than the one before shows that its sender had closed, and steps are no guesses then', async () => {
  const gone = (...distances: number[]): Conversation => {
    const c = without(exchange().fin('server').ack('client'), ({ flags }) => flags === 'FA');
    for (const distance of distances) c.wait(0.03).bareRst('client', { seq: c.client.nxt + distance });
    return c;
  };
  for (const later of [[1], [1, 1, 0], [0, 1, 1, 1]]) {
    const [finding, ...more] = await told(gone(0, ...later));
    const { evidence, severity, confidence, title, packets } = finding!;
    assert.deepEqual([evidence.class, severity, confidence, evidence.unseen], ['no-state', 'info', 'weak', 'client']);
    assert.deepEqual(evidence.hints, []);
    assert.match(title, /by the number of a later RST: perhaps its FIN/);
    assert.equal(packets.at(-1)!.note, 'one number further: its FIN, likely');
    assert.deepEqual(
      more.map(({ severity }) => severity),
      ['info'],
    );
  }
  const [alone] = await told(gone(0, 0));
  assert.deepEqual([alone!.severity, alone!.evidence.unseen], ['warning', undefined]);
  const [guessed] = await told(gone(0, 1460, 2920));
  assert.ok((guessed!.evidence.hints as string[]).includes('stepped-seq'));
});

test('a FIN that comes after the RST of its sender, but had been acknowledged or echoed before it, is no sign of life', async () => {
  // Of the server's FIN the capture has only a late copy. The TIME_WAIT acknowledges it, or the RST stands after it.
  const late = (acked: boolean): Conversation => {
    const c = exchange().fin('client').fin('server');
    const fin = c.packets.pop()!;
    if (acked) c.ack('client');
    c.wait(0.1).bareRst('server').wait(0.3);
    c.packets.push({ ...fin, t: c.now });
    return c.wait(0.01).bareRst('client', { seq: c.client.nxt });
  };
  for (const acked of [true, false]) {
    const [finding] = await told(late(acked));
    assert.deepEqual([finding!.severity, finding!.evidence.unseen, finding!.evidence.hints], ['info', 'server', []]);
    assert.doesNotMatch(finding!.title, /middlebox|another host/);
  }
});

test('a FIN after the RST of its sender is no sign of life if the ACK of it is answered by RST again', async () => {
  const closing = (): Conversation => {
    const c = exchange().wait(0.1).bareRst('server').wait(0.2).fin('server').ack('client');
    return c.bareRst('server', { seq: c.client.rcvNxt });
  };
  const [closed] = await told(closing());
  assert.deepEqual([closed!.evidence.class, closed!.severity, closed!.evidence.hints], ['no-state', 'info', []]);
  assert.match(closed!.title, /by the number of a later RST/);
  // A gateway rejects what the client sends, and the server sends its FIN again.
  const [, rejected] = await told(closing().wait(0.4).finAgain('server'));
  assert.ok((rejected!.evidence.hints as string[]).includes('sender-continues'));
});

test('a FIN that comes after two RSTs, the second of which stands after it, is no sign of life', async () => {
  const c = exchange().bareRst('server').wait(0.04);
  c.bareRst('server', { seq: c.server.nxt + 1 })
    .wait(0.1)
    .fin('server');
  const [finding] = await told(c);
  assert.deepEqual([finding!.severity, finding!.evidence.unseen, finding!.evidence.hints], ['info', 'server', []]);
});

test('an end of which only an RST was captured had sent more, by what the other acknowledges later: nobody is accused', async () => {
  const c = exchange().send('server', 'PA', { payload: 3 });
  const data = c.packets.length - 1;
  c.bareRst('client', { seq: c.client.nxt }).wait(0.01);
  for (const further of [0, 1]) {
    const story = [...c.packets.slice(data), { ...c.packets[data]!, t: c.now, flags: 'A', payload: 0 }];
    const ack = story.at(-1)!;
    ack.seq += 3;
    ack.ack! += further;
    const [finding] = (await follow(story)).findings.filter(({ rule }) => rule === 'reset-close');
    const expected = further === 0 ? ['no-state', 'warning', undefined] : ['no-state', 'info', 'client'];
    assert.deepEqual([finding!.evidence.class, finding!.severity, finding!.evidence.unseen], expected);
  }
});
