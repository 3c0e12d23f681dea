/**
 * Collects what the connections of each client and server tell of the clocks behind the client's address (docs/rules.md
 * D1.4): one sample a connection, the newest of each pair, within a bounded memory. At the end each pair is judged, once
 * for table `clock` and for the rules that ask.
 */
import { type Nanos, SECOND } from '../base/time.ts';
import type { Ends } from '../flow/ends.ts';
import type { Observer, Opened } from '../flow/events.ts';
import type { Flow } from '../flow/flow.ts';
import { layout } from '../flow/layout.ts';
import { PairLayout } from '../flow/pairs.ts';
import type { Hosts } from '../wire/hosts.ts';
import { Timestamps } from '../wire/tcp-options.ts';
import { type ClockVerdict, clockLines, REGIMES, type Regime } from './clock-lines.ts';
import { SHOWS_RATE } from './clock-rate.ts';
import { type ClockRow, clockRow } from './clock-row.ts';
import { ClockStore } from './clock-store.ts';
import { ClockTable, Entry } from './clock-table.ts';
import { ExpectedClocks } from './expected-clocks.ts';

const { FlowBit } = layout;
const P = PairLayout;

/** Pairs of client and server that a shard looks at, 0.1 ms each at the end; the connections of all: 64 bytes each. */
const MAX_PAIRS = 1 << 12;
const MAX_CONNECTIONS = 1 << 19;
/** While the run goes on a pair is judged anew when it has opened so many connections more: a share, or a number. */
const NEWS = 0.25;
const MOST_NEWS = 128;
/** Connections that a glance looks at, of all pairs that wait to be judged: 2 µs each. The others wait for the next one. */
const GLANCE = 1024;
/** As long as the record of a pair outlasts its last packet (flow/pairs.ts): it counts connections from then on anew. */
const SILENT_SECONDS = 150;

/** What one client and server came to. */
export interface Clocked extends ClockVerdict {
  ends: Ends;
  /** Connections seen; those that were looked at are the newest. */
  seen: number;
}

/** Of a pair. */
interface Standing {
  /** Where it was worth a word when it was judged last. */
  clocked: Clocked | undefined;
  expected: ExpectedClocks;
}

interface Options {
  hosts: Hosts;
  /** Whole seconds since the epoch. */
  origin: number;
  /** Of a pair that has been judged: all of them at the end. `place` is the pair's as long as there is room for it. */
  row: (row: ClockRow, place: number) => void;
  /** Undefined = it is. */
  isLast?: () => boolean;
  /** It will be asked to glance. */
  glances?: boolean;
  evicted: (table: string, count: number) => void;
  /** Room for so many pairs (a power of two) and connections; undefined = the defaults. */
  pairs?: number;
  connections?: number;
}

export class Clocks implements Observer {
  private readonly options: Options;
  private readonly table: ClockTable<Standing>;
  private readonly store: ClockStore;
  private judged: Clocked[] = [];
  /** Entries that wait to be judged anew, the first one first: as long as they say so themselves. */
  private waiting: number[] = [];
  /** Pairs that found no room, or lost it. */
  private unseen = 0;

  constructor(options: Options) {
    this.options = options;
    this.table = new ClockTable(options.pairs ?? MAX_PAIRS);
    this.store = new ClockStore(this.table, options.connections ?? MAX_CONNECTIONS);
  }

  opened({ flow, segment, tracker, clientIsB }: Opened): void {
    // A TSval of 0 is no clock's.
    if (segment.timestamps !== Timestamps.PRESENT || segment.tsval === 0) return;
    const { table, store } = this;
    const { src, dst } = segment;
    const { scope } = flow;
    let entry = table.find(src, dst, scope);
    if (entry < 0) {
      if (table.full || store.full) {
        const { pairs } = tracker;
        const opened = pairs.words[pairs.direction(flow.pair, clientIsB) + P.OPENED];
        if (!this.makeRoom(opened, segment.at)) {
          if (opened === 1) this.unseen++;
          return;
        }
        entry = table.add(src, dst, scope);
        // It has shown these too. Else every pair without room would soon have shown twice as many as the newest one.
        table.words[entry + Entry.SEEN] = opened - 1;
      } else entry = table.add(src, dst, scope);
    } else if (store.full) store.dropOldest(entry);
    flow.clockSample = store.add(entry, segment, tracker.epoch);
    if (this.options.glances === true) this.expect(entry, segment.at, segment.tsval);
  }

  left(flow: Flow): void {
    if (flow.clockSample === 0) return;
    if (flow.client.tsAt - flow.opened < SHOWS_RATE) return; // its first TSval says it all
    const clientIsB = flow.has(FlowBit.CLIENT_IS_B);
    this.store.complete(flow, (flow.port(clientIsB) << 16) | flow.port(!clientIsB));
  }

  finish(): void {
    const { table } = this;
    const last = this.options.isLast?.() ?? true;
    if (this.unseen > 0) this.options.evicted('clocks', this.unseen);
    this.unseen = 0;
    this.judged = [];
    for (const entry of table) {
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
    const clocked = isTold(verdict.regime) ? { ...verdict, ends: this.endsOf(entry), seen } : undefined;
    table.words[entry + Entry.JUDGED] = seen;
    table.words[entry + Entry.WAITS] = 0;
    table.setValue(entry, { clocked, expected: ExpectedClocks.after(verdict) });
    this.options.row(this.rowOf(entry, verdict), entry);
    return clocked;
  }

  /** Notes where the connection may change the verdict on the pair. */
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

  /** After `finish`, or of those that a glance fell on: the clients and servers whose clocks are worth a word. */
  verdicts(): readonly Clocked[] {
    return this.judged;
  }

  /**
   * What the connections opened so far look like: looked at anew when there are twice as many. `noted`: that was such a
   * look. What is asked meanwhile must not put it off, or it would change what is told later.
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
   * Lets a pair that has opened so many connections take the place of one that has shown less than half as many, or has
   * been silent for long. Clocks say most where connections are many: of more pairs than there is room for, each with
   * a few, the first ones stay, instead of all being forgotten in turn.
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
    store.release(victim);
    table.remove(victim);
    // Another has taken its place.
    if (words[victim + Entry.WAITS] === 1) this.waiting.push(victim);
    this.unseen++;
    return true;
  }

  /** By so much that another verdict may be due. */
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
    return {
      pair: -1,
      scope: table.scope(entry),
      clientIsB: false,
      client: table.client(entry),
      clientPort: 0,
      server: table.server(entry),
      serverPort: 0,
    };
  }

  private rowOf(entry: number, verdict: ClockVerdict): ClockRow {
    const { table } = this;
    const { hosts, origin } = this.options;
    const scope = table.scope(entry);
    const ends = { client: hosts.text(table.client(entry), scope), server: hosts.text(table.server(entry), scope) };
    return clockRow(ends, verdict, this.isStepped(entry), origin);
  }

  /** Across a clock step nothing is compared. */
  private judge(entry: number): ClockVerdict {
    return clockLines(this.isStepped(entry) ? [] : this.store.samples(entry));
  }
}

const isTold = (regime: Regime): boolean => regime !== 'single' && regime !== 'none';
