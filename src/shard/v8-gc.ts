/**
 * What this program knows of its garbage and V8 cannot. The flags are of all threads, so that none takes one back.
 */
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/**
 * V8 makes objects in the old generation, from which few collections take, where it saw their like survive a scavenge.
 * Here that is chance: how long an attempt is kept is up to the capture. But dead objects of the old generation hold
 * the young ones that they name, so V8 sees more survive and goes on: one NAT address cost half as much time again.
 */
export function makeObjectsYoung(): void {
  setFlagsFromString('--no-allocation-site-pretenuring');
}

/**
 * V8 lets an old generation grow to up to four times of what was in use before it looks, where memory is plenty: with
 * 180,000 findings three threads had 267 MB for 91. At one and a half times it takes no more time that can be measured.
 * Node 20 goes from 4.6 times to 2.1, young objects included; Node 24 heeds the flag less (test/shard/garbage.test.ts).
 */
export function collectEarly(): void {
  setFlagsFromString('--heap-growing-percent=50');
}

/**
 * For a program that runs for weeks: where much of what is young outlives a scavenge for a moment, V8 lets the young
 * generation of a thread grow to 32 MB, and takes minutes to make it small again. With `false` it grows no more (Node 20,
 * 22), or to 8 MB (24), which costs a tenth of the CPU where packets are many. To be said now and then: V8 takes the flag
 * back when a thread begins.
 */
export function letYoungGrow(grow: boolean): void {
  setFlagsFromString(`--semi-space-growth-factor=${grow ? 2 : 1}`);
}

/** Less is not worth the 10 to 30 ms that it takes. */
const WORTH = 2 << 20;
/** What is larger would take longer, and is of a rate at which V8 collects often anyway. */
const MOST = 32 << 20;

/**
 * Collects this thread's garbage while it is little, for a program that runs for weeks beside others; to be called now
 * and then. V8 lets 8 MB and more pile up in each thread before it looks, twice what is in use at low rates: its memory
 * would go up and down by that.
 */
export function garbageCollector(): () => void {
  const collect = exposed();
  let left = 0;
  return () => {
    const used = getHeapStatistics().used_heap_size;
    left = Math.min(left, used);
    if (used - left < WORTH || used > MOST) return;
    collect?.();
    left = getHeapStatistics().used_heap_size;
  };
}

/** Only a new context has it, once the flag is set. */
function exposed(): (() => void) | undefined {
  setFlagsFromString('--expose-gc');
  return runInNewContext('globalThis.gc');
}
