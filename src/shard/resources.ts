/** How many threads a run gets, and room for how many flows, by the size of its input. */
import { availableParallelism } from 'node:os';

/** Below this many packets, starting and warming up threads costs more than they save. */
const WORTH_WORKERS = 4e6;
const MOST_WORKERS = 4;

/** There is room for so many flows in any case: a few packets may still be written to a capture while it is read. */
const LEAST_ROOM = 1 << 13;

/**
 * As many threads as there are cores: the main thread, which reads and stores, does half the work of two shards and
 * sleeps in between. With more than four shards it would be the bottleneck. On a single core threads gain nothing.
 * `packets`: estimated.
 */
export function defaultWorkers(packets: number, inflates: boolean): number {
  const cores = availableParallelism();
  if (cores === 1 || packets < WORTH_WORKERS) return 0;
  // The thread that inflates needs a core of its own.
  return Math.min(inflates ? cores - 1 : cores, MOST_WORKERS);
}

/**
 * Flows that all shards together have room for: as many as asked for, but in a shard no more than packets may come. V8
 * counts address space, whether touched or not: with that of four million flows it collected garbage twice in the
 * analysis of a capture of ten packets, which took 140 ms so and 12 without (`pawscope check`, 146 captures).
 */
export function roomForFlows(asked: number, mostPackets: number, shards: number): number {
  return Math.min(asked, Math.max(mostPackets, LEAST_ROOM) * shards);
}
