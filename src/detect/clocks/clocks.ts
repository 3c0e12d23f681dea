/**
 * Collects what the connections of each client and server show of the clocks behind the client's address (docs/rules.md
 * D1.4): one sample for each connection, the newest ones of each pair, in bounded memory. At the end each pair is
 * judged once, for table `clock` and for the rules that use the verdict.
 */

import { type Nanos, SECOND } from '../../base/time.ts';
import type { Ends } from '../../flow/ends.ts';
import type { Observer, Opened } from '../../flow/events.ts';
import type { Flow } from '../../flow/flow.ts';
import { layout } from '../../flow/layout.ts';
import { PairLayout } from '../../flow/tables/pairs.ts';
import type { Hosts } from '../../wire/hosts.ts';
import { Timestamps } from '../../wire/tcp-options.ts';
import type { EvictedTable } from '../memory/evicted.ts';
import { SHOWS_RATE } from './clock-rate.ts';
import { type ClockRow, clockRow } from './clock-row.ts';
import type { ClockSample } from './clock-sample.ts';
import { ClockStore } from './clock-store.ts';
import { ClockTable, Entry } from './clock-table.ts';
import { type ClockVerdict, clockVerdict, REGIMES, type Regime } from './clock-verdict.ts';
import { ExpectedClocks } from './expected-clocks.ts';

const { FlowBit } = layout;
const P = PairLayout;

/**
 * Most pairs of client and server in a shard (60 bytes each), and most connections of all pairs (64 bytes, and 2 µs to
 * judge one at the end). Four times as many pairs would be told apart at the cost of a tenth of a run over healthy traffic,
 * as what is kept of each connection no longer stays in the processor's cache.
 */
const MAX_PAIRS = 1 << 14;
const MAX_CONNECTIONS = 1 << 19;
/** Fewer connections than these decide nothing: a line takes two of them, and one between to be left and returned to. */
const DECIDES = 3;
/** Of the pairs that show no more than one clock, only the first so many get a row in table `clock`: 20 µs each. */
const MOST_PLAIN_ROWS = 1 << 12;
/** During the run a pair is judged again when its number of connections has grown by this share, or by this number. */
const NEWS = 0.25;
const MOST_NEWS = 128;
/** Most connections that one glance looks at, of all pairs that wait to be judged. The rest wait for the next one. */
const GLANCE = 1024;
/**
 * The record of a pair is kept this long after its last packet (flow/tables/pairs.ts). Afterwards its count of connections
 * starts again.
 */
const SILENT_SECONDS = 150;

/** The verdict on one client and server. */
export interface Clocked {
  verdict: ClockVerdict;
  ends: Ends;
  /** Number of connections seen; only the newest ones were looked at. */
  seen: number;
}

/** What is kept for a pair. */
interface Standing {
  /** The last verdict, if it was worth reporting. */
  clocked: Clocked | undefined;
  expected: ExpectedClocks;
}

interface Options {
  hosts: Hosts;
  /** Whole seconds since the epoch. */
  origin: number;
  /** Called for each pair that has been judged; at the end for all. `place` identifies the pair as long as it is kept. */
  row: (row: ClockRow, place: number) => void;
  /** Whether the run is over; undefined means that it is. */
  isLast?: () => boolean;
  /** Whether `glance` will be called. */
  glances?: boolean;
  evicted: (table: EvictedTable, count: number) => void;
  /** Room for this many pairs (a power of two) and connections; undefined means the defaults. */
  pairs?: number;
  connections?: number;
}

export class Clocks implements Observer {
  private readonly options: Options;
  private readonly table: ClockTable<Standing>;
  private readonly store: ClockStore;
  private judged: Clocked[] = [];
  /** Entries that wait to be judged again, oldest first. An entry counts only while its WAITS is set. */
  private waiting: number[] = [];
  /** Number of pairs with DECIDES connections or more of which some found no room, or lost it. */
  private unseen = 0;

  constructor(options: Options) {
    this.options = options;
    this.table = new ClockTable(options.pairs ?? MAX_PAIRS);
    this.store = new ClockStore(this.table, options.connections ?? MAX_CONNECTIONS);
  }

