/** Advice on RSTs of an end without a socket: what fits the silence before, and the end that sent it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { adviceFor } from '../../../src/detect/advice/index.ts';
import { exchange } from '../../build/conversation.ts';
import { advised } from '../resets/told.ts';

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
  assert.match(finding.title, /; or a NAT or balancer let its entry expire, or a firewall/);
  assert.match(said, /after 300\.0 s of silence/);
  assert.match(changes, /^Keep-alives/);
});

test('a bare RST may be that of a firewall that rejects, whose TTL is that of its supposed sender', async () => {
  for (const seconds of [0.1, 300])
    for (const end of ['client', 'server'] as const) {
      const { finding, said } = await advised(exchange().wait(seconds).request().bareRst(end));
      assert.match(finding.title, /or a firewall rejects it or had reset it$/);
      assert.match(said, /`reject with tcp reset`.*nft list ruleset/s);
    }
});

test('a client has no backends: who lost the connection is told by the end that lost it', async () => {
  const { finding, said } = await advised(exchange().response().bareRst('client'));
  assert.doesNotMatch(finding.title + said, /backend|balancer/);
  assert.match(said, /a NAT in front of it/);
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

test('no socket: its connection may have been given up, or its last packet lost; a killed process would have closed it', async () => {
  for (const from of ['server', 'client'] as const) {
    const other = from === 'server' ? 'client' : 'server';
    const { finding, said } = await advised(exchange().wait(20).send(other, 'PA', { payload: 5 }).bareRst(from));
    assert.match(finding.title, /no longer has the connection: it gave up, restarted, or its FIN or RST was lost; or /);
    assert.match(said, /given the connection up after a timeout .*TCPAbortOnTimeout/);
    assert.doesNotMatch(finding.title + said.replace(/grep -iE '[^']*'/, ''), /killed process/);
  }
});
