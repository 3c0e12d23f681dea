/**
 * A long run of `pawscope live` configured as the service (bounded database, metrics) under mixed load: healthy and
 * reset connections, tuples that meet TIME_WAITs, NATs with several clocks. Does memory stay constant after the first
 * three minutes, what does a million packets cost, is anything lost? Memory grows with the number of hosts, up to
 * bounds that many hosts take hours to reach. There are few hosts here, so any growth that remains is a leak.
 * `--minutes 30 --rate 3000 --clients 40 --servers 2`; needs root, ip, curl and cc.
 */
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { cable, cpuOf, memoryOf, metric } from './live/measuring.ts';
import { scoped } from './live/scope.ts';
import { keepResults, PAWSCOPE } from './measure/captures.ts';
import { table } from './measure/numbers.ts';
import { generateFile } from './traffic/generate.ts';
import { PROFILES } from './traffic/traffic.ts';

/** Time until the compiler and the tables have settled. */
const SETTLING_MINUTES = 3;
const FLAT = 0.1;
const MINUTE_MS = 60_000;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '30' },
    rate: { type: 'string', default: '3000' },
    clients: { type: 'string', default: '40' },
    servers: { type: 'string', default: '2' },
    workers: { type: 'string', default: '0' },
  },
});
const minutes = Number(values.minutes);
const rate = Number(values.rate);

interface Sample {
  minute: number;
  rss: number;
  cpu: number;
  packets: number;
  findings: number;
  dropped: number;
  timeWaits: number;
  database: number;
}

await scoped(async (scope, scratch) => {
  const packets = Math.ceil(rate * 60 * minutes);
  const capture = join(scratch, 'mixed.pcap');
  const hosts = { clients: Number(values.clients), servers: Number(values.servers), natAddresses: 8, natClocks: 4 };
  generateFile({ ...PROFILES.troubled, ...hosts, packets, connections: Math.ceil(packets / 10), rate }, capture);
  const { capturer, replay } = cable(scope, scratch);
  const database = join(scratch, 'soak.db');
  const command = ['live', '-i', 'eth0', '--workers', values.workers, '-Z', 'root', '--metrics', '9477'];
  const bounds = ['--db', database, '--keep', '10m', '--max-db', '200MB', '--max-flows', '1000000'];
  const live = capturer.spawn(process.execPath, [PAWSCOPE, ...command, ...bounds, 'tcp'], scratch);
  scope.after(() => live.kill('SIGKILL'));
  let told = '';
  live.stderr!.setEncoding('utf8').on('data', text => {
    told += text;
  });
  live.stdout!.resume();
  const ended = once(live, 'exit');
  while (!told.includes('metrics at')) await sleep(50);

  const samples: Sample[] = [];
  const look = (minute: number): void => {
    const text = capturer.run('curl', ['-s', 'http://127.0.0.1:9477/metrics']);
    samples.push({
      minute,
      rss: memoryOf(live, 'VmRSS'),
      cpu: cpuOf(live),
      packets: metric(text, 'pawscope_packets_received_total'),
      findings: metric(text, 'pawscope_findings_total'),
      dropped: metric(text, 'pawscope_packets_dropped_total'),
      timeWaits: metric(text, 'pawscope_time_waits'),
      database: statSync(database).size / 1e6,
    });
    process.stdout.write(`${lineOf(samples)}\n`);
  };
  look(0);
  const sent = replay(capture, 'timed', minutes * 60);
  for (let minute = 1; minute <= minutes; minute++) {
    await sleep(MINUTE_MS);
    look(minute);
  }
  const total = await sent;
  live.kill('SIGINT');
  const [status] = await ended;

  const settled = samples.filter(({ minute }) => minute >= Math.min(SETTLING_MINUTES, minutes));
  const memory = settled.map(({ rss }) => rss);
  const [least, most] = [Math.min(...memory), Math.max(...memory)];
  const [first, last] = [settled[0], settled.at(-1)!];
  const cost = ((last.cpu - first.cpu) / (last.packets - first.packets)) * 1e6;
  process.stdout.write(
    table([
      ['', ''],
      ['packets sent', String(total)],
      ['of them dropped', String(last.dropped)],
      [`memory from minute ${SETTLING_MINUTES} on`, `${least.toFixed(0)} to ${most.toFixed(0)} MiB`],
      ['CPU of a million packets', `${cost.toFixed(2)} s`],
      ['status after Ctrl-C', String(status)],
    ]),
  );
  keepResults('soak', { minutes, rate, sent: total, cost, status, samples });
  if (most > least * (1 + FLAT) || last.dropped > 0 || status !== 130) process.exitCode = 1;
});

function lineOf(samples: readonly Sample[]): string {
  const { minute, rss, cpu, packets, findings, dropped, timeWaits, database } = samples.at(-1)!;
  const before = samples.at(-2);
  const cost = before === undefined ? 0 : ((cpu - before.cpu) / (packets - before.packets)) * 1e6;
  return (
    `minute ${minute}: ${rss.toFixed(0)} MiB, ${packets} packets, ${dropped} dropped, ${findings} findings, ` +
    `${timeWaits} TIME_WAITs, ${cost.toFixed(2)} s of CPU a million packets, database ${database.toFixed(1)} MB`
  );
}