  opened({ flow, segment, tracker, tracker: { pairs }, clientIsB }: Opened): void {
    // A TSval of 0 does not come from a clock.
    if (segment.timestamps !== Timestamps.PRESENT || segment.tsval === 0) return;
    const { table, store } = this;
    const { src, dst } = segment;
    let entry = table.find(src, dst, flow.scope);
    if (entry < 0) {
      let earlier = 0;
      if (table.full || store.full) {
        const opened = pairs.words[pairs.direction(flow.pair, clientIsB) + P.OPENED];
        if (!this.makeRoom(opened, segment.at)) {
          if (opened === DECIDES) this.unseen++;
          return;
        }
        earlier = opened - 1;
      }
      entry = table.add(src, dst, flow.scope);
      // Otherwise every pair without room would soon have twice as many as the newest one.
      table.words[entry + Entry.SEEN] = earlier;
    }
    const wasWhole = store.isWhole(entry);
    if (store.full) store.dropOldest(entry);
    flow.clockSample = store.add(entry, segment, tracker.epoch);
    const seen = table.words[entry + Entry.SEEN];
    if (seen >= DECIDES && !store.isWhole(entry) && (wasWhole || seen === DECIDES)) this.unseen++;
    if (this.options.glances === true) this.expect(entry, segment.at, segment.tsval);
  }

  answered(flow: Flow): void {
    if (flow.clockSample !== 0) this.store.noteAnswered(flow, portsOf(flow));
  }

  left(flow: Flow): void {
    if (flow.clockSample === 0) return;
    if (flow.client.tsAt - flow.opened < SHOWS_RATE) return; // its first TSval says it all
    this.store.complete(flow, portsOf(flow));
  }

  /** The first SYN of a connection; undefined where none is kept. */
  synOf(flow: Flow): ClockSample | undefined {
    return this.store.sampleOf(flow, portsOf(flow));
  }

  /** The SYNs of this client that the server answered at once, of those that are kept. */
  answeredSyns({ client, server, scope }: Ends): readonly ClockSample[] {
    const entry = this.table.peek(client, server, scope);
    return entry < 0 ? [] : this.store.answered(entry);
  }

  /** The SYN that was sent from this port at this time; undefined where it is not kept. */
  synAt({ client, server, scope, clientPort }: Ends, at: Nanos): ClockSample | undefined {
    const entry = this.table.peek(client, server, scope);
    return entry < 0 ? undefined : this.store.sampleAt(entry, at, clientPort);
  }

  finish(): void {
    const { table } = this;
    const last = this.options.isLast?.() ?? true;
    if (this.unseen > 0) this.options.evicted('clocks', this.unseen);
    this.unseen = 0;
    this.judged = [];
    for (const entry of table) {
      if (table.words[entry + Entry.SEEN] === 1 && !isEarly(entry)) continue;
      const clocked = last || this.hasGrown(entry) ? this.judgeAnew(entry) : table.value(entry)?.clocked;
      if (clocked !== undefined) this.judged.push(clocked);
    }
  }

  glance(): void {
    const { words, size } = this.table;
    this.judged = [];
    let looked = 0;
    let next = 0;
    for (; next < this.waiting.length && looked < GLANCE; next++) {
      const entry = this.waiting[next];
      if (entry >= size * Entry.WORDS || words[entry + Entry.WAITS] === 0) continue;
      looked += words[entry + Entry.HELD];
      const clocked = this.judgeAnew(entry);
      if (clocked !== undefined) this.judged.push(clocked);
    }
    if (next > 0) this.waiting = this.waiting.slice(next);
  }

  private judgeAnew(entry: number): Clocked | undefined {
    const { table } = this;
    const verdict = this.judge(entry);
    const seen = table.words[entry + Entry.SEEN];
    const clocked = isTold(verdict.regime) ? { verdict, ends: this.endsOf(entry), seen } : undefined;
    table.words[entry + Entry.JUDGED] = seen;
    table.words[entry + Entry.WAITS] = 0;
    const before = table.value(entry)?.clocked;
    table.setValue(entry, { clocked, expected: ExpectedClocks.after(verdict) });
    if (isEarly(entry) || (clocked ?? before) !== undefined) this.options.row(this.rowOf(entry, verdict), entry);
    return clocked;
  }

