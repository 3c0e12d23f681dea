/**
 * Live capture on a veth pair, compared with a tcpdump that copies the same packets to /dev/null: the highest rate at
 * which tcpdump loses nothing, whether `pawscope live` loses anything at that rate, and its CPU time per packet over
 * all threads, also with -w and with metrics. The packets are made for each rate and sent at their own times: sent
 * faster, every host's TSval clock would run too fast, which is a finding of its own and costs time. CPU time is the
 * user and system time of the process after `--warm` seconds, as before that it is mostly V8's compiler; the kernel's
 * work of putting a packet into the ring counts as the sender's.
 *
 * Then the same at twice that rate, or at the sender's maximum; and, since the sender may be the limit, with the
 * smallest buffer: losses must be counted and reported, and no finding may be `proof` any more. `--stalls 500`
 * simulates a busy machine by stopping the capturing process (tcpdump as well as live) for that many milliseconds of
 * each second; with a small `--buffer` (KiB), the sender can then reach twice the rate at which tcpdump loses nothing.
 *
 * `--rates 100000,200000 --seconds 10 --warm 10 --workers 0,2 --profile headers --per-connection 40`; needs root, ip,
 * tcpdump and cc.
 */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Database } from '../src/store/sqlite.ts';
import { type Cable, cable, cpuOf } from './live/measuring.ts';
import { scoped } from './live/scope.ts';
import { keepResults, PAWSCOPE } from './measure/captures.ts';
import { table } from './measure/numbers.ts';
import { generateFile } from './traffic/generate.ts';
import { MAX_RATE, PROFILES, type Profile } from './traffic/traffic.ts';

/** Connections of 40 packets last a minute at most: after so many seconds nearly as many end as begin. */
const RAMP_SECONDS = 30;

const { values } = parseArgs({
  options: {
    rates: { type: 'string', default: '100000,200000,300000,400000,600000,900000' },
    seconds: { type: 'string', default: '10' },
    warm: { type: 'string', default: '10' },
    profile: { type: 'string', default: 'headers' },
    'per-connection': { type: 'string', default: '40' },
    workers: { type: 'string', default: '0,2' },
    buffer: { type: 'string', default: '32768' },
    stalls: { type: 'string', default: '0' },
  },
});
const warm = Number(values.warm);
const seconds = warm + Number(values.seconds);
/** The rate of the capture that exists. */
let made = 0;

interface Outcome {
  received: number;
  dropped: number;
  /** For live only. */
  findings?: number;
  proofs?: number;
}

interface Contender {
  name: string;
  command: readonly string[];
  /** The outcome, read from stdout and stderr. */
  outcome(output: string): Outcome;
}

interface Measured extends Outcome {
  name: string;
  asked: number;
  sent: number;
  /** CPU microseconds per packet. */
  cost: number;
  status: number | null;
}

const number = (pattern: RegExp, text: string): number => Number(pattern.exec(text)?.[1] ?? Number.NaN);

const tcpdump: Contender = {
  name: 'tcpdump -s 128 -w /dev/null',
  command: ['tcpdump', '-i', 'eth0', '-s', '128', '-B', values.buffer, '-w', '/dev/null'],
  outcome: text => ({
    received: number(/(\d+) packets captured/, text),
    dropped: number(/(\d+) packets dropped by kernel/, text),
  }),
};

function live(scratch: string, ...options: string[]): Contender {
  const path = join(scratch, 'live.db');
  const fixed = ['live', '-i', 'eth0', '-Z', 'root', '-B', values.buffer, '--db', path];
  return {
    name: `live ${options.join(' ').replaceAll(`${scratch}/`, '')}`,
    command: [process.execPath, PAWSCOPE, ...fixed, ...options],
    outcome() {
      const database = new Database(path, { readonly: true });
      try {
        const one = (sql: string): number => (database.prepare(sql).pluck().get() as number | undefined) ?? 0;
        return {
          received: one("SELECT count FROM tally WHERE name = 'frames'"),
          dropped: one("SELECT count FROM tally WHERE name = 'dropped.kernel'"),
          findings: one('SELECT count(*) FROM finding'),
          proofs: one("SELECT count(*) FROM finding WHERE confidence = 'proof'"),
        };
      } finally {
        database.close();
        for (const suffix of ['', '-wal', '-shm']) rmSync(path + suffix, { force: true });
      }
    },
  };
}

