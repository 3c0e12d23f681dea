/** `pawscope live` as a process in a network namespace, and its output. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { BIN } from '../cli/run.ts';
import type { Namespace, Scope } from './netns.ts';

export interface StreamedFinding {
  id: string;
  rule: string;
  severity: string;
  confidence: string;
  title: string;
  client: string;
  client_port: number;
  server: string;
  server_port: number;
  evidence: Record<string, unknown>;
}

export class Live {
  readonly process: ChildProcess;
  /** In the order of their arrival. */
  readonly findings: StreamedFinding[] = [];
  stderr = '';
  private readonly ended: Promise<unknown[]>;

  /** Starts it with NDJSON output; `args` follow `live --format ndjson`. */
  constructor(t: Scope, namespace: Namespace, cwd: string, args: readonly string[]) {
    this.process = namespace.spawn(process.execPath, [BIN, 'live', '--format', 'ndjson', ...args], cwd);
    this.ended = once(this.process, 'exit');
    t.after(() => this.process.kill('SIGKILL'));
    this.process.stderr!.setEncoding('utf8').on('data', text => {
      this.stderr += text;
    });
    // A line cut off by SIGKILL is not a finding; `readline` would deliver it.
    let begun = '';
    this.process.stdout!.setEncoding('utf8').on('data', (text: string) => {
      const lines = (begun + text).split('\n');
      begun = lines.pop()!;
      for (const line of lines) this.findings.push(JSON.parse(line));
    });
  }

  /** Waits until it captures. */
  async listening(): Promise<void> {
    await this.until(({ stderr }) => stderr.includes('listening on'), 'live does not listen');
  }

  async until(condition: (live: Live) => boolean, what: string): Promise<void> {
    for (let tries = 0; tries < 400; tries++) {
      if (condition(this)) return;
      await sleep(50);
    }
    throw new Error(`${what}: ${JSON.stringify(this.findings.map(f => [f.rule, f.evidence]))} ${this.stderr}`);
  }

  async end(signal?: 'SIGINT' | 'SIGTERM' | 'SIGHUP' | 'SIGKILL'): Promise<number | null> {
    if (signal) this.process.kill(signal);
    const [status] = await this.ended;
    return status as number | null;
  }
}