  /** Marks the pair if the connection may change the verdict on it. */
  private expect(entry: number, at: Nanos, tsval: number): void {
    const { words } = this.table;
    const standing = this.table.value(entry);
    if (standing === undefined) {
      this.table.setValue(entry, { clocked: undefined, expected: ExpectedClocks.afterFirst(at, tsval) });
      return;
    }
    const changes = standing.expected.changes(at, tsval);
    if (changes === 'no' || (changes === 'in-time' && !this.hasGrown(entry))) return;
    if (words[entry + Entry.WAITS] === 1 || words[entry + Entry.STEPPED] === 1) return;
    words[entry + Entry.WAITS] = 1;
    this.waiting.push(entry);
  }

  /** The verdicts worth reporting: after `finish` those of all pairs, after `glance` those of the pairs it looked at. */
  verdicts(): readonly Clocked[] {
    return this.judged;
  }

  /**
   * The regime of the connections opened so far. It is computed again when their number has doubled. `noted`: remember
   * the result. Questions that are asked only for interim reports must not be remembered, as that would change later
   * answers.
   */
  regimeSoFar({ client, server, scope }: Ends, noted: boolean): Regime {
    const entry = this.table.find(client, server, scope);
    if (entry < 0) return 'none';
    const { words } = this.table;
    const seen = words[entry + Entry.SEEN];
    if (seen < 2 * words[entry + Entry.AS_OF]) return REGIMES[words[entry + Entry.REGIME]];
    const { regime } = this.judge(entry);
    if (noted) {
      words[entry + Entry.AS_OF] = seen;
      words[entry + Entry.REGIME] = REGIMES.indexOf(regime);
    }
    return regime;
  }

  forEachHost(visit: (host: number, scope: number) => void): void {
    const { table } = this;
    for (const entry of table) {
      visit(table.client(entry), table.scope(entry));
      visit(table.server(entry), table.scope(entry));
    }
  }

  /**
   * Replaces a pair that has shown less than half as many connections as the new one, or has been silent for long.
   * Clocks say most where connections are many. So if there are more pairs than room, with a few connections each, the
   * first pairs stay, instead of all of them being replaced in turn.
   */
  private makeRoom(opened: number, now: Nanos): boolean {
    if (opened === 1) return false;
    const { table, store } = this;
    const { words } = table;
    const victim = table.victim();
    const silent = Math.floor(now / SECOND) - words[victim + Entry.NEWEST_SECOND] > SILENT_SECONDS;
    if (2 * words[victim + Entry.SEEN] > opened && !silent) {
      table.pass();
      return false;
    }
    if (words[victim + Entry.SEEN] >= DECIDES && store.isWhole(victim)) this.unseen++;
    store.release(victim);
    table.remove(victim);
    // The last entry has moved to its place.
    if (words[victim + Entry.WAITS] === 1) this.waiting.push(victim);
    return true;
  }

  /** Whether there are so many more connections that the verdict may have changed. */
  private hasGrown(entry: number): boolean {
    const { words } = this.table;
    const judged = words[entry + Entry.JUDGED];
    return words[entry + Entry.SEEN] - judged >= Math.min(MOST_NEWS, Math.ceil(judged * NEWS));
  }

  private isStepped(entry: number): boolean {
    return this.table.words[entry + Entry.STEPPED] === 1;
  }

  private endsOf(entry: number): Ends {
    const { table } = this;
    const [client, server, scope] = [table.client(entry), table.server(entry), table.scope(entry)];
    return { pair: -1, scope, clientIsB: false, client, clientPort: 0, server, serverPort: 0 };
  }

  private rowOf(entry: number, verdict: ClockVerdict): ClockRow {
    const { hosts, origin } = this.options;
    const { client, server, scope } = this.endsOf(entry);
    const ends = { client: hosts.text(client, scope), server: hosts.text(server, scope) };
    return clockRow(ends, verdict, this.isStepped(entry), origin);
  }

  /** Nothing is compared across a clock step. */
  private judge(entry: number): ClockVerdict {
    return clockVerdict(this.isStepped(entry) ? [] : this.store.samples(entry));
  }
}

/** As a segment from client to server has them. */
function portsOf(flow: Flow): number {
  const clientIsB = flow.has(FlowBit.CLIENT_IS_B);
  return (flow.port(clientIsB) << 16) | flow.port(!clientIsB);
}

const isEarly = (entry: number): boolean => entry < MOST_PLAIN_ROWS * Entry.WORDS;
const isTold = (regime: Regime): boolean => regime !== 'single' && regime !== 'none';
