/**
 * Capture duplicates: one packet recorded twice, by `-i any`, by two interfaces, or before and after a router or a
 * VLAN tag (detectors.md D0.3). Copies agree in addresses, ports, flags, numbers, timestamps, length and IPv4
 * identification; TTL, VLAN and interface may differ, so this is told before the tuple is formed. The memory is
 * exact: every segment of the last 50 ms is in it, whatever else the shard sees.
 */
import { MILLISECOND, type Nanos } from '../base/time.ts';
import type { Segments } from '../wire/segments.ts';
import { Flag } from '../wire/tcp.ts';

const WINDOW: Nanos = 5 * MILLISECOND;
/** A retransmitted SYN comes 200 ms later at the earliest and with a newer TSval, so its copies get more time. */
const SYN_WINDOW: Nanos = 50 * MILLISECOND;

export class Duplicates {
  private keys = new Int32Array(2 * 4096);
  private times = new Float64Array(4096).fill(Number.NEGATIVE_INFINITY);
  private scopes = new Int32Array(4096);
  private used = 0;

  /** VLAN and tunnel of the first copy, after `seen` has found one. */
  firstScope = 0;

  /** True when row `i` repeats a segment seen a moment ago; otherwise remembers it. Rows come in time order. */
  seen(segments: Segments, i: number, epoch: number): boolean {
    const at = segments.at[i]!;
    const seq = segments.seq[i]!;
    const meta = (segments.flags[i]! << 16) | segments.ipId[i]!;
    let h = Math.imul(segments.src[i]! ^ epoch, 0x9e3779b1) ^ segments.dst[i]!;
    h = Math.imul(h ^ (h >>> 15), 0x85ebca6b) ^ segments.ports[i]!;
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35) ^ seq;
    h = Math.imul(h ^ (h >>> 16), 0x27d4eb2f) ^ segments.ack[i]!;
    h = Math.imul(h ^ (h >>> 15), 0x165667b1) ^ meta;
    let g = Math.imul(h ^ segments.length[i]!, 0x85ebca77) ^ segments.src[i]!;
    if (segments.timestamps[i] === 1) {
      h = Math.imul(h ^ segments.tsval[i]!, 0x9e3779b1);
      g = Math.imul(g ^ segments.tsecr[i]!, 0xc2b2ae3d) ^ segments.tsval[i]!;
    }
    h ^= h >>> 16;
    g = Math.imul(g ^ (g >>> 13), 0x27d4eb2f) ^ segments.ports[i]!;
    g = Math.imul(g ^ (g >>> 15), 0x7feb352d) ^ seq;
    g ^= g >>> 16;

    const window = (segments.flags[i]! & Flag.SYN) === 0 ? WINDOW : SYN_WINDOW;
    const { keys, times } = this;
    const mask = times.length - 1;
    let probe = h & mask;
    while (times[probe] !== Number.NEGATIVE_INFINITY) {
      if (keys[2 * probe] === h && keys[2 * probe + 1] === g) {
        if (at - times[probe]! <= window) {
          this.firstScope = this.scopes[probe]!;
          return true;
        }
        times[probe] = at;
        this.scopes[probe] = segments.scope[i]!;
        return false;
      }
      probe = (probe + 1) & mask;
    }
    keys[2 * probe] = h;
    keys[2 * probe + 1] = g;
    times[probe] = at;
    this.scopes[probe] = segments.scope[i]!;
    if (++this.used * 2 > times.length) this.sweep(at);
    return false;
  }

  /** Keeps what may still be repeated; doubles when that alone fills a quarter. */
  private sweep(now: Nanos): void {
    const { keys, times, scopes } = this;
    let live = 0;
    for (const at of times) if (now - at <= SYN_WINDOW) live++;
    const size = live * 4 > times.length ? times.length * 2 : times.length;
    this.keys = new Int32Array(2 * size);
    this.times = new Float64Array(size).fill(Number.NEGATIVE_INFINITY);
    this.scopes = new Int32Array(size);
    this.used = live;
    for (let from = 0; from < times.length; from++) {
      if (!(now - times[from]! <= SYN_WINDOW)) continue;
      let probe = keys[2 * from]! & (size - 1);
      while (this.times[probe] !== Number.NEGATIVE_INFINITY) probe = (probe + 1) & (size - 1);
      this.keys[2 * probe] = keys[2 * from]!;
      this.keys[2 * probe + 1] = keys[2 * from + 1]!;
      this.times[probe] = times[from]!;
      this.scopes[probe] = scopes[from]!;
    }
  }
}
