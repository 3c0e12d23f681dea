/**
 * A host's table of TIME_WAITs is full: FINs that should find a TIME_WAIT are answered by RST (docs/rules.md F11). The
 * number of its TIME_WAITs is a sum over its peers. So the FINs are only collected here, and overflow/full-table.ts
 * judges them when the run ends.
 */
import { type Nanos, SECOND } from '../base/time.ts';
import { SCOPE_IPV6 } from '../capture/slab.ts';
import { forEachRecord } from '../flow/each-flow.ts';
import { type Ends, endsOf } from '../flow/ends.ts';
import type { Observer, ResetSeen } from '../flow/events.ts';
import { layout } from '../flow/layout.ts';
import { lastPacket, type Packet } from '../flow/packet.ts';
import { answersFirstFin } from '../flow/resets.ts';
import { stillHolds } from '../flow/retirement.ts';
import { inTimeWait, LEAST_FIN_WAIT2, showsBucket } from '../flow/time-wait.ts';
import type { Tracker } from '../flow/tracker.ts';
import type { Detector, Note, Settings } from './detector.ts';
import { mayBeByDevice } from './resets/origin-hints.ts';

const { L } = layout;

export type TimeWaitOverflowEvidence = {
  /**
   * Upper bound of its TIME_WAITs. A close whose FIN came together with the ACK looks the same whether the table took
   * the TIME_WAIT or not.
   */
  occupancy: number;
  /** Lower bound: TIME_WAITs that are certain because the host answered in that state. */
  occupancy_low: number;
  signs: readonly ('plateau' | 'fin-answered-by-rst')[];
  owner: 'client' | 'server';
  /** FINs answered by RST. */
  fins: number;
};

/** Most hosts of a shard, most seconds of a host, and most FINs that are shown with their RSTs. */
const MAX_HOSTS = 1024;
const MAX_SECONDS = 4096;
const EXAMPLES = 4;
/** Each of the first FINs may decide the verdict, or make it stronger (overflow/full-table.ts). */
const DECIDING = 8;

interface Answered {
  ends: Ends;
  ownerIsClient: boolean;
  count: number;
  seconds: Set<number>;
  notes: Note[];
}

const keyOf = (host: number, scope: number): string => `${host} ${scope & SCOPE_IPV6}`;

function change(changes: Map<number, number>, at: Nanos, by: number): void {
  const second = Math.floor(at / SECOND);
  changes.set(second, (changes.get(second) ?? 0) + by);
}

/**
 * How the number of its TIME_WAITs changes in each second: of all that packets show, and of those that have shown
 * themselves.
 */
interface SoFar {
  all: Map<number, number>;
  shown: Map<number, number>;
}

function lasts(changes: Map<number, number>, from: Nanos, to: Nanos): void {
  change(changes, from, 1);
  change(changes, to, -1);
}

export const timeWaitOverflow: Detector<'time-wait-overflow'> = {
  meta: {
    id: 'time-wait-overflow',
    title: 'A table of TIME_WAITs is full',
    why:
      'Above tcp_max_tw_buckets a Linux host keeps no TIME_WAIT of what it closes. The other end gets an RST for its ' +
      'FIN, and segments that were delayed on the way can reach the next connection of the tuple.',
    fix: 'Fewer short connections, the other end closing first, or a higher net.ipv4.tcp_max_tw_buckets.',
    doNot: 'Do not lower tcp_max_tw_buckets to get rid of TIME_WAITs, and do not enable tcp_tw_recycle.',
    references: ['Linux tcp_time_wait, inet_twsk_alloc', 'RFC 9293 §3.6.1', 'RFC 1337'],
  },
  create: (_report, settings) => new Watch(settings),
};

class Watch implements Observer {
  private readonly settings: Settings;
  private readonly hosts = new Map<string, Answered>();

  constructor(settings: Settings) {
    this.settings = settings;
  }

