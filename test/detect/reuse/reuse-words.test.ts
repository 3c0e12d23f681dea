import assert from 'node:assert/strict';
import { test } from 'node:test';
import { serverCloses } from '../../build/conversation.ts';
import { Host } from '../../build/host.ts';
import { follow } from '../../flow/follow.ts';

test('where a rejected SYN restarted the TIME_WAIT, the title counts from the close, and names the restart', async () => {
  const newer = (): Host => new Host('192.0.2.10', { boot: 50_000_000 });
  const older = new Host('192.0.2.10', { boot: 10_000_000 });
  const old = serverCloses({ client: newer(), clientPort: 40_000 });
  const rejected = old.reopen(10, { client: older, clientPort: 40_000 }).syn();
  old.oldAck(rejected);
  const isn = (old.server.nxt + 65_537) >>> 0;
  const accepted = old.reopen(3, { client: newer(), clientPort: 40_000, serverIsn: isn }).syn().synAck();
  const { findings } = await follow([old, rejected, accepted]);
  const [first, second] = findings.filter(f => f.rule === 'port-reuse');
  assert.match(first!.title, /^Port 40000 used again after 10\.0 s, in TIME_WAIT of the server: answered/);
  assert.match(
    second!.title,
    /^Port 40000 used again after 13\.0 s, in TIME_WAIT of the server \(restarted 3\.010 s before\): /,
  );
  assert.ok(Math.abs((second!.evidence.age as number) - 3.01) < 1e-6, 'since the restart, as the contract says');
});
