/**
 * Measures how time and memory grow with the input: captures of 1, 2, 4 … 32 times a size, 1 to 8 million connections
 * open at once, 1 to 7 shards. Only one capture is on disk at a time; if there is no room for it, it comes through a
 * pipe, and the generator then uses part of the cores. Figures are medians.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, rmSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { reportOptionErrors } from './measure/arguments.ts';
import { DATA, keepResults, PAWSCOPE } from './measure/captures.ts';
import { type Cost, run } from './measure/command.ts';
import { median, table } from './measure/numbers.ts';
import { generateFile } from './traffic/generate.ts';
import { PROFILES, type Traffic } from './traffic/traffic.ts';

const HELP = `Usage: npm run bench -- sweep [options]

  --sweep NAME,...  of sizes, flows, shards (default all)
  --base PACKETS    the size that is multiplied (default 2500000)
  --times N,...     by these (default 1,2,4,8,16,32)
  --flows N,...     millions of connections open at once (default 1,2,4,8)
  --shards N,...    numbers of workers (default 1,2,3,4,5,6,7)
  --runs N          of each (default 3)
  --stdin           through a pipe, whatever room there is
  --json FILE       where the figures go (default bench/data/results.json)
`;

/** Most bytes of a packet's record in the `headers` captures and in those with small packets. */
const PACKET_SIZE = 112;
/** Bytes of the disk that must stay free. */
const SPARE = 4 * 2 ** 30;
/** Most relative loss of packets per second from the smallest to the largest size; start-up matters less there. */
const LINEAR = 0.15;
/** Most memory at the largest size relative to half that size: no growth except noise. */
const FLAT = 1.1;
/** Flows that --max-flows allows by default. */
const MOST_FLOWS = 4_000_000;

const { values } = parseArgs({
  options: {
    help: { type: 'boolean', short: 'h' },
    sweep: { type: 'string', default: 'sizes,flows,shards' },
    base: { type: 'string', default: '2500000' },
    times: { type: 'string', default: '1,2,4,8,16,32' },
    flows: { type: 'string', default: '1,2,4,8' },
    shards: { type: 'string', default: '1,2,3,4,5,6,7' },
    runs: { type: 'string', default: '3' },
    stdin: { type: 'boolean', default: false },
    json: { type: 'string' },
  },
});

interface Point {
  name: string;
  traffic: Traffic;
  options: readonly string[];
}

interface Measured {
  name: string;
  packets: number;
  packets_per_s: number;
  wall_s: number;
  cpu_s: number;
  rss_mib: number;
  piped: boolean;
}

/** The capture on disk, and the traffic in it. */
const SWEPT = join(DATA, 'sweep.pcap');
let swept = '';

if (values.help) process.stdout.write(HELP);
else await reportOptionErrors(main);

async function main(): Promise<void> {
  const base = whole('--base', values.base)[0];
  const runs = whole('--runs', values.runs)[0];
  const sweeps: Record<string, () => Point[]> = {
    sizes: () => whole('--times', values.times).map(times => sized(base, times)),
    flows: () => whole('--flows', values.flows).map(open),
    shards: () => whole('--shards', values.shards).map(shards => sharded(base, shards)),
  };
  const results: Record<string, Measured[]> = {};
  for (const name of values.sweep.split(',')) {
    const points = sweeps[name];
    if (points === undefined) throw new RangeError(`--sweep: ${name} is none of ${Object.keys(sweeps).join(', ')}`);
    const measured = await measureAll(points(), runs);
    results[name] = measured;
    process.stdout.write(`\n${tableOf(name, measured)}`);
    if (name === 'sizes') process.stdout.write(growth(measured));
  }
  keepResults('sweep', { base, runs, results }, values.json);
}

function sized(base: number, times: number): Point {
  const packets = base * times;
  return { name: `${times} x`, traffic: { ...PROFILES.headers, packets, connections: packets / 10 }, options: [] };
}

function open(millions: number): Point {
  const connections = millions * 1e6;
  const traffic = { ...PROFILES.concurrent, connections, packets: 4 * connections, clients: 50_000 * millions };
  const options = connections > MOST_FLOWS ? ['--max-flows', String(connections)] : [];
  return { name: `${millions} M open`, traffic, options };
}

function sharded(base: number, shards: number): Point {
  return { ...sized(base, 1), name: `${shards} shards`, options: ['--workers', String(shards)] };
}

