/**
 * Collects garbage while it is little, for a program that runs for weeks beside others. V8 lets 8 MB and more pile up in
 * each thread before it looks, twice what is in use at low rates: its memory would go up and down by that.
 */
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Less is not worth the 10 to 30 ms that it takes. */
const WORTH = 2 << 20;
/** What is larger would take longer, and is of a rate at which V8 collects often anyway. */
const MOST = 32 << 20;

/** Of this thread; to be called now and then. */
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

/** Only a new context has it, once the flag is set. The flag is of all threads, so that none takes it back. */
function exposed(): (() => void) | undefined {
  setFlagsFromString('--expose-gc');
  return runInNewContext('globalThis.gc');
}
