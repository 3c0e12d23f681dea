/** Which attempts are told and which are only counted. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Conversation, type Setup } from '../../build/conversation.ts';
import { follow } from '../../flow/follow.ts';
import { later, only, others, picked, told, tries, withoutAck } from './told.ts';

test('a lone SYN is told where the server takes others on that port, and otherwise counted', async () => {
  const lone = (setup: Setup = {}): Conversation => tries([], { at: 2, ...setup });
  const finding = await only(lone(), ...others(0, 2), later());
  assert.deepEqual(picked(finding), ['unknown', 1, undefined, 'notice', 'weak']);
  assert.match(
    finding.title,
    /^A SYN was not answered for 75\.0 s and not sent again, though the server took others on this port; /,
  );
  const counted = async (...stories: Conversation[]): Promise<unknown> => {
    const { findings, tally } = await follow(stories);
    assert.equal(findings.filter(f => f.rule === 'unanswered-syn').length, 0);
    return tally['syns.unanswered'];
  };
  assert.equal(await counted(lone(), later()), 1, 'nothing was ever taken');
  assert.equal(await counted(lone({ serverPort: 81 }), ...others(0, 2), later()), 1, 'another port');
  assert.equal(await counted(lone(), ...others(0, 1), later(4.9)), 1, 'the capture ends too early');
});

test('a SYN with a new ISN that follows on the same tuple is told: the client has tried again', async () => {
  const first = tries([], { at: 2 });
  const second = first.reopen(4, { clientIsn: 77_000 }).syn();
  const titles = (await told(...others(0, 2), second, later())).map(f => f.title);
  assert.equal(titles.length, 2);
  assert.match(
    titles[0],
    /^A SYN was not answered for 4\.0\d\d s and then followed by a SYN with a new ISN from the same port, /,
  );
  assert.match(titles[1], /^A SYN was not answered for 75\.0 s and not sent again, /);
});

test('SYN-ACKs to whoever completes nothing are a flood or a scan: counted; a reset, or one repetition, is no news', async () => {
  const counted = async (...stories: Conversation[]): Promise<unknown[]> => {
    const { findings, tally } = await follow(stories);
    return [findings.filter(f => f.rule === 'unanswered-syn').length, tally['synacks.unanswered'] ?? 0];
  };
  assert.deepEqual(await counted(withoutAck(4), withoutAck(3, { clientPort: 40_003 }), later()), [0, 2]);
  assert.deepEqual(await counted(...others(0, 2), withoutAck(2), later()), [0, 0]);
  assert.deepEqual(await counted(...others(0, 2), withoutAck(4).bareRst('client'), later()), [0, 0]);
});

const SERVER = '198.51.100.80:80';

test('a refusal after a lost SYN is told, a refusal at once is not', async () => {
  const refused = await only(tries([1]).refuse(), later());
  assert.match(refused.title, /^SYN refused: 1 of 2 went unanswered/);
  assert.deepEqual(await told(new Conversation({ server: SERVER }).syn().refuse(), later()), []);
});
