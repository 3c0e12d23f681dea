/**
 * Live capture on a veth pair: what `pawscope live` loses, and its CPU a packet with all threads counted, beside tcpdump
 * that copies the same packets to /dev/null. `--rates 100000,200000 --seconds 5 [FILE]`; needs root, ip, tcpdump and cc.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { captureOf, keepResults, PAWSCOPE, ROOT } from './measure/captures.ts';
import { table } from './measure/numbers.ts';

/** USER_HZ of /proc/PID/stat. */
const TICKS_PER_SECOND = 100;
const SENDER = `pawscope-bench-${process.pid}-a`;
const CAPTURER = `pawscope-bench-${process.pid}-b`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rates: { type: 'string', default: '50000,100000,200000,300000,400000,0' },
    seconds: { type: 'string', default: '5' },
    workers: { type: 'string', default: '0,1,2' },
  },
});
const capture = positionals[0] ?? captureOf('headers');
const scratch = mkdtempSync(join(tmpdir(), 'pawscope-bench-'));
const replay = join(scratch, 'replay');

interface Outcome {
  received: number;
  dropped: number;
}

interface Contender {
  name: string;
  command: readonly string[];
  /** From what it wrote to stdout and stderr. */
  outcome(output: string): Outcome;
}

const number = (pattern: RegExp, text: string): number => Number(pattern.exec(text)?.[1] ?? Number.NaN);

const contenders: Contender[] = [
  {
    name: 'tcpdump -s 128 -w /dev/null',
    command: ['tcpdump', '-i', 'eth0', '-s', '128', '-B', '32768', '-w', '/dev/null'],
    outcome: text => ({
      received: number(/(\d+) packets captured/, text),
      dropped: number(/(\d+) packets dropped by kernel/, text),
    }),
  },
  ...values.workers.split(',').map(workers => ({
    name: `pawscope live --workers ${workers}`,
    command: [
      process.execPath,
      PAWSCOPE,
      'live',
      '-i',
      'eth0',
      '--workers',
      workers,
      '-Z',
      'root',
      '--format',
      'json',
      '--db',
      ':memory:',
    ],
    outcome: (text: string) => ({
      received: number(/"frames":\s*(\d+)/, text.slice(text.indexOf('"tally"'))),
      dropped: /"dropped\.kernel":\s*(\d+)/.test(text) ? number(/"dropped\.kernel":\s*(\d+)/, text) : 0,
    }),
  })),
];

const ip = (...words: string[]): void => {
  execFileSync('ip', words);
};
const inside = (namespace: string, command: readonly string[]): ChildProcess =>
  spawn('ip', ['netns', 'exec', namespace, ...command], { stdio: ['ignore', 'pipe', 'pipe'] });

/** CPU seconds of a process and all its threads so far. */
function cpuOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

async function measure(
  { command, outcome }: Contender,
  rate: number,
): Promise<Outcome & { sent: number; cpu: number }> {
  const capturing = inside(CAPTURER, command);
  let output = '';
  const listening = new Promise<void>(resolve => {
    for (const stream of [capturing.stdout!, capturing.stderr!]) {
      stream.setEncoding('utf8').on('data', text => {
        output += text;
        if (output.includes('listening on')) resolve();
      });
    }
  });
  const ended = once(capturing, 'close');
  await listening;
  await sleep(300);
  const before = cpuOf(capturing.pid!);
  const sender = inside(SENDER, [replay, 'eth0', capture, String(rate), values.seconds]);
  const sent = Number((await sender.stdout!.setEncoding('utf8').toArray()).join(''));
  await sleep(1_500);
  const cpu = cpuOf(capturing.pid!) - before;
  capturing.kill('SIGINT');
  await ended;
  return { ...outcome(output), sent, cpu };
}

try {
  execFileSync('cc', ['-O2', '-o', replay, join(ROOT, 'bench/live/replay.c')]);
  for (const namespace of [SENDER, CAPTURER]) ip('netns', 'add', namespace);
  ip('-n', SENDER, 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', CAPTURER);
  for (const namespace of [SENDER, CAPTURER]) ip('-n', namespace, 'link', 'set', 'eth0', 'up');
  const results: Record<string, unknown>[] = [];
  const rows = [['', 'asked /s', 'sent /s', 'lost %', 'CPU µs/packet']];
  for (const rate of values.rates.split(',').map(Number)) {
    for (const contender of contenders) {
      const { sent, received, dropped, cpu } = await measure(contender, rate);
      const lost = (dropped / sent) * 100;
      const each = (cpu * 1e6) / received;
      results.push({ name: contender.name, rate, sent, received, dropped, cpu_us: each });
      rows.push([
        contender.name,
        rate === 0 ? 'all' : String(rate),
        (sent / Number(values.seconds)).toFixed(0),
        lost.toFixed(2),
        each.toFixed(2),
      ]);
    }
  }
  process.stdout.write(table(rows));
  keepResults('live', { capture, seconds: Number(values.seconds), results });
} finally {
  for (const namespace of [SENDER, CAPTURER]) ip('netns', 'del', namespace);
  rmSync(scratch, { recursive: true });
}
