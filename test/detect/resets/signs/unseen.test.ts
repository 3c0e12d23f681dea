/** RSTs whose cause the capture lacks: nobody is accused. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Changes, Conversation, exchange } from '../../../build/conversation.ts';
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
