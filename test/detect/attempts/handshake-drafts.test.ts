/** Handshakes whose SYN-ACK or last ACK is not heard by the other end. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { adviceFor } from '../../../src/detect/advice/index.ts';
import { Conversation } from '../../build/conversation.ts';
import { Host } from '../../build/host.ts';
import { CLIENT, later, only, others, picked, told, unheard, withoutAck } from './told.ts';

test('at the server, the ACK never comes of a client whose other connections work: told, and neither end accused', async () => {
  const never = await only(...others(0, 2), withoutAck(4), later());
  assert.deepEqual(picked(never), ['path-loss', 1, undefined, 'notice', 'weak']);
  assert.deepEqual([never.evidence.seen, never.evidence.syn_acks], ['no-ack', 4]);
  assert.match(never.title, /^The server repeats its SYN-ACK 3 times, and nothing of the client comes back; cause: /);
  assert.match(adviceFor(never).meaning, /asymmetric routing/);
  assert.deepEqual(
    never.packets.map(({ flags }) => flags),
    ['SA', 'SA', 'SA', 'SA'],
  );
});

test("at the server, the client's data comes after three SYN-ACKs and no ACK before: packets were lost on the way", async () => {
  const c = withoutAck(3);
  const first = c.packets[1].tsval!;
  c.wait(1).send('client', 'PA', { payload: 10, tsecr: first }).ack('server').clientCloses();
  const late = await only(...others(0, 2), c, later());
  assert.deepEqual(picked(late), ['path-loss', 1, undefined, 'info', 'strong']);
  assert.match(late.title, /SYN-ACK 2 times, and the client's data comes 4\.\d+ s after its SYN, with no ACK before/);
});

test("at the server, the client's ACK comes right after the fourth SYN-ACK and echoes the first: its ACKs were lost", async () => {
  const c = withoutAck(4);
  c.ack('client', { tsecr: c.packets[1].tsval! }).request().clientCloses();
  const late = await only(...others(0, 2), c, later());
  assert.deepEqual(picked(late), ['path-loss', 1, undefined, 'info', 'strong']);
  assert.equal(late.evidence.seen, 'no-ack');
  assert.match(
    late.title,
    /SYN-ACK 3 times, and the client's ACK comes 7\.\d+ s after its SYN, with nothing before; cause/,
  );
  const slow = withoutAck(3).wait(2);
  slow.ack('client', { tsecr: slow.packets[1].tsval! }).request().clientCloses();
  assert.deepEqual(await told(...others(0, 2), slow, later()), [], 'a slow path');
});

test('path-loss on the way back: the client repeats a SYN that was answered', async () => {
  const late = unheard(3);
  late
    .send('server', 'SA', { seq: late.server.nxt - 1 })
    .ack('client')
    .request()
    .response();
  const finding = await only(late, later());
  assert.deepEqual(picked(finding), ['path-loss', 3, 'linear', 'info', 'strong']);
  assert.match(
    finding.title,
    /^The client repeats its SYN 2 times though the server has answered it, and goes on 2\.\d+ s/,
  );
  assert.deepEqual([finding.evidence.syn_acks, finding.packets.map(({ flags }) => flags)], [4, ['SA', 'S', 'S', 'A']]);
  const never = await only(unheard(4), later());
  assert.deepEqual(picked(never), ['path-loss', 4, 'linear', 'warning', 'strong']);
  assert.match(never.title, /never goes on; cause: 4 SYN-ACKs passed here, and none came through/);
  const once = await only(unheard(2, { client: new Host(CLIENT, { timestamps: false }) }), later());
  assert.deepEqual(picked(once), ['path-loss', 2, undefined, 'notice', 'weak']);
});

test("path-loss on the way back: the server's timer fires first", async () => {
  const c = new Conversation().syn().synAck({ lost: true }).wait(1);
  c.send('server', 'SA', { seq: c.server.nxt - 1 })
    .ack('client')
    .request()
    .response();
  const finding = await only(c, later());
  assert.deepEqual(picked(finding), ['path-loss', 1, undefined, 'info', 'strong']);
  assert.match(finding.title, /^The client answers SYN-ACK number 2, 1\.\d+ s after the first SYN, and none before it/);
});

test('a path that is slower than the timer of SYNs loses nothing; copies at once are no timer', async () => {
  const slow = new Conversation().syn().synAck();
  const { tsval } = slow.last;
  slow
    .wait(1)
    .synAgain()
    .send('server', 'SA', { seq: slow.server.nxt - 1, lost: true });
  assert.deepEqual(await told(slow.ack('client', { tsecr: tsval! }).request().response(), later()), []);
  const flood = new Conversation().syn().synAck({ lost: true });
  for (let i = 0; i < 3; i++) flood.wait(1).send('server', 'SA', { seq: flood.server.nxt - 1, lost: true });
  assert.deepEqual(await told(flood, later()), [], 'a client that says nothing more may never have been there');
});

test('a round trip of 3.1 s, after the timer of SYN-ACKs but within 250 ms of the third, loses nothing: the SYNs tell', async () => {
  const answered = (after: number, synAgain: boolean): Conversation => {
    const c = new Conversation({ clientPort: 40_002, at: 3 }).syn();
    const [syn] = c.packets;
    c.synAck();
    const { t, seq, tsval } = c.last;
    const at = (seconds: number): Conversation => c.wait(seconds - c.now);
    if (synAgain) at(syn!.t + 1).synAgain();
    for (const wait of [1, 3]) at(t + wait).send('server', 'SA', { seq });
    return at(t + 3 + after).ack('client', { tsecr: tsval! });
  };
  for (const [after, synAgain, expected] of [
    [0.1, true, 0],
    // A client that had heard nothing for 3 s would have sent its SYN again (RFC 6298 §2, RFC 1122 §4.2.3.1).
    [0.1, false, 1],
    [0.24, false, 1],
    [0.26, false, 0],
  ] as const) {
    const findings = await told(...others(0, 2), answered(after, synAgain), later());
    assert.equal(findings.length, expected, `${after} s after, SYN again: ${synAgain}`);
  }
});

test('what comes again within 200 ms is a copy, and after that a timer', async () => {
  for (const [after, expected] of [
    [0.06, 0],
    [0.19, 0],
    [0.21, 1],
  ] as const) {
    const syn = new Conversation().syn().synAck({ lost: true });
    syn.now = syn.packets[0].t + after;
    syn.synAgain().synAck().ack('client').request().response();
    assert.equal((await told(syn, later())).length, expected, `SYN after ${after} s`);
  }
});
