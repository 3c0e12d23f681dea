/**
 * Says what was forgotten early because a table was full (`evicted.*` of the tally), what that weakens, and what helps.
 * As many connections are held as `--max-flows` says; all other tables have a fixed size in each thread (docs/memory.md).
 */
import type { EvictedTable } from '../../detect/memory/evicted.ts';
import { named, type Tally } from '../../shard/tally.ts';
import { counted } from '../words.ts';

const FLOWS = 'flows';

/** How often something was forgotten, and what that weakens. */
const LOST: Readonly<Record<EvictedTable | 'flows' | 'stories', (n: number) => string>> = {
  [FLOWS]: n =>
    `${counted(n, 'connection')} had to be forgotten early, so findings about them may be missing or weaker: --max-flows is the limit`,
  stories: n =>
    `${counted(n, 'time')} a SYN, an RST or unanswered data could not be followed to the end, as there were too many at once: ` +
    'what came of it later is missing in the findings',
  clocks: n =>
    `Of ${counted(n, 'client and server pair')} not all connections had room where clocks are compared: shared-address may be ` +
    'missing or weaker, and timestamp-regress may not know that each connection has its own clock',
  attempts: n =>
    `What at least ${counted(n, 'client and server pair')} had shown in earlier attempts was forgotten before more came: unanswered-syn may name a ` +
    'cause that says less',
  suspicions: n =>
    `${counted(n, 'attempt')} could not wait for the verdict on the whole run: unanswered-syn names neither tcp_tw_recycle nor ` +
    'what only several attempts show as their cause',
  recycle: n =>
    `What ${counted(n, 'client and server pair')} had shown of tcp_tw_recycle had to be forgotten: recycle-signature may be ` +
    'missing',
  settings: n =>
    `What ${counted(n, 'client and server pair')} had shown of settings had to be forgotten: revealed-setting is missing ` +
    'where it did not show again',
  'port-use': n =>
    `${counted(n, 'count')} of a client's ports had to be given up: port-exhaustion may be missing or weaker`,
  'idle-timers': n => `${counted(n, 'RST')} after a silence had to be forgotten: idle-timer may be missing or weaker`,
  'full-tables': n =>
    `${counted(n, 'RST')} to a FIN had no room, as too many hosts sent such RSTs: time-wait-overflow may be missing`,
};

const others = (table: string, n: number): string =>
  `${counted(n, 'record')} of table ${table} made room for others: some findings may be missing or weaker`;

/** What helps when the run is made again. */
const MORE_FLOWS = '. Raise it to hold more';
const MORE_TABLES =
  '. More --workers, each with tables of its own, or a --filter for part of the traffic leave more room';

/** One text for each table; the last of those that the same helps says so. */
export function evictionTexts(tally: Readonly<Tally>): string[] {
  const full = named(tally, 'evicted.');
  const last = full.findLast(([table]) => table !== FLOWS)?.[0];
  return full.map(([table, n]) => {
    const help = table === FLOWS ? MORE_FLOWS : table === last ? MORE_TABLES : '';
    // A database of another version may have other tables.
    const lost = Object.hasOwn(LOST, table) ? LOST[table as keyof typeof LOST](n) : others(table, n);
    return `${lost}${help}`;
  });
}
