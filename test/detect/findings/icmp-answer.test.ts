/** ICMP errors that quote a SYN without an answer: who says so, and of which SYN. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { adviceFor } from '../../../src/detect/advice/index.ts';
import type { Finding } from '../../../src/detect/finding.ts';
import { collect } from '../../build/collect.ts';
import { Conversation, exchange, handshake } from '../../build/conversation.ts';
import { datagram, type Frame, frameOf, frames, type Packet } from '../../build/packet.ts';
import { pcap } from '../../build/pcap.ts';
import { icmpUnreachable } from '../../build/tunnels.ts';

const ROUTER = '192.0.2.1';
/** Of what is quoted RFC 792 promises the IP header and eight bytes. */
const LEAST_QUOTED = 28;

function attempt(setup: ConstructorParameters<typeof Conversation>[0] = {}): Packet[] {
  const tried = new Conversation(setup).syn();
  for (const wait of [1, 2]) tried.wait(wait).synAgain();
  return tried.packets;
}

async function told(packets: readonly Packet[], errors: readonly Frame[], workers = 0): Promise<Finding> {
  const later = new Conversation({ client: '192.0.2.99:5', at: 200 }).handshake().packets;
  const all = [...frames([...packets, ...later]), ...errors].sort((a, b) => a.t - b.t);
  const { findings } = await collect([{ name: 'errors.pcap', bytes: pcap(all) }], { workers });
  const [finding, ...more] = findings.filter(f => f.rule === 'unanswered-syn');
  assert.equal(more.length, 0);
  return finding!;
}

test('an ICMP error that quotes the SYN says why it got no answer, and who says so', async () => {
  const syns = attempt();
  const quoted = datagram(syns[2]).subarray(0, LEAST_QUOTED);
  for (const workers of [0, 2]) {
    const finding = await told(syns, [frameOf(3.5, icmpUnreachable(ROUTER, syns[0].src, quoted))], workers);
    const { cause, seen, icmp, icmp_from } = finding.evidence;
    assert.deepEqual([cause, seen, icmp, icmp_from], ['unknown', 'icmp', 'host unreachable', ROUTER]);
    assert.deepEqual([finding.severity, finding.confidence], ['warning', 'strong']);
    assert.match(finding.title, /^None of 3 SYNs .*; cause: host unreachable, says an ICMP error of 192\.0\.2\.1/);
    assert.match(adviceFor(finding).askNext, /the machine that sent the ICMP error/);
  }
});

test('it says more than signs of a full accept queue on other connections', async () => {
  const waiting = handshake({ clientPort: 41_000 }).request(); // taken last, and never answered
  const tried = new Conversation({ at: 2 }).syn();
  for (const wait of [1, 2, 4]) tried.wait(wait).synAgain();
  const packets = [...waiting.packets, ...tried.packets];
  assert.equal((await told(packets, [])).evidence.cause, 'accept-queue');
  const error = frameOf(9.5, icmpUnreachable(ROUTER, tried.last.src, datagram(tried.last)));
  const finding = await told(packets, [error]);
  assert.deepEqual([finding.evidence.cause, finding.evidence.icmp], ['unknown', 'host unreachable']);
  assert.doesNotMatch(finding.title, /accept queue/);
});

test('it does so for a client and a server that use ECN, whose SYN and SYN-ACK have further flags', async () => {
  const { packets } = new Conversation().syn({ flags: 'SEC' });
  const lone = await told(packets, [frameOf(0.1, icmpUnreachable(ROUTER, packets[0].src, datagram(packets[0])))]);
  assert.deepEqual([lone.evidence.icmp, lone.severity], ['host unreachable', 'warning']);
  const tried = new Conversation().syn({ flags: 'SEC' }).synAck({ flags: 'SAE', lost: true });
  const synAck = tried.last;
  for (const wait of [1, 2])
    tried
      .wait(wait)
      .synAgain({ flags: 'SEC' })
      .synAck({ ...synAck, t: tried.now });
  const error = frameOf(synAck.t + 0.001, icmpUnreachable(ROUTER, synAck.src, datagram(synAck)));
  assert.equal((await told(tried.packets, [error])).evidence.icmp, 'host unreachable');
});

test('a firewall that rejects by ICMPv6 is told with its address', async () => {
  const syns = attempt({ client: '[2001:db8::10]:40000', server: '[2001:db8:1::80]:80' });
  const prohibited = icmpUnreachable('2001:db8::1', syns[0].src, datagram(syns[0]), 1);
  const { icmp, icmp_from } = (await told(syns, [frameOf(0.1, prohibited)])).evidence;
  assert.deepEqual([icmp, icmp_from], ['administratively prohibited', '2001:db8::1']);
});

test('errors about another SYN of the ports, or that only ask for smaller packets, explain nothing', async () => {
  const syns = attempt();
  const older = datagram({ ...syns[0], seq: 5 });
  const TOO_BIG = 4;
  for (const error of [
    icmpUnreachable(ROUTER, syns[0].src, older),
    icmpUnreachable(ROUTER, syns[0].src, datagram(syns[0]), TOO_BIG),
    icmpUnreachable(ROUTER, syns[0].src, datagram(syns[0]).subarray(0, LEAST_QUOTED - 1)),
  ]) {
    const finding = await told(syns, [frameOf(0.1, error)]);
    assert.deepEqual([finding.evidence.seen, finding.confidence], [undefined, 'weak']);
    assert.match(finding.title, /cause: unknown/);
  }
});

