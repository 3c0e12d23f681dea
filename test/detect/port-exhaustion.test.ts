/** Ports that run out: every sign, and what must not be taken for one (docs/rules.md D4). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AnalyseOptions } from '../../src/analyse.ts';
import { adviceFor } from '../../src/detect/advice/index.ts';
import type { Finding } from '../../src/detect/finding.ts';
import { capacityOf, planFor } from '../../src/detect/ports/port-capacity.ts';
import { PortUse } from '../../src/detect/ports/port-use.ts';
import { TIME_WAIT } from '../../src/flow/time-wait.ts';
import { collect } from '../build/collect.ts';
import { type Conversation, clientCloses, together } from '../build/conversation.ts';
import { fixtureNamed } from '../build/fixtures.ts';
import { frames, type Packet } from '../build/packet.ts';
import { pcap } from '../build/pcap.ts';
import { walkPorts } from '../build/port-walk.ts';
import { cutAt } from '../build/records.ts';
import { followFile } from '../flow/follow.ts';

/** 600 ports: ten connections a second can last. */
const RANGE = [40_000, 40_599] as const;
const OPTIONS: AnalyseOptions = { portRange: RANGE, maxFlows: 16_384, rules: ['port-exhaustion'], flows: false };

const judged = async (packets: readonly Packet[], options: AnalyseOptions = {}): Promise<Finding[]> =>
  (await followFile(packets, { ...OPTIONS, ...options })).findings;

async function only(packets: readonly Packet[], options?: AnalyseOptions): Promise<Finding> {
  const found = await judged(packets, options);
  assert.equal(found.length, 1, found.map(f => f.title).join('\n'));
  return found[0];
}

const signs = ({ evidence }: Finding): unknown => evidence.signs;

test('a burst that takes every port, and waits for each: exhausted, likely', async () => {
  const walk = walkPorts({ range: RANGE, rate: 30, seconds: 100 });
  assert.ok(walk.failed > 500);
  const finding = await only(walk.packets);
  assert.equal(finding.severity, 'critical');
  assert.equal(finding.confidence, 'strong');
  assert.deepEqual(signs(finding), ['in-use', 'pile-up-after-2msl', 'odd-ports']);
  assert.match(finding.title, /^The client has likely run out of ports: 600 of 600 /);
  const { in_use, capacity, rate, rate_limit, time_to_exhaustion } = finding.evidence;
  assert.deepEqual(
    { in_use, capacity, rate_limit, time_to_exhaustion },
    {
      in_use: 600,
      capacity: 600,
      rate_limit: 10,
      time_to_exhaustion: 0,
    },
  );
  assert.ok((rate as number) > 5 && (rate as number) <= 30);
  assert.ok(finding.packets.length >= 4);
});

test('a little more than can last: the rate is flat at the limit', async () => {
  const finding = await only(walkPorts({ range: RANGE, rate: 10.1, seconds: 200 }).packets);
  assert.equal(finding.severity, 'critical');
  for (const sign of ['in-use', 'pile-up-after-2msl', 'rate-plateau', 'odd-ports']) {
    assert.ok((signs(finding) as string[]).includes(sign), sign);
  }
});

test('all ports in use and no sign that any was waited for: nearly full, no more', async () => {
  const finding = await only(walkPorts({ range: RANGE, rate: 30, seconds: 20 }).packets);
  assert.equal(finding.severity, 'critical');
  assert.deepEqual(signs(finding), ['in-use', 'odd-ports']);
  assert.match(
    finding.title,
    /^600 of 600 .*: nearly full\. Whether connect\(\) failed on the client no packet shows$/,
  );
});

for (const [ports, severity] of [
  [419, undefined],
  [420, 'notice'],
  [539, 'notice'],
  [540, 'warning'],
  [587, 'warning'],
  [588, 'critical'],
] as const) {
  test(`${ports} of 600 ports in use: ${severity ?? 'nothing'}`, async () => {
    const { packets } = walkPorts({ range: RANGE, rate: ports / 20, seconds: 20, closes: 'never' });
    const found = await judged(packets);
    assert.deepEqual(
      found.map(f => [f.severity, f.evidence.in_use]),
      severity === undefined ? [] : [[severity, ports]],
    );
  });
}

test('the time until all are in use goes on at the pace of the last minute', async () => {
  const finding = await only(walkPorts({ range: RANGE, rate: 15, seconds: 30 }).packets);
  assert.equal(finding.evidence.in_use, 450);
  assert.equal(finding.evidence.time_to_exhaustion, 10);
  assert.equal(finding.evidence.rate, 15);
});

