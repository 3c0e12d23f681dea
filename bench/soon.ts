/**
 * Measures how soon a finding of `pawscope live` is stored after its last packet, with real connections between two
 * network namespaces: `--traffic sparse` makes a few every one or two seconds, with a silent link in between; `chat`
 * makes hundreds a second, beginning before the program starts. `--interfaces 4` captures on four interfaces, all but
 * one of them silent; with `--busy 4`, four other programs each use a core. The packets of a verdict on several
 * connections need not be the latest ones, so it may seem later than it is. `--runs 3 --seconds 10 --workers 2`; needs
 * root and ip.
 */
import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Live } from '../test/build/live.ts';
import { type Namespace, pair, type Scope } from '../test/build/netns.ts';
import { chatter, serveChat } from '../test/build/traffic.ts';
import { scoped } from './live/scope.ts';
import { keepResults } from './measure/captures.ts';
import { table } from './measure/numbers.ts';

const { values } = parseArgs({
  options: {
    traffic: { type: 'string', default: 'sparse' },
    interfaces: { type: 'string', default: '1' },
    busy: { type: 'string', default: '0' },
    workers: { type: 'string' },
    runs: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '10' },
  },
});

/** The server's address in netns.pair, and its ports in traffic.ts at which it closes first and at which it resets. */
const SERVER = '10.71.0.2';
const [CLOSES, RESETS] = [80, 81];
const FIRST_PORT = 50_000;
const MOST_PAUSE_MS = 2_500;
/** Time after which the last findings must have been reported. */
const LAST_MS = 3_000;

interface Latency {
  rule: string;
  /** Milliseconds from the last packet until the finding is stored, and from the start until that packet. */
  late: number;
  since: number;
}

function silentInterfaces(server: Namespace, count: number): string[] {
  return Array.from({ length: count }, (_, i) => {
    const name = `silent${i}`;
    server.ip('link', 'add', name, 'type', 'veth', 'peer', 'name', `other${i}`);
    for (const end of [name, `other${i}`]) server.ip('link', 'set', end, 'up');
    return ['-i', name];
  }).flat();
}

async function sparse(client: Namespace, until: number): Promise<void> {
  for (let port = FIRST_PORT; Date.now() < until; port++) {
    await client.connectingMany(SERVER, CLOSES, 1, port);
    await client.connectingMany(SERVER, CLOSES, 1, port); // meets the TIME_WAIT of the first
    await client.connectingMany(SERVER, RESETS, 1, port);
    await sleep(Math.random() * MOST_PAUSE_MS);
  }
}

async function run(scope: Scope, scratch: string): Promise<Latency[]> {
  const { client, server } = pair(scope);
  const others = silentInterfaces(server, Number(values.interfaces) - 1);
  await serveChat(scope, server);
  for (let i = 0; i < Number(values.busy); i++) {
    const other = spawn('sh', ['-c', 'while :; do :; done'], { stdio: 'ignore' });
    scope.after(() => other.kill('SIGKILL'));
  }
  const quiet = values.traffic === 'chat' ? chatter(scope, client) : () => {};
  const workers = values.workers === undefined ? [] : ['--workers', values.workers];
  const live = new Live(scope, server, scratch, ['-i', 'eth0', ...others, '-Z', 'root', ...workers, 'tcp']);
  const told = new Map<string, Latency>();
  live.process.stdout!.on('data', () => {
    const now = Date.now();
    for (const finding of live.findings.splice(0)) {
      const last = Date.parse((finding as unknown as { last_ns: string }).last_ns);
      if (!told.has(finding.id)) told.set(finding.id, { rule: finding.rule, late: now - last, since: last });
    }
  });
  await live.listening();
  const listening = Date.now();
  if (values.traffic === 'sparse') await sparse(client, listening + Number(values.seconds) * 1e3);
  else await sleep(Number(values.seconds) * 1e3);
  quiet();
  await sleep(LAST_MS);
  await live.end('SIGINT');
  return [...told.values()].map(one => ({ ...one, since: one.since - listening }));
}

const rows = [['findings', 'median', '99 %', 'latest', 'of the first second', 'of which rule']];
const results: Latency[][] = [];
for (let i = 0; i < Number(values.runs); i++) {
  await scoped(async (scope, scratch) => {
    const told = (await run(scope, scratch)).sort((a, b) => a.late - b.late);
    const early = told.filter(({ since }) => since < 1_000);
    const at = (part: number): Latency | undefined => told[Math.min(Math.floor(told.length * part), told.length - 1)];
    const ms = (one: Latency | undefined): string => (one === undefined ? '' : `${one.late} ms`);
    const shown = [ms(at(0.5)), ms(at(0.99)), ms(at(1)), ms(early.at(-1)), at(1)?.rule ?? ''];
    rows.push([String(told.length), ...shown]);
    results.push(told);
  });
}
process.stdout.write(table(rows));
keepResults('soon', { ...values, results });
