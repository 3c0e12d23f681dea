/** Messages between the pool and its threads. */
import type { MessagePort } from 'node:worker_threads';
import type { Nanos } from '../base/time.ts';
import type { Batch } from '../capture/slab.ts';
import type { FindingValues } from '../detect/findings/written-finding.ts';
import type { Output } from './output.ts';
import type { ShardSettings } from './shard.ts';

export interface ShardTask {
  settings: ShardSettings;
  port: MessagePort;
  buffers: readonly SharedArrayBuffer[];
}

export type ToShard = { slab: number; batch: Batch } | { finish: Nanos };

/** A thread's first message: it has loaded its code. */
export const LOADED = 'loaded';

/** `slab` is the number of the slab that this shard no longer needs; undefined for output after the last slab. */
export interface FromShard {
  slab: number | undefined;
  last: boolean;
  /** With a numbering its findings are in `written` instead. */
  output: Output;
  written: readonly FindingValues[];
}