test('what was watched before a step of the clock leaves room for others: after a thousand steps as well', async () => {
  const few: readonly [number, number] = [40_000, 40_007];
  const before = Array.from({ length: 1_100 }, (_, step) => 3_000 - 2 * step);
  const packets = before.flatMap(at => walkPorts({ range: few, rate: 8, seconds: 1, at }).packets);
  const finding = await only(packets, { portRange: few });
  assert.deepEqual([finding.evidence.in_use, finding.evidence.capacity], [8, 8]);
});

test('ports that are free again in between are not in use together', async () => {
  assert.deepEqual(await judged(walkPorts({ range: RANGE, rate: 5, seconds: 300 }).packets), []);
});

test('a server that closes first leaves the client its ports', async () => {
  assert.deepEqual(await judged(walkPorts({ range: RANGE, rate: 100, seconds: 30, closes: 'server' }).packets), []);
});

test('other server addresses have ports of their own', async () => {
  const halves = ['198.51.100.80', '198.51.100.81'].flatMap(
    server => walkPorts({ range: RANGE, rate: 15, seconds: 20, server }).packets,
  );
  assert.deepEqual(await judged(halves.sort((a, b) => a.t - b.t)), []);
});

test('each packet captured twice, as on a loopback: counted once', async () => {
  const { packets } = walkPorts({ range: RANGE, rate: 15, seconds: 20 });
  const twice = packets.flatMap(packet => [packet, { ...packet, t: packet.t + 1e-6 }]);
  assert.deepEqual(await judged(twice), []);
});

test('ports outside the range: whose pool it is nobody knows, and nobody is accused', async () => {
  const { packets } = walkPorts({ range: [1024, 2023], rate: 50, seconds: 20, anyParity: true });
  const finding = await only(packets);
  assert.equal(finding.severity, 'info');
  assert.equal(finding.evidence.capacity, undefined);
  assert.equal(finding.evidence.capacity_from, 'unknown');
  assert.match(finding.title, /how many are left is unknown$/);
});

test('any order of ports: no word of odd ones', async () => {
  const finding = await only(walkPorts({ range: RANGE, rate: 30, seconds: 20, anyParity: true }).packets);
  assert.deepEqual(signs(finding), ['in-use']);
});

test('a client that binds one port again and again runs out of nothing', async () => {
  const first = clientCloses({ client: '192.0.2.10:40000' });
  let c: Conversation = first;
  for (let i = 0; i < 50; i++) c = c.reopen(1).handshake().request().response().clientCloses();
  assert.deepEqual(await judged(first.packets), []);
  assert.deepEqual(await judged(first.packets, { portRange: [32_768, 60_999] }), []);
});

test('eight ports that tcp_tw_reuse takes over, each a second after its close', async () => {
  const input = fixtureNamed('lab-tw-reuse-8-ports.pcap').inputs;
  const [finding, ...more] = (await collect(input, { rules: ['port-exhaustion'] })).findings;
  assert.deepEqual(more, []);
  assert.equal(finding?.severity, 'warning');
  assert.equal(finding.confidence, 'weak');
  const { in_use, capacity, capacity_from } = finding.evidence;
  assert.deepEqual({ in_use, capacity, capacity_from }, { in_use: 8, capacity: 8, capacity_from: 'observed' });
  const [given] = (await collect(input, { rules: ['port-exhaustion'], portRange: [32_768, 32_775] })).findings;
  assert.equal(given?.evidence.capacity_from, 'given');
  assert.equal(given.severity, 'warning', 'the client gets on');
});

test('thirty ports without tcp_tw_reuse: each waited for, and connect() fails in between', async () => {
  const small = { range: [42_000, 42_029], rate: 4, seconds: 140 } as const;
  const { packets, failed } = walkPorts(small);
  assert.ok(failed > 300, `${failed} failed`);
  const untold = { portRange: [32_768, 60_999] } as const;
  const [finding, ...more] = await judged(packets, untold);
  assert.deepEqual(more, []);
  const { in_use, capacity, capacity_from } = finding!.evidence;
  assert.deepEqual({ in_use, capacity, capacity_from }, { in_use: 30, capacity: 30, capacity_from: 'observed' });
  assert.deepEqual([finding!.severity, finding!.confidence], ['warning', 'strong']);
  assert.match(finding!.title, /^All 30 ports .* uses none again before its TIME_WAIT is over: .* connect\(\) fails/);
  for (const rate of [0.3, 0.4, 0.45]) {
    const { packets: few, failed: none } = walkPorts({ ...small, rate, seconds: 400, anyParity: true });
    assert.equal(none, 0);
    assert.deepEqual(await judged(few, untold), [], 'a NAT that gives out the lowest free port, which last');
  }
});

test('ten ports of which each is waited for are known without --port-range, though the first 16 connections are only counted', async () => {
  const { packets, failed } = walkPorts({ range: [40_000, 40_009], rate: 3.3, seconds: 128 });
  assert.ok(failed > 300, `${failed} failed`);
  const [finding, ...more] = await judged(packets, { portRange: [32_768, 60_999] });
  assert.deepEqual(more, []);
  const { in_use, capacity, capacity_from } = finding!.evidence;
  assert.deepEqual({ in_use, capacity, capacity_from }, { in_use: 10, capacity: 10, capacity_from: 'observed' });
});

