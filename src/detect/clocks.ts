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
import type { ClockRow, Regime } from '../flow/output.ts';
import type { Tracker } from '../flow/tracker.ts';
import type { Hosts } from '../wire/hosts.ts';
import { Timestamps } from '../wire/tcp-options.ts';
import { type ClockLine, type ClockVerdict, clockLines } from './clock-lines.ts';
import { ClockRing, FIRST_CAPACITY } from './clock-ring.ts';
import { Directions } from './directions.ts';

const { FlowBit } = layout;

/** Samples of all pairs of a shard: 56 bytes each. */
const MAX_ROOM = 1 << 20;
/** For tables, times are seconds since the epoch, to the microsecond. */
const MICROSECONDS = 1e6;

interface Held {
  ring: ClockRing;
  /** As of so many connections; looked at anew when there are twice as many. */
  regime: Regime;
  asOf: number;
}

/** What one client and server came to. */
export interface Clocked extends ClockVerdict {
  ends: Ends;
  /** Connections seen; those that were looked at are the newest. */
  seen: number;
}

interface Options {
  hosts: Hosts;
  /** Whole seconds since the epoch. */
  origin: number;
  row: (row: ClockRow) => void;
  evicted: (table: string) => void;
}

export class Clocks implements Observer {
  private readonly options: Options;
  private readonly directions: Directions<Held>;
  private room = 0;
  private judged: Clocked[] = [];

  constructor(options: Options) {
    this.options = options;
    this.directions = new Directions<Held>(
      () => {
        this.room += FIRST_CAPACITY;
        return { ring: new ClockRing(), regime: 'none', asOf: 0 };
      },
      ({ ring }) => {
        this.room -= ring.capacity;
        options.evicted('clocks');
      },
    );
  }

  opened({ flow, segment, tracker }: Opened): void {
    // A TSval of 0 is no clock's.
    if (segment.timestamps !== Timestamps.PRESENT || segment.tsval === 0) return;
    this.room += this.directions.of(flow, tracker).ring.add(segment, tracker.epoch);
    while (this.room > MAX_ROOM && this.directions.size > 1) this.directions.evictOne();
  }

  left(flow: Flow, tracker: Tracker): void {
    const clientIsB = flow.has(FlowBit.CLIENT_IS_B);
    if (!flow.has(FlowBit.CLIENT_KNOWN) || flow.client.synTsval === 0) return;
    const ports = (flow.port(clientIsB) << 16) | flow.port(!clientIsB);
    this.directions.known(flow, tracker)?.ring.complete(flow, ports);
  }

  finish(): void {
    for (const [ends, { ring }] of this.directions) {
      if (ring.seen === 0) continue;
      const clocked = { ...judge(ring), ends, seen: ring.seen };
      this.judged.push(clocked);
      this.options.row(this.rowOf(clocked, ring.stepped));
    }
  }

  /** After `finish`: every client and server that used timestamps. */
  verdicts(): readonly Clocked[] {
    return this.judged;
  }

  /** What the connections opened so far look like. */
  regimeSoFar(ends: Ends, tracker: Tracker): Regime {
    const record = this.directions.ofEnds(ends, tracker);
    const { ring } = record;
    if (ring.seen >= 2 * record.asOf) {
      record.asOf = ring.seen;
      record.regime = judge(ring).regime;
    }
    return record.regime;
  }

  forEachHost(visit: (host: number, scope: number) => void): void {
    this.directions.forEachHost(visit);
  }

  private rowOf({ ends, hz, regime, hostsLow, hostsHigh, lines }: Clocked, stepped: boolean): ClockRow {
    const { hosts } = this.options;
    return {
      client: hosts.text(ends.client, ends.scope),
      server: hosts.text(ends.server, ends.scope),
      hz: hz ?? null,
      regime,
      hostsLow: stepped ? null : hostsLow,
      hostsHigh: stepped ? null : hostsHigh,
      lines: lines.map(line => this.lineOf(line)),
    };
  }

  private lineOf({ hz, t0, v0, flows, firstAt, lastAt, ttl, mss, windowScale }: ClockLine): ClockRow['lines'][number] {
    const time = (at: Nanos): number => this.options.origin + Math.round((at / SECOND) * MICROSECONDS) / MICROSECONDS;
    return {
      hz,
      t0: time(t0),
      v0,
      flows,
      first_at: time(firstAt),
      last_at: time(lastAt),
      ttl,
      mss,
      window_scale: windowScale,
    };
  }
}

/** Across a clock step nothing is compared. */
const judge = (ring: ClockRing): ClockVerdict => clockLines(ring.stepped ? [] : ring.samples());
