/** Tunes V8's garbage collector with what this program knows about its objects. V8 flags apply to all threads. */
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/**
 * Turns allocation-site pretenuring off. V8 allocates objects directly in the old generation, which is rarely
 * collected, when earlier objects of the same site survived scavenges. Here that is chance: how long an attempt is kept
 * depends on the capture. Dead objects in the old generation keep the young objects alive to which they refer, so V8
 * sees more of those survive and pretenures further: one NAT address cost half as much time again.
 */
export function makeObjectsYoung(): void {
  setFlagsFromString('--no-allocation-site-pretenuring');
}

/**
 * Makes V8 collect the old generation at one and a half times of what was in use. By default, with plenty of memory, V8
 * lets it grow up to four times: with 180,000 findings three threads had heaps of 267 MB with 91 MB in use. The flag
 * costs no measurable time. Node 20 goes from 4.6 times to 2.1, young objects included; Node 24 heeds the flag less
 * (test/shard/v8-gc.test.ts).
 */
export function collectEarly(): void {
  setFlagsFromString('--heap-growing-percent=50');
}

/**
 * Whether V8 may enlarge the young generation, for a program that runs for weeks: when many young objects outlive a
 * scavenge, V8 lets the young generation of a thread grow to 32 MB, and takes minutes to shrink it again. With `false`
 * it does not grow (Node 20, 22), or only to 8 MB (24), which costs a tenth more CPU time when there are many packets.
 * Call this periodically: starting a thread makes V8 reset the flag.
 */
export function letYoungGrow(grow: boolean): void {
  setFlagsFromString(`--semi-space-growth-factor=${grow ? 2 : 1}`);
}

/** Bytes of growth below which a collection is not worth the 10 to 30 ms that it takes. */
const WORTH = 2 << 20;
/** Bytes of heap above which a collection would take too long; at such rates of packets V8 collects often anyway. */
const MAX_YOUNG = 32 << 20;

/**
 * Returns a function that collects this thread's garbage while there is little, for a program that runs for weeks
 * beside others. Call it periodically. V8 lets 8 MB and more accumulate in each thread before it collects, twice what
 * is in use at low rates, and the memory of the process would go up and down by that.
 */
export function garbageCollector(): () => void {
  const collect = exposed();
  let left = 0;
  return () => {
    const used = getHeapStatistics().used_heap_size;
    left = Math.min(left, used);
    if (used - left < WORTH || used > MAX_YOUNG) return;
    collect?.();
    left = getHeapStatistics().used_heap_size;
  };
}

/** The function `gc`, which V8 exposes only to contexts created after the flag is set. */
function exposed(): (() => void) | undefined {
  setFlagsFromString('--expose-gc');
  return runInNewContext('globalThis.gc');
}
