/**
 * A sample of the SYNs and SYN-ACKs of the whole run. One that comes again with the same TSval or IPv4 identification was not
 * sent again but captured again: by another machine whose clock differs (docs/rules.md D0.9). Flows do not show it: the
 * clocks may differ by more than the time for which a flow is remembered, and its tuple may be used again meanwhile.
 *
 * They are chosen by a hash of what copies have in common, so the copy of one that is chosen is chosen, too. The limit is
 * halved when too many are below it. It depends on nothing but the SYNs, so the samples of all shards can be merged into
 * the one that a single shard would have (shard/other-clocks.ts).
 */
import type { Nanos } from '../base/time.ts';
import type { Segment } from '../wire/segment.ts';
import { Timestamps } from '../wire/tcp-options.ts';
import { SOONER } from './second-capture-point.ts';

/** A SYN or SYN-ACK, at one time in one capture. */
export interface Sighting {
  capture: number;
  at: Nanos;
}

export interface SampledSyn {
  hash: number;
  /** It has timestamps, so nobody sends it again as it is, except tools that send made or recorded packets. */
  isStamped: boolean;
  /** In the order in which they were handled. */
  seen: Sighting[];
}

/** What leaves the shard. */
export interface SynsAgain {
  /** Of all SYNs of the sample. */
  hashes: number[];
  /** Those that came more than once. */
  again: SampledSyn[];
}

export const MOST_SYNS = 4096;
/** A SYN that comes so often is sent by a tool, or its capture was played back in a loop. */
export const MOST_SIGHTINGS = 8;
/** One more than the largest hash. */
export const ALL = 2 ** 32;

export class SynSample {
  private readonly syns = new Map<string, SampledSyn>();
  private limit = ALL;

  /** Takes a SYN or SYN-ACK. What comes within 0.9 s of a copy of it is left to second-capture-point.ts. */
  note({ src, dst, ports, seq, timestamps, tsval, ipId, capture, at }: Segment): void {
    const isStamped = timestamps === Timestamps.PRESENT;
    if (!isStamped && ipId === 0) return;
    const stamp = isStamped ? tsval : 0;
    const hash = hashOf(ports, seq, stamp, ipId);
    if (hash >= this.limit) return;
    const key = `${src} ${dst} ${ports} ${seq} ${stamp} ${ipId} ${isStamped}`;
    const syn = this.syns.get(key);
    if (syn === undefined) this.add(key, { hash, isStamped, seen: [{ capture, at }] });
    else if (syn.seen.length < MOST_SIGHTINGS && syn.seen.every(one => Math.abs(at - one.at) > SOONER))
      syn.seen.push({ capture, at });
  }

  told(): SynsAgain {
    const syns = [...this.syns.values()];
    return { hashes: syns.map(({ hash }) => hash), again: syns.filter(({ seen }) => seen.length > 1) };
  }

  private add(key: string, syn: SampledSyn): void {
    this.syns.set(key, syn);
    while (this.syns.size > MOST_SYNS) {
      this.limit /= 2;
      for (const [other, { hash }] of this.syns) if (hash >= this.limit) this.syns.delete(other);
    }
  }
}

/** Of nothing that differs between shards: an IPv6 host has another number in each. */
function hashOf(ports: number, seq: number, tsval: number, ipId: number): number {
  let h = Math.imul(ports, 0x9e3779b1) ^ Math.imul(seq, 0x85ebca6b) ^ Math.imul(tsval, 0xc2b2ae35) ^ ipId;
  h = Math.imul(h ^ (h >>> 16), 0x7feb352d);
  h = Math.imul(h ^ (h >>> 15), 0x846ca68b);
  return (h ^ (h >>> 16)) >>> 0;
}
