/** RSTs on connections on which an end, or both, sent nothing. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { adviceFor } from '../../../../src/detect/advice/index.ts';
import { Conversation, exchange, handshake } from '../../../build/conversation.ts';
import { follow } from '../../../flow/follow.ts';
import { advised, mptcp, told } from '../told.ts';

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

test('a server that aborts before data reaches it has nothing unread, as its RST acknowledges none', async () => {
  const c = handshake();
  const [finding] = await told(c.send('client', 'PA', { payload: 4, lost: true }).rstFrom('server'));
  assert.deepEqual([finding!.evidence.class, finding!.evidence.received_nothing], ['abort', true]);
  assert.doesNotMatch(finding!.title, /unread/);
});

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
  assert.match(used.finding.title, /unread data or a timeout$/);
  assert.match(used.said, /killed leaves an RST only where data was unread, otherwise a FIN/);
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
    assert.match(finding.title, /a listener that was closed before it accepted the connection/);
    assert.match(said, /TcpOutRsts/);
    assert.match(adviceFor(finding).askNext, /was it restarted or reloaded/);
    assert.doesNotMatch(adviceFor(finding).checks[0].expect, /None grows/);
  }
  const used = await advised(exchange().wait(2).rstFrom('server'));
  assert.doesNotMatch(used.finding.title + adviceFor(used.finding).meaning, /listener/);
  const byClient = (await told(handshake().wait(2).rstFrom('client')))[0];
  assert.equal(byClient.evidence.sent_nothing, undefined);
});
