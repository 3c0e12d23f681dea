/**
 * Captures that hold the same packets at different times, because the clocks of their machines differ (docs/rules.md D0.9):
 * found by SYNs and SYN-ACKs that were captured again (flow/syn-sample.ts), of all shards together.
 */
import { sourceText } from '../base/errors.ts';
import { MILLISECOND, type Nanos, SECOND } from '../base/time.ts';
import type { CaptureInfo, CaptureNote } from '../capture/capture-info.ts';
import { SOONER } from '../flow/second-capture-point.ts';
import { ALL, MOST_SIGHTINGS, MOST_SYNS, type SampledSyn, type Sighting, type SynsAgain } from '../flow/syn-sample.ts';

/** The SYNs and SYN-ACKs of one capture that come again in another one, or in the same one if it was merged from several. */
export interface OtherClock {
  /** Indices of the captures; `capture` is not less than `of`. */
  capture: number;
  of: number;
  /** How much later `capture` has them; negative: earlier. */
  offset: Nanos;
  syns: number;
}

export class OtherClocks {
  private readonly hashes: number[] = [];
  private readonly again: SampledSyn[] = [];

  add({ hashes, again }: SynsAgain): void {
    for (const hash of hashes) this.hashes.push(hash);
    for (const syn of again) this.again.push(syn);
  }

  /** For each capture the one before it with which it has most of them in common. */
  found(): OtherClock[] {
    const limit = limitOf(this.hashes);
    const offsets = new Map<string, { capture: number; of: number; all: Nanos[] }>();
    for (const { hash, isStamped, seen } of this.again) {
      if (hash >= limit || !(isStamped || isOncePerCapture(seen))) continue;
      const [of, ...others] = seen.toSorted((a, b) => a.capture - b.capture) as [Sighting, ...Sighting[]];
      for (const is of others) {
        const key = `${of.capture} ${is.capture}`;
        const pair = offsets.get(key) ?? { capture: is.capture, of: of.capture, all: [] };
        pair.all.push(is.at - of.at);
        offsets.set(key, pair);
      }
    }
    const best = new Map<number, OtherClock>();
    for (const { capture, of, all } of offsets.values()) {
      const clock = judge(capture, of, all);
      const known = best.get(capture);
      if (clock !== undefined && (known === undefined || isBetter(clock, known))) best.set(capture, clock);
    }
    return [...best.values()].sort((a, b) => a.capture - b.capture);
  }
}

const isBetter = (a: OtherClock, b: OtherClock): boolean => a.syns > b.syns || (a.syns === b.syns && a.of < b.of);

/** The limit at which one shard would have arrived with all these SYNs. */
function limitOf(hashes: readonly number[]): number {
  let limit = ALL;
  for (let below = hashes; below.length > MOST_SYNS; below = below.filter(hash => hash < limit)) limit /= 2;
  return limit;
}

/** A tool may send the same SYN without timestamps again and again, and a capture of that may be cut into files. */
const isOncePerCapture = (seen: readonly Sighting[]): boolean =>
  seen.length < MOST_SIGHTINGS && new Set(seen.map(({ capture }) => capture)).size === seen.length;

/**
 * Clocks that differ give all packets one offset; what is sent or played back again and again does not. A single packet
 * says nothing: networks have delivered packets seconds late, perhaps when the next file of the capture had begun.
 */
function judge(capture: number, of: number, offsets: readonly Nanos[]): OtherClock | undefined {
  const sorted = offsets.toSorted((a, b) => a - b);
  const offset = sorted[sorted.length >> 1];
  const syns = sorted.filter(one => Math.abs(one - offset) <= SOONER).length;
  if (syns * 2 <= sorted.length || syns === 1) return undefined;
  return { capture, of, offset, syns };
}

/** The note on the capture. */
export function otherClockNote(clock: OtherClock, captures: readonly CaptureInfo[]): CaptureNote {
  return { kind: 'other-clock', text: textOf(clock, captures), count: clock.syns };
}

function textOf({ capture, of, offset, syns }: OtherClock, captures: readonly CaptureInfo[]): string {
  const seconds = Math.abs(offset / SECOND).toFixed(3);
  const some = `at least ${syns.toLocaleString('en-US')} SYNs and SYN-ACKs`;
  const told = 'what was captured twice is told twice, or as if it had been sent again';
  if (capture === of) {
    return (
      `holds the same packets twice, ${seconds} s apart (${some}): it was merged from captures of machines whose clocks ` +
      `differ, or its traffic was played back; ${told}. Give the capture of one machine only`
    );
  }
  const shift = -Math.round(offset / MILLISECOND) / 1000;
  return (
    `holds packets of ${sourceText(captures[of].source)}, ${seconds} s ${offset < 0 ? 'earlier' : 'later'} (${some}): the ` +
    `clocks of the two machines differ; ${told}. Give only one of the two, or shift this one: editcap -t ${shift}`
  );
}
