/** What titles say of a cause: nothing of a path where there is none, and of a server how far it was seen. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { adviceFor } from '../../../src/detect/advice/index.ts';
import { Conversation, exchange, type Setup } from '../../build/conversation.ts';
import { Host } from '../../build/host.ts';
import { accept, CLIENT, later, only, others, tries } from './told.ts';

test('a server that answers a later connection had been silent up to then', async () => {
  const c = new Conversation({ client: new Host(CLIENT) }).syn({ lost: true });
  for (const after of [6, 12, 24]) c.wait(after).synAgain({ lost: true });
  const next = c.reopen(150, { clientPort: c.client.port + 1 }).handshake();
  const finding = await only(next, later());
  assert.match(finding.title, /up to then the capture shows no packet of this server to this client/);
});

const LOCAL: Setup = { client: '127.0.0.1:40000', server: '127.0.0.1:80' };

const localLater = (at = 300): Conversation => exchange({ ...LOCAL, clientPort: 44_000, at });

test('on loopback nothing is lost on the way: neither the title nor the advice says so', async () => {
  const stories: [name: string, stories: Conversation[]][] = [
    ['never answered', [tries([1, 3, 7], LOCAL)]],
    ['answered late', [accept(tries([1, 2, 3], LOCAL))]],
    ['one of two', [accept(tries([1], { ...LOCAL, at: 2 })), ...others(0, 6, LOCAL)]],
    ['sent once', [tries([], { ...LOCAL, at: 2 }), ...others(0, 2, LOCAL)]],
    ['IPv6', [tries([1, 3, 7], { client: '[::1]:40000', server: '[::1]:80' })]],
    ['an address of its own', [tries([1, 3, 7], { client: '192.0.2.10:40000', server: '192.0.2.10:80' })]],
  ];
  for (const [name, told] of stories) {
    const finding = await only(...told, localLater());
    assert.deepEqual([finding.evidence.cause, finding.evidence.loopback], ['unknown', true], name);
    assert.match(
      finding.title,
      /on loopback there is no path to lose it on: a full accept or SYN queue, a local/,
      name,
    );
    const { meaning, checks, askNext } = adviceFor(finding);
    assert.doesNotMatch(`${finding.title} ${meaning} ${askNext}`, /lost on the way|network team|outage/, name);
    assert.match(checks.map(({ command }) => command).join('; '), /ListenOverflows.*nft list ruleset/, name);
  }
  const remote = await only(tries([1, 3, 7], { client: '127.0.0.1:40000' }), localLater());
  assert.equal(remote.evidence.loopback, undefined, 'the other end is elsewhere');
});

test('a SYN-ACK on loopback that the client does not hear: a local filter, not the path', async () => {
  const attempt = new Conversation(LOCAL).syn().synAck();
  for (const pause of [1, 2, 4]) attempt.wait(pause).synAgain().synAck();
  const finding = await only(attempt, localLater());
  assert.deepEqual([finding.evidence.cause, finding.evidence.seen], ['unknown', 'not-heard']);
  assert.match(finding.title, /did not come through to the client on the same host.*a local firewall, or rp_filter/);
  assert.match(adviceFor(finding).checks[0].where, /this host/);
});
