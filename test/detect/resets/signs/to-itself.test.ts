/** A socket that connects to its own port, as connect() may choose it where nobody listens (captured on Linux 6.18). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { adviceFor } from '../../../../src/detect/advice/index.ts';
import type { Packet } from '../../../build/packet.ts';
import { follow } from '../../../flow/follow.ts';

/** `end` is the flags of the last packets: each is sent to itself. */
function connection(at: number, isn: number, end: readonly string[]): Packet[] {
  const packet = (after: number, flags: string, seq: number, payload = 0): Packet => ({
    t: at + after,
    src: '127.0.0.1',
    sport: 45_000,
    dst: '127.0.0.1',
    dport: 45_000,
    flags,
    seq: isn + seq,
    ack: flags === 'S' ? 0 : isn + Math.max(seq, 1),
    payload,
    window: 512,
    ...(flags.includes('S') ? { mss: 65_495, wscale: 7 } : {}),
    tsval: 1000 + Math.round(1000 * (at + after)),
    tsecr: flags === 'S' ? 0 : 1000,
  });
  return [
    packet(0, 'S', 0),
    packet(0.00001, 'SA', 0),
    packet(0.00002, 'A', 1),
    packet(0.00003, 'PA', 1, 5),
    packet(0.00004, 'A', 6),
    ...end.map((flags, i) => packet(0.2 + i / 1e5, flags, 6 + i)),
  ];
}

test('the RST of a connection to itself accuses nobody, and the capture lacks no other end', async () => {
  const { findings } = await follow([...connection(0, 1000, ['RA']), ...connection(1.2, 90_000, ['RA'])]);
  assert.deepEqual(
    findings.map(({ rule, severity }) => [rule, severity]),
    [
      ['reset-close', 'info'],
      ['reset-close', 'info'],
    ],
    'the port is not used again by another',
  );
  const [{ title, evidence }] = findings as [(typeof findings)[0]];
  assert.match(title, /^A socket resets a connection to itself: nothing listened on the port/);
  assert.deepEqual([evidence.self, evidence.unseen], [true, undefined]);
  assert.match(adviceFor(findings[0]!).checks[0]!.command, /ip_local_reserved_ports/);
});

test('a connection to itself that is closed, and another one after it, is told by no rule', async () => {
  const { findings } = await follow([...connection(0, 1000, ['FA', 'A']), ...connection(1.2, 90_000, ['FA', 'A'])]);
  assert.deepEqual(findings, []);
});
