/** Network namespaces joined by veth pairs, for real kernel traffic; created by a test and removed after it. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** Runs clean-up work when a test, or whatever else made the resources, ends. */
export interface Scope {
  after(work: () => void): void;
}

const has = (tool: string): boolean => spawnSync(tool, ['-V'], { stdio: 'ignore' }).error === undefined;

/** For the option `skip` of a test. */
export const needsNamespaces: string | false =
  process.getuid?.() === 0 && has('ip') ? false : 'skipped: needs root and ip netns';
export const needsNft: string | false = needsNamespaces || (has('nft') ? false : 'skipped: needs nft');
export const needsPython: string | false = has('python3') ? false : 'skipped: needs python3';
export const needsTcpdump: string | false = needsNamespaces || (has('tcpdump') ? false : 'skipped: needs tcpdump');

/** dist/test/build/peer.js */
const PEER = fileURLToPath(new URL('peer.js', import.meta.url));

let made = 0;

export const ip = (...words: string[]): void => {
  execFileSync('ip', words, { stdio: ['ignore', 'ignore', 'pipe'] });
};

export class Namespace {
  readonly name: string;

  constructor(t: Scope, label: string) {
    this.name = `pawscope-${process.pid}-${++made}-${label}`;
    ip('netns', 'add', this.name);
    t.after(() => ip('netns', 'del', this.name));
    this.ip('link', 'set', 'lo', 'up');
  }

  ip(...words: string[]): void {
    ip('-n', this.name, ...words);
  }

  /** Runs a command to its end; returns its output. */
  run(command: string, args: readonly string[] = [], input?: string): string {
    return execFileSync('ip', ['netns', 'exec', this.name, command, ...args], {
      encoding: 'utf8',
      stdio: ['pipe', 'pipe', 'pipe'],
      ...(input === undefined ? {} : { input }),
    });
  }

  spawn(command: string, args: readonly string[], cwd?: string): ChildProcess {
    return spawn('ip', ['netns', 'exec', this.name, command, ...args], {
      stdio: ['pipe', 'pipe', 'pipe'],
      ...(cwd === undefined ? {} : { cwd }),
    });
  }

  /** A server that listens until the test ends; `mode` says how it closes: see peer.ts. */
  async serve(t: Scope, address: string, port: number, mode: 'end' | 'close' | 'reset' | 'wait'): Promise<void> {
    const server = this.spawn(process.execPath, [PEER, 'serve', address, String(port), mode]);
    t.after(() => server.kill('SIGKILL'));
    await once(server.stdout!, 'data');
  }

  /** Connects from port `from`, and again from the same port as soon as that connection is closed. */
  connectTwice(address: string, port: number, from: number): string {
    return this.run(process.execPath, [PEER, 'twice', address, String(port), String(from)]).trim();
  }

  /** Connects `count` times, or until a connection fails; returns the outcome of the last one. */
  connectMany(address: string, port: number, count: number): string {
    return this.run(process.execPath, [PEER, 'many', address, String(port), String(count)]).trim();
  }

  /** The same in the background; with `first`, from that port and the following ones. */
  async connectingMany(address: string, port: number, count: number, first?: number): Promise<string> {
    const words = [address, port, count, ...(first === undefined ? [] : [first])].map(String);
    const { stdout } = this.spawn(process.execPath, [PEER, 'many', ...words]);
    let told = '';
    for await (const text of stdout!.setEncoding('utf8')) told += text;
    return told.trim();
  }

  /** Connects, from port `from` if given, sends a word, and waits for the end of the connection. */
  connect(address: string, port: number, from?: number): string {
    return this.run(process.execPath, [PEER, 'connect', address, String(port), ...(from ? [String(from)] : [])]).trim();
  }
}

/** Joins `left` and `right` by a veth pair with these device names and the addresses 10.`net`.0.1 and 10.`net`.0.2. */
export function join(left: Namespace, leftDevice: string, right: Namespace, rightDevice: string, net: number): void {
  left.ip('link', 'add', leftDevice, 'type', 'veth', 'peer', 'name', rightDevice, 'netns', right.name);
  left.ip('address', 'add', `10.${net}.0.1/24`, 'dev', leftDevice);
  right.ip('address', 'add', `10.${net}.0.2/24`, 'dev', rightDevice);
  left.ip('link', 'set', leftDevice, 'up');
  right.ip('link', 'set', rightDevice, 'up');
}

/** A client at 10.71.0.1 and a server at 10.71.0.2, whose interfaces are both called eth0. */
export function pair(t: Scope): { client: Namespace; server: Namespace } {
  const client = new Namespace(t, 'client');
  const server = new Namespace(t, 'server');
  join(client, 'eth0', server, 'eth0', 71);
  return { client, server };
}
