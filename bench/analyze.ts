/**
 * End to end: the shipped command over captures, with findings into SQLite, against its peers over the same files.
 * Commands take turns, so that a busy moment of the machine affects all of them; figures are medians. The ratios are
 * what counts: they compare commands on the same machine in the same minutes.
 */
import { statSync } from 'node:fs';
import { basename } from 'node:path';
import { parseArgs } from 'node:util';
import { reportOptionErrors } from './measure/arguments.ts';
import { captureOf, keepResults } from './measure/captures.ts';
import { type Contender, contendersFor } from './measure/contenders.ts';
import { countPackets } from './measure/count.ts';
import { goalsOf, type Measured, OWN } from './measure/goals.ts';
import { median, table } from './measure/numbers.ts';
import { isInstalled, PEERS, type PeerName } from './measure/peers.ts';
import { PROFILES, type Profile } from './traffic/traffic.ts';

const MEASURED: readonly Profile[] = ['headers', 'troubled', 'full', 'flood', 'one-pair'];
/** Runs of a slow peer. */
const FEW_RUNS = 3;

const HELP = `Usage: npm run bench -- [analyze] [options] [FILE...]

The shipped command against its peers, over captures that are generated when they are missing, or over pcap FILEs.
"x" is how many times as many packets a second pawscope does as the row.

  --profile NAME,...  of ${Object.keys(PROFILES).join(', ')} (default ${MEASURED.join(',')})
  --peers NAME,...    of ${Object.keys(PEERS).join(', ')} (default all), or none
  --workers N,...     rows for these numbers of workers as well
  --runs N            of each command (default 5; of the slow ones at most ${FEW_RUNS})
  --json FILE         where the figures go (default bench/data/results.json)
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    help: { type: 'boolean', short: 'h' },
    profile: { type: 'string', default: MEASURED.join(',') },
    peers: { type: 'string', default: Object.keys(PEERS).join(',') },
    workers: { type: 'string', default: '' },
    runs: { type: 'string', default: '5' },
    json: { type: 'string' },
  },
});

interface Row extends Measured {
  label: string;
  packets: number;
  runs: number;
  best_packets_per_s: number;
  wall_s: number;
  cpu_s: number;
  /** Findings that pawscope stored; undefined for its peers. */
  findings: number | undefined;
}

if (values.help) process.stdout.write(HELP);
else await reportOptionErrors(main);

async function main(): Promise<void> {
  const runs = Number(values.runs);
  if (!(Number.isInteger(runs) && runs > 0)) throw new RangeError(`--runs takes a number from 1, not ${values.runs}`);
  const peers = chosen('--peers', values.peers === 'none' ? '' : values.peers, PEERS) as PeerName[];
  const absent = peers.filter(name => !isInstalled(PEERS[name].command));
  const present = peers.filter(name => !absent.includes(name));
  if (absent.length > 0) process.stdout.write(`Not installed, and left out: ${absent.join(', ')}.\n`);
  const captures =
    positionals.length > 0
      ? positionals.map(path => ({ name: basename(path), path }))
      : chosen('--profile', values.profile, PROFILES).map(name => ({ name, path: captureOf(name as Profile) }));
  const results = [];
  const rows = [['', 'x', 'goal', 'Mpkt/s', 'best', 'wall s', 'CPU s', 'RSS MiB', 'findings', 'runs']];
  for (const { name, path } of captures) {
    const packets = await countPackets(path);
    const measured = await measure(contendersFor(path, packets, present, split(values.workers)), runs, name);
    const megabytes = statSync(path).size / 1e6;
    rows.push([`${name}: ${millions(packets)} M packets, ${megabytes.toFixed(0)} MB`, ...new Array(9).fill('')]);
    for (const row of measured) rows.push(line(name, row, packets));
    results.push({ capture: name, packets, bytes: statSync(path).size, rows: measured });
  }
  process.stdout.write(`\n${table(rows)}`);
  process.stdout.write('\nMedians; x: packets a second of pawscope over those of the row; !: goal not reached.\n');
  keepResults('analyze', { runs, results }, values.json);
}

async function measure(contenders: readonly Contender[], runs: number, name: string): Promise<Row[]> {
  const all = contenders.map(contender => ({ contender, outcomes: [] as Awaited<ReturnType<Contender['start']>>[] }));
  for (let i = 0; i < runs; i++) {
    for (const { contender, outcomes } of all) {
      if (contender.slow && i >= FEW_RUNS) continue;
      process.stderr.write(`${name} ${i + 1}/${runs}: ${contender.label}\n`);
      outcomes.push(await contender.start());
    }
  }
  const rows = all.map(({ contender: { name, label, packets }, outcomes }) => {
    const of = (field: 'wall' | 'user' | 'system' | 'rss'): number => median(outcomes.map(outcome => outcome[field]));
    return {
      name,
      label,
      ratio: Number.NaN,
      packets,
      runs: outcomes.length,
      packets_per_s: packets / of('wall'),
      best_packets_per_s: packets / Math.min(...outcomes.map(({ wall }) => wall)),
      wall_s: of('wall'),
      cpu_s: of('user') + of('system'),
      rss_mib: of('rss'),
      findings: outcomes[0].findings,
    };
  });
  const own = rows.find(row => row.name === OWN)!;
  return rows.map(row => ({ ...row, ratio: own.packets_per_s / row.packets_per_s }));
}

function line(profile: string, row: Row, packets: number): string[] {
  const goals = goalsOf(profile, row);
  const part = row.packets < packets ? `, first ${millions(row.packets)} M` : '';
  return [
    `  ${row.label}${part}`,
    row.ratio.toFixed(2),
    goals.map(({ text, met }) => `${text}${met ? '' : ' !'}`).join(', '),
    millions(row.packets_per_s),
    millions(row.best_packets_per_s),
    row.wall_s.toFixed(2),
    row.cpu_s.toFixed(2),
    row.rss_mib.toFixed(0),
    row.findings === undefined ? '' : String(row.findings),
    String(row.runs),
  ];
}

function chosen(option: string, list: string, known: Readonly<Record<string, unknown>>): string[] {
  const names = split(list);
  const unknown = names.find(name => !Object.hasOwn(known, name));
  if (unknown !== undefined) throw new RangeError(`${option}: ${unknown} is none of ${Object.keys(known).join(', ')}`);
  return names;
}

function split(list: string): string[] {
  return list.split(',').filter(word => word !== '');
}

function millions(n: number): string {
  return (n / 1e6).toFixed(2);
}
