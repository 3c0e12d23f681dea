/**
 * Judges whether FINs answered by RST mean that a host's table of TIME_WAITs is full (docs/rules.md D4, F11). That is
 * likely if the number of its TIME_WAITs had grown until then, and does not grow further. The number is a sum over the
 * host's peers, so it is judged where the shards' results come together.
 */
import { compareCaptured } from '../../flow/packet.ts';
import type { Draft } from '../detector.ts';
import type { Finding } from '../finding.ts';
import type { TimeWaitOverflowEvidence } from '../time-wait-overflow.ts';
import { type AnsweredFins, openAt, type Standing, type Steps, stepsOf } from './standing.ts';

/** What one shard knows about one host. The packets of the finding show the first of the FINs. */
export interface FullTable extends AnsweredFins {
  finding: Finding;
}

/** Fewer FINs, or fewer TIME_WAITs, may be due to chance. */
const FEWEST_FINS = 3;
const FEWEST_TIME_WAITS = 8;
/**
 * A plateau stays this close to its top. The kernel ends TIME_WAITs late, and the model counts these as ended until new
 * ones fill the table again.
 */
const PLATEAU_LOW = 0.9;
const PLATEAU_HIGH = 1.03;
/** The number must have been lower this many seconds before. */
const GROWTH = 10;
/**
 * By default the limit is a power of two: half the size of the connection table. The number must be this close to one,
 * from LEAST_POWER on.
 */
const POWER_WIDTH = 0.03;
const LEAST_POWER = 4096;
const MAX_PACKETS = 8;

/** The part of the finding that is known before it is judged. */
export const overflowDraft = (shown: Pick<Draft, 'ends' | 'raised' | 'packets'>): Draft => ({
  ...shown,
  rule: 'time-wait-overflow',
  severity: 'notice',
  confidence: 'weak',
  title: '',
  evidence: { occupancy: 0, occupancy_low: 0, signs: [], owner: 'client', fins: 0 },
});

export function judgeOverflows(tables: readonly FullTable[], curve: readonly Standing[]): Finding[] {
  const hosts = new Map<string, FullTable>();
  for (const table of tables) {
    const known = hosts.get(ownerOf(table));
    hosts.set(ownerOf(table), known === undefined ? table : merged(known, table));
  }
  return [...hosts.values()].flatMap(table => {
    const owned = curve.filter(series => series.owner === ownerOf(table));
    const all = owned.map(({ seconds, open }) => ({ seconds, count: open }));
    const shown = owned.map(series => series.shown);
    return judge(table, stepsOf(all, table.standing), stepsOf(shown, table.shown));
  });
}

const ownerOf = ({ finding, ownerIsClient }: FullTable): string => (ownerIsClient ? finding.client : finding.server);

function merged(a: FullTable, b: FullTable): FullTable {
  const [first, second] = compareCaptured(a.finding, b.finding) <= 0 ? [a, b] : [b, a];
  const packets = [...first.finding.packets, ...second.finding.packets].sort(compareCaptured).slice(0, MAX_PACKETS);
  return {
    ...first,
    count: a.count + b.count,
    seconds: [...new Set([...a.seconds, ...b.seconds])],
    standing: [...a.standing, ...b.standing],
    shown: [...a.shown, ...b.shown],
    finding: { ...first.finding, packets, lastAt: packets.at(-1)!.at },
  };
}

function judge(table: FullTable, steps: Steps, shown: Steps): Finding[] {
  const { finding, count, ownerIsClient } = table;
  const at = (second: number): number => openAt(steps, second);
  const seconds = [...table.seconds].sort((a, b) => a - b);
  const [first, last] = [seconds[0], seconds.at(-1)!];
  const held = seconds.map(at);
  const top = held.reduce((a, b) => Math.max(a, b), 0);
  if (count < FEWEST_FINS || top < FEWEST_TIME_WAITS) return [];

  const above = steps.some(([second, open]) => second >= first && second <= last && open > PLATEAU_HIGH * top);
  const grew = at(first - GROWTH) < PLATEAU_LOW * top;
  // Within a single second the number may grow all the time, as only its state at the end of the second is known.
  const lasts = last > first;
  const plateau = grew && lasts && !above && held.every(open => open >= PLATEAU_LOW * top);
  // Closes without such a FIN are still counted. So the model may rise above the plateau when the kernel does not.
  if (!plateau && !(grew && isPowerOfTwo(held[0]))) return [];
  const occupancy = plateau ? top : held[0];
  const low = seconds.reduce((most, second) => Math.max(most, Math.min(openAt(shown, second), occupancy)), 0);
  const who = ownerOf(table);
  const fins = `${count} FINs of its peers got an RST as answer`;
  const isStrong = plateau && count >= FEWEST_TIME_WAITS;
  return [
    {
      ...finding,
      severity: plateau ? 'warning' : 'notice',
      confidence: isStrong ? 'strong' : 'weak',
      title: plateau
        ? `By its packets ${who} holds ${range(low, occupancy)} TIME_WAITs, and ${fins}: its TIME_WAIT table ${isStrong ? 'is likely full' : 'may be full'} (tcp_max_tw_buckets)`
        : `Since ${who} has held about ${occupancy} TIME_WAITs, ${fins}: its TIME_WAIT table may be full (tcp_max_tw_buckets)`,
      evidence: {
        occupancy,
        occupancy_low: low,
        signs: plateau ? ['plateau', 'fin-answered-by-rst'] : ['fin-answered-by-rst'],
        owner: ownerIsClient ? 'client' : 'server',
        fins: count,
      } satisfies TimeWaitOverflowEvidence,
    },
  ];
}

function range(low: number, high: number): string {
  if (low === high) return `${high}`;
  return low === 0 ? `no more than ${high}` : `${low} to ${high}`;
}

function isPowerOfTwo(n: number): boolean {
  const nearest = 2 ** Math.round(Math.log2(n));
  return nearest >= LEAST_POWER && Math.abs(n - nearest) <= POWER_WIDTH * nearest;
}
