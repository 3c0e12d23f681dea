/**
 * End to end: the shipped command over a capture, with findings into SQLite, against tcpdump's copy of the same file.
 * Commands take turns, so that a busy moment of the machine falls on all of them; figures are medians.
 */
import { statSync } from 'node:fs';
import { benchArguments } from './measure/arguments.ts';
import { keepResults, PAWSCOPE } from './measure/captures.ts';
import { type Cost, isPresent, run } from './measure/command.ts';
import { countPackets } from './measure/count.ts';
import { median, table } from './measure/numbers.ts';

const COPY = 'tcpdump -w /dev/null';

interface Contender {
  name: string;
  start(): Promise<Cost>;
  costs: Cost[];
}

const { capture, runs } = benchArguments(3);
const packets = await countPackets(capture);

const pawscope = (name: string, workers: readonly string[]): Contender => ({
  name,
  start: () =>
    run(process.execPath, scratch => [PAWSCOPE, 'analyze', capture, '-q', '--db', `${scratch}/bench.db`, ...workers]),
  costs: [],
});
const contenders: Contender[] = [
  pawscope('pawscope', []),
  ...['0', '1', '2'].map(n => pawscope(`pawscope --workers ${n}`, ['--workers', n])),
];
if (isPresent('tcpdump')) {
  contenders.push({ name: COPY, start: () => run('tcpdump', () => ['-r', capture, '-w', '/dev/null']), costs: [] });
} else process.stdout.write('tcpdump is absent: no comparison with its copy.\n');

for (let i = 0; i < runs; i++) for (const contender of contenders) contender.costs.push(await contender.start());

const results = contenders.map(({ name, costs }) => {
  const of = (field: keyof Cost): number => median(costs.map(cost => cost[field]));
  const best = Math.min(...costs.map(cost => cost.wall));
  return {
    name,
    packets_per_s: packets / of('wall'),
    best_packets_per_s: packets / best,
    wall_s: of('wall'),
    user_s: of('user'),
    system_s: of('system'),
    rss_mib: of('rss'),
  };
});
const copy = results.find(({ name }) => name === COPY);
const millions = (n: number): string => (n / 1e6).toFixed(2);
process.stdout.write(
  `${capture}: ${millions(packets)} M packets, ${(statSync(capture).size / 1e6).toFixed(0)} MB; median of ${runs}\n\n`,
);
process.stdout.write(
  table([
    ['', 'of the copy', 'Mpkt/s', 'best', 'wall s', 'user s', 'sys s', 'RSS MiB'],
    ...results.map(result => [
      result.name,
      copy === undefined ? '-' : (result.packets_per_s / copy.packets_per_s).toFixed(2),
      millions(result.packets_per_s),
      millions(result.best_packets_per_s),
      result.wall_s.toFixed(2),
      result.user_s.toFixed(2),
      result.system_s.toFixed(2),
      result.rss_mib.toFixed(0),
    ]),
  ]),
);
keepResults('analyze', { capture, packets, runs, results });
