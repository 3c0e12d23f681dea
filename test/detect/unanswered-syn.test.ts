/** What `unanswered-syn` reports of an attempt, how long it lasts, and which packets it shows. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { adviceFor } from '../../src/detect/advice/index.ts';
import type { Finding } from '../../src/detect/finding.ts';
import { Conversation } from '../build/conversation.ts';
import { Host } from '../build/host.ts';
import { accept, CLIENT, later, only, others, picked, stalled, tries, unheard } from './attempts/told.ts';

test('unknown: what is said depends on whether the server was seen, and takes others', async () => {
  const dead = await only(tries([1, 3, 7]), later());
  assert.deepEqual(picked(dead), ['unknown', 4, 'classic', 'warning', 'weak']);
  assert.match(
    dead.title,
    /^None of 4 SYNs in 7\.000 s was answered; sent again after 1, 3, 7 s; .*no packet of this server/,
  );
  assert.equal(dead.evidence.watched, 82, '75 s after the last SYN');
  const late = await only(accept(tries([1, 2, 3])), later());
  assert.deepEqual(picked(late), ['unknown', 4, 'linear', 'notice', 'weak']);
  assert.equal(late.evidence.delay, 3.005);
  assert.match(late.title, /^SYN accepted after 3\.005 s: 3 of 4 went unanswered;/);
  const taken = await only(tries([1, 3], { at: 2 }), ...others(0, 8), later());
  assert.match(taken.title, /takes others on this port meanwhile/);
});

test('one SYN of two, and nothing else: the path or a queue, and who is asked depends on the server', async () => {
  const finding = await only(accept(tries([1], { clientPort: 40_002, at: 2.5 })), ...others(0, 8), later());
  assert.match(finding.title, /lost on the way, or dropped as the accept queue of the server was full for a moment/);
  assert.doesNotMatch(finding.title, /most likely/);
  const { meaning, askNext, checks } = adviceFor(finding);
  assert.match(meaning, /accept queue/);
  assert.match(askNext, /^If ListenOverflows grows: the owner of/);
  assert.ok(checks.some(({ command }) => command.includes('ListenOverflows')));
  const several = await only(accept(tries([1, 3], { clientPort: 40_002, at: 2.5 })), ...others(0, 8), later());
  assert.match(several.title, /a full accept queue/);
});

test('a connection whose SYN came before is not taken meanwhile, however late its SYN-ACK comes', async () => {
  const meanwhile = async (synAt: number): Promise<boolean> => {
    const other = new Conversation({ clientPort: 50_000, at: synAt }).syn();
    other.now = 4.2;
    other.synAck().ack('client');
    const finding = await only(accept(tries([1], { clientPort: 40_002, at: 3.5 })), other, later());
    return /others were accepted/.test(finding.title);
  };
  assert.equal(await meanwhile(3.51), true);
  assert.equal(await meanwhile(3.49), false);
});

test('a finding lasts up to the last packet that counts, shown or not', async () => {
  const attempt = tries([1, 2, 3, 4, 5, 7, 11, 19.5]);
  const finding = await only(attempt, later());
  assert.equal(finding.packets.length, 5);
  assert.equal(Math.round((finding.lastAt - finding.firstAt) / 1e6), 19_500);
});

test('so does one on SYN-ACKs that are not heard, and one on a handshake that stalls', async () => {
  const milliseconds = ({ firstAt, lastAt }: Finding): number => Math.round((lastAt - firstAt) / 1e6);
  const repeated = await only(unheard(6), later());
  assert.equal(milliseconds(repeated), 4005, 'from the first SYN that came again to the last SYN-ACK');
  const waits = await only(stalled({}, 4, false), later());
  assert.equal(milliseconds(waits), 3020, 'from the SYN-ACK that came again to the third segment after it');
  for (const { packets, lastAt } of [repeated, waits])
    assert.ok(
      packets.every(({ at }) => at < lastAt),
      'not shown',
    );
});

test('of a long row of SYNs all times are told, and the one that was answered is shown', async () => {
  const c = new Conversation({ client: new Host(CLIENT) }).syn();
  for (const after of [1, 2, 4, 8, 16, 34]) c.wait(after).synAgain();
  const answeredSyn = c.last.t;
  const finding = await only(c.synAck().ack('client'), later());
  assert.match(finding.title, /sent again after 1, 3, 7, 15, 31, 65 s/);
  const [syn, answer] = finding.packets.slice(-2);
  assert.deepEqual([syn!.note, answer!.note], ['SYN sent again', 'SYN-ACK']);
  assert.ok(Math.abs((syn!.at - finding.packets[0].at) / 1e9 - answeredSyn) < 0.1);
});
