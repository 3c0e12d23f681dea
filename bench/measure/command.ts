/** Runs a command to its end and measures its cost: elapsed time, CPU time and peak memory. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';

export interface Cost {
  /** Seconds. */
  wall: number;
  user: number;
  system: number;
  /** Peak, in MiB. */
  rss: number;
}

/** GNU time reports what the kernel has counted; without it, /proc is polled while the command runs. */
const TIME = '/usr/bin/time';
const FORMAT = '%U %S %M';
const hasTime = spawnSync(TIME, ['-f', FORMAT, 'true']).status === 0;
const SAMPLE_MS = 10;
/** USER_HZ of /proc/PID/stat. */
const TICKS_PER_SECOND = 100;

/** Throws when the command fails. The folder `scratch` is removed after the command and `inspect` have ended. */
export async function run(
  command: string,
  args: (scratch: string) => readonly string[],
  inspect: (scratch: string) => void = () => {},
  stdin?: Readable,
): Promise<Cost> {
  const scratch = mkdtempSync(join(tmpdir(), 'pawscope-bench-'));
  try {
    const words = [command, ...args(scratch)];
    const cost = await (hasTime ? runTimed(words, join(scratch, 'time'), stdin) : runSampled(words, stdin));
    inspect(scratch);
    return cost;
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

async function runTimed(words: readonly string[], report: string, stdin?: Readable): Promise<Cost> {
  const { wall } = await runToEnd([TIME, '-f', FORMAT, '-o', report, ...words], stdin);
  const [user, system, kilobytes] = readFileSync(report, 'utf8').trim().split(' ').map(Number);
  return { wall, user: user!, system: system!, rss: kilobytes! / 1024 };
}

async function runSampled(words: readonly string[], stdin?: Readable): Promise<Cost> {
  const cost = { wall: 0, user: 0, system: 0, rss: 0 };
  const { wall } = await runToEnd(words, stdin, pid => {
    try {
      const status = readFileSync(`/proc/${pid}/status`, 'utf8');
      cost.rss = Math.max(cost.rss, Number(/VmHWM:\s*(\d+)/.exec(status)?.[1] ?? 0) / 1024);
      // proc(5): the name may contain spaces; after its parenthesis utime and stime are fields 12 and 13.
      const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
      cost.user = Number(fields[11]) / TICKS_PER_SECOND;
      cost.system = Number(fields[12]) / TICKS_PER_SECOND;
    } catch {
      // The process has just ended, or there is no /proc: memory and CPU time then remain 0.
    }
  });
  return { ...cost, wall };
}

function runToEnd(
  [command, ...args]: readonly string[],
  stdin?: Readable,
  sample?: (pid: number) => void,
): Promise<{ wall: number }> {
  return new Promise((resolve, reject) => {
    const started = performance.now();
    const child = spawn(command!, args, { stdio: [stdin ?? 'ignore', 'ignore', 'pipe'] });
    const complaints = child.stderr!;
    const sampling = sample && setInterval(() => child.pid !== undefined && sample(child.pid), SAMPLE_MS);
    let complaint = '';
    complaints.setEncoding('utf8').on('data', text => (complaint += text));
    child.on('error', reject);
    child.on('close', (status, signal) => {
      clearInterval(sampling);
      const wall = (performance.now() - started) / 1000;
      if (status === 0) resolve({ wall });
      else reject(new Error(`${[command, ...args].join(' ')} ended with ${signal ?? status}: ${complaint.trim()}`));
    });
  });
}
