/** Measures start-up time: of Node alone, of `--version`, and of the analysis of a capture of 100 packets. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { keepResults, PAWSCOPE } from './measure/captures.ts';
import { run } from './measure/command.ts';
import { median, table } from './measure/numbers.ts';
import { generateFile } from './traffic/generate.ts';
import { PROFILES } from './traffic/traffic.ts';

const RUNS = 20;

const folder = mkdtempSync(join(tmpdir(), 'pawscope-bench-'));
try {
  const capture = join(folder, 'small.pcap');
  generateFile({ ...PROFILES.headers, packets: 100, connections: 10 }, capture);
  const cases: Record<string, (scratch: string) => readonly string[]> = {
    'node -e 0': () => ['-e', '0'],
    'pawscope --version': () => [PAWSCOPE, '--version'],
    'pawscope analyze, 100 packets': scratch => [PAWSCOPE, 'analyze', capture, '--db', join(scratch, 'bench.db')],
  };
  const walls = new Map(Object.keys(cases).map(name => [name, [] as number[]]));
  for (let i = 0; i < RUNS; i++) {
    for (const [name, args] of Object.entries(cases)) walls.get(name)!.push((await run(process.execPath, args)).wall);
  }
  const results = [...walls].map(([name, times]) => ({
    name,
    median_ms: median(times) * 1000,
    best_ms: Math.min(...times) * 1000,
  }));
  process.stdout.write(
    table([
      ['', 'median ms', 'best'],
      ...results.map(({ name, median_ms, best_ms }) => [name, median_ms.toFixed(0), best_ms.toFixed(0)]),
    ]),
  );
  keepResults('startup', { runs: RUNS, results });
} finally {
  rmSync(folder, { recursive: true });
}