async function measureAll(points: readonly Point[], runs: number): Promise<Measured[]> {
  const measured: Measured[] = [];
  for (const { name, traffic, options } of points) {
    const path = values.stdin || !hasRoom(traffic) ? undefined : captureFor(traffic);
    const costs: Cost[] = [];
    for (let i = 0; i < runs; i++) {
      process.stderr.write(`${name} ${i + 1}/${runs}${path === undefined ? ', through a pipe' : ''}\n`);
      costs.push(await (path === undefined ? piped(traffic, options) : analysed(path, options)));
    }
    const of = (field: keyof Cost): number => median(costs.map(cost => cost[field]));
    measured.push({
      name,
      packets: traffic.packets,
      packets_per_s: traffic.packets / of('wall'),
      wall_s: of('wall'),
      cpu_s: of('user') + of('system'),
      rss_mib: of('rss'),
      piped: path === undefined,
    });
  }
  rmSync(SWEPT, { force: true });
  swept = '';
  return measured;
}

function hasRoom(traffic: Traffic): boolean {
  mkdirSync(DATA, { recursive: true });
  if (swept === JSON.stringify(traffic)) return true;
  rmSync(SWEPT, { force: true });
  swept = '';
  const { bavail, bsize } = statfsSync(DATA);
  return bavail * bsize - traffic.packets * PACKET_SIZE > SPARE;
}

function captureFor(traffic: Traffic): string {
  if (swept === '') generateFile(traffic, SWEPT);
  swept = JSON.stringify(traffic);
  return SWEPT;
}

function analysed(capture: string, options: readonly string[], stdin?: ChildProcess): Promise<Cost> {
  return run(
    process.execPath,
    scratch => [PAWSCOPE, 'analyze', capture, '-q', '--db', join(scratch, 'bench.db'), ...options],
    () => {},
    stdin?.stdout ?? undefined,
  );
}

/** The generator writes into the command's standard input. */
async function piped(traffic: Traffic, options: readonly string[]): Promise<Cost> {
  const script = fileURLToPath(new URL(import.meta.url.replace(/sweep\.(ts|js)$/, 'generate.$1')));
  const words = Object.entries(traffic).map(
    ([name, value]) => `--${name.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)}=${value}`,
  );
  const generator = spawn(process.execPath, [script, ...words, '-'], { stdio: ['ignore', 'pipe', 'ignore'] });
  const cost = analysed('-', options, generator);
  // The command has inherited it. If it stayed open here, the generator would not notice that the command has ended.
  generator.stdout.destroy();
  return cost;
}

function tableOf(name: string, measured: readonly Measured[]): string {
  const first = measured[0];
  return table([
    [name, 'of the first', 'Mpkt/s', 'wall s', 'CPU s', 'CPU ns/packet', 'RSS MiB'],
    ...measured.map(it => [
      `${it.name}, ${(it.packets / 1e6).toFixed(1)} M packets${it.piped ? ', piped' : ''}`,
      (it.packets_per_s / first.packets_per_s).toFixed(2),
      (it.packets_per_s / 1e6).toFixed(2),
      it.wall_s.toFixed(2),
      it.cpu_s.toFixed(2),
      ((it.cpu_s * 1e9) / it.packets).toFixed(0),
      it.rss_mib.toFixed(0),
    ]),
  ]);
}

function growth(measured: readonly Measured[]): string {
  const [first, last] = [measured[0], measured.at(-1)!];
  const speed = last.packets_per_s / first.packets_per_s - 1;
  const linear = speed >= -LINEAR ? 'is linear' : 'is not linear';
  const percent = `${speed < 0 ? '' : '+'}${(100 * speed).toFixed(0)}`;
  const before = measured.at(-2) ?? first;
  const flat = last.rss_mib <= before.rss_mib * FLAT ? 'is flat' : 'still grows';
  return (
    `Time ${linear}: ${percent} % packets/s at ${last.name} beside ${first.name} (at least -${100 * LINEAR} %).\n` +
    `Memory ${flat}: ${before.rss_mib.toFixed(0)} MiB at ${before.name}, ${last.rss_mib.toFixed(0)} MiB at ${last.name}.\n`
  );
}

function whole(option: string, list: string): number[] {
  const numbers = list.split(',').map(Number);
  if (numbers.some(n => !(Number.isInteger(n) && n > 0)))
    throw new RangeError(`${option} takes whole numbers, not ${list}`);
  return numbers;
}