  reset(event: ResetSeen): void {
    const { flow, segment, fromB, sender: owner, receiver: peer, packet } = event;
    if (!event.isBare || !answersFirstFin(owner, peer)) return;
    // A full table answers a FIN by an RST however soon it comes; later, FIN_WAIT2 may have expired (B2). Data that
    // comes with the FIN is rejected by any socket that is closed.
    const isPrompt = owner.sent(L.SENT_FRAME) !== 0 && peer.sentAt - owner.sentAt < LEAST_FIN_WAIT2;
    if (!isPrompt || peer.sent(L.SENT_LENGTH) > 0 || !inTimeWait(owner, segment.at, this.settings.timeWait)) return;
    // A firewall may reject late FINs, too, in the host's name.
    if (mayBeByDevice(event)) return;
    const ends = endsOf(flow);
    const known = this.hostOf(ends, fromB === ends.clientIsB);
    if (known === undefined) return;
    known.count++;
    const before = known.seconds.size;
    if (before < MAX_SECONDS) known.seconds.add(Math.floor(segment.at / SECOND));
    const { size } = known.seconds;
    // The first few FINs decide, and later ones in other seconds: the more there were, the less often.
    if (known.count <= DECIDING || (size > before && (size & (size - 1)) === 0)) this.settings.judgeSoon();
    if (known.notes.length >= 2 * EXAMPLES) return;
    // All packets are shown as if they were of the first connection: only the sender of a packet is shown.
    const turned = ends.clientIsB !== known.ends.clientIsB;
    const note = (shown: Packet, text: string): void => {
      known.notes.push({ packet: { ...shown, fromB: turned !== shown.fromB }, note: text });
    };
    const fin = lastPacket(flow, !fromB);
    if (fin !== undefined) note(fin, 'FIN that should lead into TIME_WAIT');
    note(packet(), 'answered by RST: there is none');
  }

  finish(tracker: Tracker): void {
    const { fullTable, isLast } = this.settings;
    const changes = isLast() ? undefined : this.soFar(tracker);
    for (const [key, { ends, ownerIsClient, count, seconds, notes }] of this.hosts) {
      const [{ packet: raised }] = notes as [Note];
      const soFar = changes?.get(key);
      fullTable(
        { ends, raised, packets: notes },
        {
          ownerIsClient,
          count,
          seconds: [...seconds],
          standing: [...(soFar?.all ?? [])],
          shown: [...(soFar?.shown ?? [])],
        },
      );
    }
  }

  forEachHost(visit: (host: number, scope: number) => void): void {
    for (const { ends } of this.hosts.values()) {
      visit(ends.client, ends.scope);
      visit(ends.server, ends.scope);
    }
  }

  /** Undefined if there is no room for another host. */
  private hostOf(ends: Ends, ownerIsClient: boolean): Answered | undefined {
    const { hosts } = this;
    const key = keyOf(ownerIsClient ? ends.client : ends.server, ends.scope);
    let known = hosts.get(key);
    if (known === undefined) {
      if (hosts.size >= MAX_HOSTS) {
        this.settings.evicted('full-tables');
        return undefined;
      }
      hosts.set(key, (known = { ends, ownerIsClient, count: 0, seconds: new Set(), notes: [] }));
    }
    return known;
  }

  /** During a run: the TIME_WAITs of these hosts that will be reported only when their flows leave. */
  private soFar(tracker: Tracker): Map<string, SoFar> {
    const { timeWait } = this.settings;
    const changes = new Map<string, SoFar>(
      [...this.hosts.keys()].map(key => [key, { all: new Map(), shown: new Map() }]),
    );
    if (changes.size === 0) return changes;
    forEachRecord(tracker, flow => {
      for (const ownerIsB of [false, true]) {
        if (!stillHolds(tracker, flow, ownerIsB)) continue;
        const side = flow.side(ownerIsB);
        const known = changes.get(keyOf(flow.host(ownerIsB), flow.scope));
        if (known === undefined) continue;
        const end = side.timerStart + timeWait;
        lasts(known.all, side.entered, end);
        if (showsBucket(side, flow.side(!ownerIsB))) lasts(known.shown, side.entered, end);
      }
    });
    return changes;
  }
}
