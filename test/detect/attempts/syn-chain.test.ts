/** An attempt that a NAT sends on from other ports is one attempt. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Finding } from '../../../src/detect/finding.ts';
import { Conversation, clientCloses, type Setup, serverCloses } from '../../build/conversation.ts';
import { Host } from '../../build/host.ts';
import { follow } from '../../flow/follow.ts';
import { accept, CLIENT, later, only, told, tries } from './told.ts';

test('an attempt that a NAT sends on from other ports is one: nothing failed', async () => {
  const behind = { client: new Host(CLIENT, { boot: 1000 }), clientIsn: 500 };
  const olds = [40_000, 40_001].map(clientPort =>
    serverCloses({ client: new Host(CLIENT, { boot: 50_000_000 }), clientIsn: 1000, clientPort }),
  );
  const refused = olds.map((old, i) => {
    const next = new Conversation({ ...behind, clientPort: 40_000 + i, at: 10 + i }).syn();
    old.oldAck(next);
    return next.bareRst('client', { seq: old.server.rcvNxt });
  });
  const accepted = clientCloses({ ...behind, clientPort: 40_002, at: 13 });
  const findings = await told(...olds, ...refused, accepted, later());
  assert.deepEqual(
    findings.map(f => [f.clientPort, f.severity, f.evidence.syns, f.evidence.ports, f.evidence.next_port]),
    [
      [40_000, 'notice', 1, undefined, 40_001],
      [40_001, 'notice', 1, undefined, 40_002],
    ],
  );
  for (const { title } of findings) assert.match(title, /accepted after 3\.005 s in all, at try 3/);
  const other = clientCloses({ ...behind, clientIsn: 501, clientPort: 40_002, at: 13 });
  const failed = await told(...olds, ...refused, other, later());
  assert.deepEqual(
    failed.map(f => [f.severity, f.evidence.syns]),
    [
      ['notice', 1],
      ['warning', 2],
    ],
  );
  assert.match(failed[1].title, /^A SYN was not accepted, at try 2, the last on one of 2 ports that a NAT gave/);
});

test('whoever sends one SYN from ever more ports begins a new attempt after 32 of them', async () => {
  const ports = Array.from({ length: 40 }, (_, i) => 40_000 + i);
  const olds = ports.map(clientPort =>
    serverCloses({ client: new Host(CLIENT, { boot: 50_000_000 }), clientIsn: 1000, clientPort }),
  );
  const refused = olds.map((old, i) => {
    const behind = { client: new Host(CLIENT, { boot: 1000 }), clientIsn: 500 };
    const next = new Conversation({ ...behind, clientPort: ports[i], at: 10 + i / 10 }).syn();
    old.oldAck(next);
    return next.bareRst('client', { seq: old.server.rcvNxt });
  });
  const { findings } = await follow([...olds, ...refused, later()], { rules: ['unanswered-syn'], maxFindings: 100 });
  const [before, after] = [findings.slice(0, 32), findings.slice(32)];
  assert.deepEqual(
    [before, after].map(each => each.at(-1)!.evidence.ports),
    [32, 8],
  );
  assert.equal(before.filter(f => f.evidence.next_port !== undefined).length, 31);
  assert.match(before[0].title, /at try 32, from port 40031 of the 32 that it had/);
  assert.match(after[0].title, /at try 8, from port 40039 of the 8 that it had/);
});

/** A SYN meets the TIME_WAIT that another host behind the NAT has left on that port, and the client resets its ACK. */
function refusedBehindNat(clientPort: number, at: number, options: { reset?: boolean } = {}): Conversation[] {
  const old = serverCloses({
    client: new Host(CLIENT, { boot: 50_000_000 }),
    clientIsn: 1000,
    clientPort,
    at: at - 0.5,
  });
  const next = new Conversation({ ...BEHIND_NAT(), clientPort, at }).syn();
  old.oldAck(next);
  return [old, options.reset === false ? next : next.bareRst('client', { seq: old.server.rcvNxt })];
}

const BEHIND_NAT = (): Setup => ({ client: new Host(CLIENT, { boot: 1000 }), clientIsn: 500 });

const wholes = (findings: readonly Finding[]): unknown[] =>
  findings.map(f => [f.clientPort, f.severity, f.evidence.syns, f.evidence.ports, f.evidence.next_port]);

