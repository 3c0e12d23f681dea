/** A sender and a capturer in network namespaces joined by a veth pair, and measurements of the capturing process. */
import { type ChildProcess, execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Namespace, pair, type Scope } from '../../test/build/netns.ts';
import { ROOT } from '../measure/captures.ts';

/** USER_HZ of /proc/PID/stat. */
const TICKS_PER_SECOND = 100;

export interface Cable {
  sender: Namespace;
  capturer: Namespace;
  /**
   * Sends a capture for `seconds` (0: once), from `skip` seconds after its beginning on, at so many packets a second (0:
   * as fast as possible) or at the packets' own times; returns how many were sent.
   */
  replay(capture: string, pace: number | 'timed', seconds: number, skip?: number): Promise<number>;
}

export function cable(scope: Scope, scratch: string): Cable {
  const program = join(scratch, 'replay');
  execFileSync('cc', ['-O2', '-o', program, join(ROOT, 'bench/live/replay.c')]);
  const { client: sender, server: capturer } = pair(scope);
  return {
    sender,
    capturer,
    async replay(capture, pace, seconds, skip = 0) {
      const sending = sender.spawn(program, ['eth0', capture, String(pace), String(seconds), String(skip)]);
      scope.after(() => sending.kill('SIGKILL'));
      return Number((await sending.stdout!.setEncoding('utf8').toArray()).join(''));
    },
  };
}

/** CPU seconds of a process and all its threads so far. */
export function cpuOf({ pid }: ChildProcess): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** Memory of a process in MiB: VmRSS is the current size, VmHWM the largest so far. */
export const memoryOf = ({ pid }: ChildProcess, of: 'VmRSS' | 'VmHWM'): number =>
  Number(new RegExp(`${of}:\\s*(\\d+)`).exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024;

/** The sum of a metric over all its labels, from Prometheus' text format. */
export function metric(text: string, name: string): number {
  let sum = 0;
  for (const [, value] of text.matchAll(new RegExp(`^${name}(?:\\{.*\\})? (.+)$`, 'gm'))) sum += Number(value);
  return sum;
}