test('an ICMP error that quotes the SYN-ACK says why the answer did not come through; each new one is counted', async () => {
  const tried = new Conversation().syn();
  const server = { ...tried.server };
  for (const [i, wait] of [0, 1, 2].entries()) {
    if (i > 0) tried.wait(wait).synAgain();
    // The error ends the handshake at the server: the next SYN begins another.
    tried.server.nxt = server.nxt + i * 1_000_000;
    tried.synAck({ lost: true });
  }
  const synAcks = tried.packets.filter(p => p.flags === 'SA');
  const errors = synAcks.map(p =>
    frameOf(p.t + 0.001, icmpUnreachable(ROUTER, p.src, datagram(p).subarray(0, LEAST_QUOTED))),
  );
  const finding = await told(tried.packets, errors);
  const { cause, seen, icmp, icmp_from, syn_acks } = finding.evidence;
  assert.deepEqual([cause, seen, icmp, icmp_from, syn_acks], ['unknown', 'icmp', 'host unreachable', ROUTER, 3]);
  assert.match(
    finding.title,
    /^The client repeats its SYN 2 times .* never goes on; cause: host unreachable, says an ICMP error of 192\.0\.2\.1 that quotes the SYN-ACK$/,
  );
  assert.match(adviceFor(finding).meaning, /the way back/);
  assert.equal((await told(tried.packets, [])).evidence.cause, 'path-loss');
});

test('an ICMP error that quotes data says why it was sent again, also if it was acknowledged in the end', async () => {
  const sentAgain = (): Conversation => {
    const c = exchange().wait(5).send('client', 'PA', { payload: 100, lost: true });
    const { seq } = c.last;
    for (let i = 0; i < 5; i++) c.wait(0.2 * 2 ** i).send('client', 'PA', { seq, payload: 100, lost: true });
    return c;
  };
  const recovered = sentAgain();
  recovered.server.rcvNxt = recovered.client.nxt;
  recovered.ack('server').response().request().response();
  for (const [story, kind, title] of [
    [sentAgain(), 'silent', /never answered.*: host unreachable, says an ICMP error of 192\.0\.2\.1 that quotes it$/],
    [
      recovered,
      'recovered',
      /until the server answered, 6\.\d+ s after the first; until then host unreachable, says an ICMP/,
    ],
  ] as const) {
    const sent = story.packets.find(({ t, payload }) => t > 5 && payload === 100)!;
    const error = frameOf(sent.t + 0.3, icmpUnreachable(ROUTER, sent.src, datagram(sent).subarray(0, LEAST_QUOTED)));
    const later = new Conversation({ client: '192.0.2.99:5', at: 300 }).handshake().packets;
    const all = [...frames([...story.packets, ...later]), error].sort((a, b) => a.t - b.t);
    const { findings } = await collect([{ name: 'errors.pcap', bytes: pcap(all) }], { workers: 0 });
    const finding = findings.find(({ rule }) => rule === 'unanswered-data')!;
    const { evidence } = finding;
    assert.deepEqual([evidence.class, evidence.icmp, evidence.icmp_from], [kind, 'host unreachable', ROUTER]);
    assert.match(finding.title, title);
    assert.doesNotMatch(finding.title, /outage/);
    assert.match(adviceFor(finding).meaning, /cannot be delivered|could not be delivered/);
  }
});

test('a SYN that is sent once, as an ICMP error that quotes it ends the attempt, is reported as a refusal is', async () => {
  const quoteOf = (syn: Packet): Uint8Array => datagram(syn).subarray(0, LEAST_QUOTED);
  const before = exchange({ clientPort: 39_999 }).packets;
  for (const others of [[], before]) {
    const [syn] = new Conversation({ at: 10 }).syn().packets;
    const scanned = new Conversation({ at: 11, clientPort: 41_000, serverPort: 81 }).syn().packets;
    for (const workers of [0, 2]) {
      const error = frameOf(10.2, icmpUnreachable(ROUTER, syn!.src, quoteOf(syn!)));
      const finding = await told([...others, syn!, ...scanned], [error], workers);
      const { cause, seen, icmp, icmp_from, syns } = finding.evidence;
      assert.deepEqual([cause, seen, icmp, icmp_from, syns], ['unknown', 'icmp', 'host unreachable', ROUTER, 1]);
      assert.deepEqual([finding.severity, finding.confidence], ['warning', 'strong']);
      assert.match(
        finding.title,
        others.length > 0
          ? /^A SYN brought an ICMP error after 0\.200 s and was not sent again, though the server took others [^;]*; cause: /
          : /^A SYN brought an ICMP error after 0\.200 s and was not sent again; cause: host unreachable, says an ICMP/,
      );
      const { meaning } = adviceFor(finding);
      assert.match(meaning, /Linux gives up at once/);
      assert.doesNotMatch(meaning, /goes on/);
    }
  }
});

test('SYN-ACKs that are only counted: those that an ICMP error quotes are told as such', async () => {
  const unanswered = (clientPort: number): Packet[] => {
    const c = new Conversation({ clientPort }).syn().synAck();
    const again = { seq: c.server.nxt - 1 };
    for (const wait of [1, 2]) c.wait(wait).send('server', 'SA', again);
    return c.packets;
  };
  const [rejected, other] = [unanswered(40_002), unanswered(40_003)];
  const synAck = rejected[1];
  const error = frameOf(3.5, icmpUnreachable(ROUTER, synAck.src, datagram(synAck).subarray(0, LEAST_QUOTED)));
  const later = new Conversation({ client: '192.0.2.99:5', at: 200 }).handshake().packets;
  const all = [...frames([...rejected, ...other, ...later]), error].sort((a, b) => a.t - b.t);
  for (const workers of [0, 2]) {
    const { tally } = await collect([{ name: 'errors.pcap', bytes: pcap(all) }], { workers });
    assert.deepEqual([tally['synacks.unanswered'], tally['synacks.rejected']], [2, 1]);
  }
});