/** Stops the process for that long in each second, until the returned function is called. */
function stall(capturing: ChildProcess, milliseconds: number): () => void {
  if (milliseconds === 0) return () => {};
  let going: NodeJS.Timeout | undefined;
  const turns = setInterval(() => {
    capturing.kill('SIGSTOP');
    going = setTimeout(() => capturing.kill('SIGCONT'), milliseconds);
  }, 1_000);
  return () => {
    clearInterval(turns);
    clearTimeout(going);
    capturing.kill('SIGCONT');
  };
}

/** Replaces the capture by one with so many packets a second, unless it is that already. */
function makeTraffic(path: string, rate: number): void {
  if (rate === made) return;
  made = rate;
  const packets = rate * (RAMP_SECONDS + seconds);
  const connections = Math.ceil(packets / Number(values['per-connection']));
  generateFile({ ...PROFILES[values.profile as Profile], packets, connections, rate }, path);
}

async function measure(
  { capturer, replay }: Cable,
  contender: Contender,
  capture: string,
  asked: number,
): Promise<Measured> {
  makeTraffic(capture, asked);
  const capturing = capturer.spawn(contender.command[0], contender.command.slice(1));
  let output = '';
  for (const stream of [capturing.stdout!, capturing.stderr!]) {
    stream.setEncoding('utf8').on('data', text => {
      output += text;
    });
  }
  const ended = once(capturing, 'close');
  while (!output.includes('listening on')) await sleep(50);
  await sleep(300);
  const arrived = (): number => Number(capturer.run('cat', ['/sys/class/net/eth0/statistics/rx_packets']));
  const goOn = stall(capturing, Number(values.stalls));
  const sending = replay(capture, 'timed', seconds, RAMP_SECONDS);
  await sleep(warm * 1e3);
  const [cpu, packets] = [cpuOf(capturing), arrived()];
  const sent = await sending;
  goOn();
  await sleep(1_500);
  const cost = ((cpuOf(capturing) - cpu) * 1e6) / (arrived() - packets);
  capturing.kill('SIGINT');
  const [status] = (await ended) as [number | null];
  return { name: contender.name, asked, sent, cost, status, ...contender.outcome(output) };
}

const HEADING = ['', 'asked /s', 'sent /s', 'lost %', 'CPU µs/packet', 'findings', 'proofs', 'status'];

const row = ({ name, asked, sent, dropped, cost, findings, proofs, status }: Measured): string[] => [
  name,
  String(asked),
  (sent / seconds).toFixed(0),
  ((dropped / sent) * 100).toFixed(2),
  cost.toFixed(2),
  String(findings ?? ''),
  String(proofs ?? ''),
  String(status),
];

await scoped(async (scope, scratch) => {
  const both = cable(scope, scratch);
  const results: Measured[] = [];
  const capture = join(scratch, 'traffic.pcap');
  const tell = async (contender: Contender, rate: number): Promise<Measured> => {
    const measured = await measure(both, contender, capture, rate);
    results.push(measured);
    return measured;
  };
  const say = (text: string): void => {
    process.stdout.write(`\n${text}\n${table([HEADING, ...results.splice(0).map(result => row(result))])}`);
    if (existsSync(join(scratch, 'ring.pcap'))) rmSync(join(scratch, 'ring.pcap'));
  };
  const all: Measured[] = [];
  let lossless: Measured | undefined;
  for (const rate of values.rates.split(',').map(Number)) {
    const measured = await tell(tcpdump, rate);
    if (measured.dropped > 0) break;
    lossless = measured;
  }
  all.push(...results);
  const reached = lossless === undefined ? 0 : lossless.sent / seconds;
  say(`tcpdump loses nothing up to ${reached.toFixed(0)} packets a second`);

  const rate = Math.round(reached);
  for (const workers of values.workers.split(',')) await tell(live(scratch, '--workers', workers), rate);
  const first = values.workers.split(',')[0];
  await tell(live(scratch, '--workers', first, '-w', join(scratch, 'ring.pcap')), rate);
  await tell(live(scratch, '--workers', first, '--metrics', '9477'), rate);
  all.push(...results);
  say('live at that rate');

  const double = Math.min(rate * 2, MAX_RATE);
  await tell(tcpdump, double);
  const twice = await tell(live(scratch, '--workers', first), double);
  all.push(...results);
  const isTwice = twice.sent / seconds > 1.8 * reached;
  say(isTwice ? 'twice that rate' : 'twice that rate was asked for; the sender cannot send more than this');

  await tell(live(scratch, '--workers', first, '-B', '64'), double);
  all.push(...results);
  say('the same with a buffer of 64 KiB in place of 32 MiB');
  const { profile, 'per-connection': perConnection } = values;
  keepResults('live', { profile, perConnection, warm, seconds, lossless: reached, results: all });
});