test('ten ports that return at two times are waited for; if they return all together, that does not show it', async () => {
  for (const [rate, seconds, expected] of [
    [3.3, 600, ['warning', 'strong', undefined]],
    [50, 128, ['notice', 'weak', true]],
  ] as const) {
    const { packets, failed } = walkPorts({ range: [40_000, 40_009], rate, seconds });
    assert.ok(failed > 300, `${failed} failed`);
    const [finding, ...more] = await judged(packets, { portRange: [32_768, 60_999] });
    assert.deepEqual(more, []);
    assert.deepEqual([finding!.severity, finding!.confidence, finding!.evidence.steady], expected);
  }
});

test('ten ports of which eight come again twice were used up no more slowly for that', async () => {
  const stories = Array.from({ length: 10 }, (_, i) => {
    let c = clientCloses({ client: `192.0.2.10:${40_000 + i}`, at: i / 3 });
    const { packets } = c;
    for (let k = 0; i !== 4 && i !== 5 && k < 2; k++)
      c = c
        .reopen(61 + ((i * 7 + k) % 10) / 5)
        .handshake()
        .request()
        .clientCloses();
    return packets;
  });
  const found = await judged(together(...stories), { portRange: [32_768, 60_999] });
  assert.deepEqual(
    found.map(({ evidence: { capacity, capacity_from } }) => [capacity, capacity_from]),
    [[10, 'observed']],
  );
});

test('programs that connect once a minute, each from its own port, have not run out of ports', async () => {
  for (const [ports, within] of [
    [10, 4],
    [10, 5],
    [30, 5],
    [100, 5],
  ] as const)
    for (const period of [60.3, 61, 63]) {
      const stories = Array.from({ length: ports }, (_, i) => {
        const begin = (i * 0.618 * within) % within;
        let c = clientCloses({ client: `192.0.2.10:${40_000 + i}`, at: begin });
        const { packets } = c;
        // Their timers are not exact.
        for (let k = 1; k < 4; k++) {
          c = c
            .reopen(begin + k * period + ((i * 7 + k) % 10) / 100 - c.now)
            .handshake()
            .request()
            .clientCloses();
        }
        return packets;
      });
      const [finding, ...more] = await judged(together(...stories), { portRange: [32_768, 60_999] });
      assert.deepEqual(more, []);
      assert.deepEqual([finding!.severity, finding!.confidence, finding!.evidence.steady], ['notice', 'weak', true]);
      assert.match(
        finding!.title,
        /: its range is used up and connect\(\) fails meanwhile, or each port belongs to a program/,
      );
      assert.match(adviceFor(finding!).meaning, /Either it has no others, .* Or as many programs connect by a timer/);
    }
});

test('neither threads nor cuts change the verdict', async () => {
  const { packets } = walkPorts({ range: RANGE, rate: 30, seconds: 100 });
  const file = pcap(frames(packets), { nanos: true });
  const pieces = cutAt(file, [700, 1200, 5000]).map((bytes, i) => ({ name: `${i}.pcap`, bytes }));
  const options = { ...OPTIONS, workers: 0 };
  const essence = (finding: Finding): unknown => [finding.id, finding.title, finding.evidence];
  const whole = (await collect([{ name: 'x.pcap', bytes: file }], options)).findings.map(essence);
  assert.equal(whole.length, 1);
  assert.deepEqual((await collect(pieces, options)).findings.map(essence), whole);
  assert.deepEqual(
    (await collect([{ name: 'x.pcap', bytes: file }], { ...options, workers: 2 })).findings.map(essence),
    whole,
  );
});

test('without --port-range the ports tell whose range they may be of', () => {
  const plan = planFor([32_768, 60_999], TIME_WAIT);
  const source = (used: Partial<PortUse>): unknown => {
    const use = Object.assign(new PortUse(80, 0, 0), { opened: 20_000, low: 32_768, high: 60_999 }, used);
    const { ports, source } = capacityOf(use, plan);
    return [ports, source];
  };
  assert.deepEqual(source({}), [28_232, 'linux']);
  assert.deepEqual(source({ high: 61_000, above: 1 }), [28_233, 'old-linux']);
  assert.deepEqual(source({ low: 49_152, high: 65_535, above: 5_000 }), [16_384, 'dynamic']);
  assert.deepEqual(source({ low: 1024, above: 400, below: 400 }), [28_232, 'linux'], 'a few bound ports');
  assert.deepEqual(source({ low: 1024, high: 65_535, above: 2_000, below: 12_000, notWindows: 15_000 }), [
    undefined,
    'unknown',
  ]);
});
