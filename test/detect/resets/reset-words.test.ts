/** What the titles of `reset-close` say, and what they leave open. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { adviceFor } from '../../../src/detect/advice/index.ts';
import { Conversation, clientCloses, exchange } from '../../build/conversation.ts';
import { Host } from '../../build/host.ts';
import { follow } from '../../flow/follow.ts';
import { told } from './told.ts';

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

test("an abort seconds after the other end's FIN answers nothing", async () => {
  const silent = await told(exchange().fin('client').ack('server').wait(5).rstFrom('server'));
  assert.match(silent[0].title, /^The server aborts 5\.0\d\d s after the client's FIN: .* a timeout/);
  const writing = exchange().fin('client').ack('server').wait(2).response().wait(0.1).rstFrom('server');
  assert.match((await told(writing))[0].title, /^The server aborts after the client's FIN/);
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

test('a server that took another connection of the client on the port within a minute takes others', async () => {
  for (const [at, expected] of [
    [59, true],
    [61, undefined],
  ] as const) {
    const { findings } = await follow([clientCloses(), new Conversation({ clientPort: 40_001, at }).syn().refuse()]);
    assert.equal(findings.find(f => f.rule === 'reset-close')!.evidence.takes_others, expected, `${at} s`);
  }
});
