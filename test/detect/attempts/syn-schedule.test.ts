/** Which timer sent the SYNs again, and which were only held back. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Conversation } from '../../build/conversation.ts';
import { Host } from '../../build/host.ts';
import { accept, CLIENT, later, only, picked, tries } from './told.ts';

test('schedules: classic, linear, neither; two a second apart are of any', async () => {
  const schedule = async (...times: number[]): Promise<unknown> =>
    (await only(tries(times), later(times.at(-1)! + 100))).evidence.schedule;
  assert.equal(await schedule(1, 3), 'classic');
  assert.equal(await schedule(1.01, 3.03, 7.2, 15.4), 'classic', 'timers fire late');
  assert.equal(await schedule(1, 2), 'linear');
  assert.equal(await schedule(1, 2, 3, 4, 5, 7, 11), 'linear');
  assert.equal(await schedule(3, 9), 'other');
  assert.equal(await schedule(1, 2, 5), 'other');
  assert.equal(await schedule(1), undefined);
});

test('a timer that is none of those is told by its waits, and is not said to be unknown', async () => {
  const title = async (...times: number[]): Promise<string> =>
    (await only(tries(times), later(times.at(-1)! + 100))).title;
  assert.match(
    await title(3, 9, 21),
    /after 3, 9, 21 s, each wait twice the last, from 3 s as Linux 2\.6\.32 does; cause/,
  );
  assert.match(await title(6, 18, 42), /after 6, 18, 42 s, each wait twice the last, from 6 s; cause/);
  assert.match(
    await title(0.2, 0.6, 1.4, 3),
    /after 0\.200, 0\.600, 1\.4, 3 s, each wait twice the last, from 0\.200 s; cause/,
  );
  assert.match(await title(1.5, 4.5), /after 1\.5, 4\.5 s, each wait twice the last, from 1\.5 s; cause/);
  assert.match(await title(3, 7, 15), /after 3, 7, 15 s; cause/, 'the SYN after a second may have been lost');
  assert.match(await title(3), /^None of 2 SYNs in 3\.000 s was answered; sent again after 3 s; cause/);
});

test('SYNs that something on the way held back and let through together: none was lost', async () => {
  const host = new Host(CLIENT);
  const held = new Conversation({ client: host, at: 1 }).syn();
  held.packets[0].tsval = host.tsval(0, '');
  held.now = 1.00001;
  const finding = await only(accept(held.synAgain({ tsval: host.tsval(1.01, '') })), later());
  assert.deepEqual(picked(finding), ['unknown', 2, undefined, 'notice', 'strong']);
  assert.match(finding.title, /^SYN accepted after .*: 1 of 2 went unanswered; cause: no SYN was lost: by their/);
});

test('SYNs that were sent as close together as they came were not held back, however fast their clock ticks', async () => {
  for (const [hz, apart] of [
    [1000, 0.05],
    [1_000_000, 0.005],
    [1_000_000, 0.00006],
  ] as const) {
    const host = new Host(CLIENT, { hz });
    const sent = new Conversation({ client: host, at: 1 }).syn();
    sent.packets[0].tsval = host.tsval(1, '');
    sent.now = 1 + apart;
    const finding = await only(accept(sent.synAgain({ tsval: host.tsval(1 + apart, '') })), later());
    assert.equal(finding.evidence.seen, undefined, `${hz} Hz, ${apart} s`);
  }
});

test('a timer of a second may be a fifth late, and is none if it is later', async () => {
  for (const [wait, schedule] of [
    [1.19, 'linear'],
    [1.25, 'other'],
  ] as const) {
    const { evidence } = await only(tries([wait, 2 * wait, 3 * wait]), later());
    assert.equal(evidence.schedule, schedule, `${wait} s`);
  }
});

test('SYNs that come within 50 ms were held back, if they were sent apart; later a timer may have sent them', async () => {
  for (const [gap, seen] of [
    [0.048, 'held-back'],
    [0.052, undefined],
  ] as const) {
    const host = new Host(CLIENT);
    const held = new Conversation({ client: host, at: 1 }).syn();
    held.packets[0].tsval = host.tsval(0, '');
    held.now = 1 + gap;
    const { evidence, title } = await only(accept(held.synAgain({ tsval: host.tsval(1 + gap, '') })), later());
    assert.equal(/no SYN was lost/.test(title), seen !== undefined, `${gap} s: ${evidence.seen} ${title}`);
  }
});