test('an attempt that a NAT sends twice from one port, which others have had in between, is one', async () => {
  const legs = [...refusedBehindNat(40_000, 10), ...refusedBehindNat(40_000, 11), ...refusedBehindNat(40_001, 13)];
  const accepted = clientCloses({ ...BEHIND_NAT(), clientPort: 40_002, at: 17 });
  const findings = await told(...legs, accepted, later());
  assert.deepEqual(wholes(findings), [
    [40_000, 'notice', 1, undefined, 40_000],
    [40_000, 'notice', 1, undefined, 40_001],
    [40_001, 'notice', 1, undefined, 40_002],
  ]);
  for (const { title } of findings)
    assert.match(title, /accepted after 7\.0\d\d s in all, at try 4, from port 40002 of the 3 that it had/);
  assert.match(findings[0].title, /went on from the same port, which others had in between,/);
});

test('where a NAT comes back to a port, the SYNs from others are shown in their place, and each port counts once', async () => {
  const [old, first] = refusedBehindNat(40_000, 10);
  const between = refusedBehindNat(40_001, 11);
  first!.now = 13;
  accept(first!.synAgain());
  const findings = await told(old!, first!, ...between, later());
  assert.deepEqual(wholes(findings), [
    [40_000, 'warning', 3, 2, undefined],
    [40_001, 'notice', 1, undefined, 40_000],
  ]);
  assert.match(findings[0].title, /^SYN accepted after 3\.0\d\d s, at try 3, the last on one of 2 ports/);
  assert.deepEqual(
    findings[0].packets.map(({ note }) => note),
    [
      'SYN',
      'ACK of the old connection',
      'RST by the client, at the number that the ACK named',
      'the same SYN, from port 40001',
      'SYN sent again',
      'SYN-ACK',
    ],
  );
});

test('an attempt that goes on from another port is followed though the RST that made the NAT forget it is missing', async () => {
  const accepted = clientCloses({ ...BEHIND_NAT(), clientPort: 40_002, at: 13 });
  const findings = await told(...refusedBehindNat(40_000, 10, { reset: false }), accepted, later());
  assert.deepEqual(wholes(findings), [[40_000, 'notice', 1, undefined, 40_002]]);
  assert.match(
    findings[0].title,
    /as a NAT does that forgot it \(a stack that gives its connections one ISN looks the same\): /,
  );
});

test('a port that goes on after another with the same ISN was accepted is of an attempt of its own, and no NAT is named', async () => {
  const setup = { client: new Host(CLIENT, { boot: 1000 }), clientIsn: 1000 };
  const old = serverCloses({ ...setup, clientIsn: 500 });
  const silent = tries([1, 3, 7], { ...setup, at: old.now + 10 });
  const accepted = clientCloses({ ...setup, clientPort: 40_002, at: old.now + 11 });
  const finding = await only(old, silent, accepted, later());
  assert.deepEqual(
    [finding.evidence.syns, finding.evidence.next_port, finding.evidence.ports],
    [4, undefined, undefined],
  );
  assert.doesNotMatch(finding.title, /NAT|accepted after/);
});

test('where timestamps are cut off the ISN alone tells an attempt from others: followed, and not proved', async () => {
  const cut = async (clientIsn: number, at = 13): Promise<unknown[]> => {
    const accepted = clientCloses({ ...BEHIND_NAT(), clientIsn, clientPort: 40_002, at });
    const stories = [...refusedBehindNat(40_000, 10), accepted];
    for (const { packets } of stories) for (const packet of packets) packet.snap = 54;
    const [finding] = await told(...stories, later());
    return [finding!.severity, finding!.confidence, finding!.evidence.next_port];
  };
  assert.deepEqual(await cut(500), ['notice', 'strong', 40_002]);
  assert.deepEqual(await cut(501), ['warning', 'proof', undefined], 'another ISN');
  assert.deepEqual(await cut(500, 100), ['warning', 'proof', undefined], 'too late for a SYN that is sent again');
});

test('a client that goes on after its RST was accepted, as it seems, though no SYN-ACK was captured', async () => {
  const [old, next] = refusedBehindNat(40_000, 10);
  accept(next!.synAgain());
  const synAck = next!.packets.findIndex(({ flags }) => flags === 'SA');
  next!.packets.splice(synAck, 1);
  const finding = await only(old!, next!, later());
  assert.match(finding.title, /^SYN accepted, as it seems, at try 2; .*goes on as if answered/);
  assert.deepEqual([finding.severity, finding.evidence.seen], ['info', 'not-captured']);
});
