/** What the pool and its threads say to each other. */
import type { MessagePort } from 'node:worker_threads';
import type { Nanos } from '../base/time.ts';
import type { Batch } from '../capture/slab.ts';
import type { FindingValues } from '../detect/written-finding.ts';
import type { Output } from './output.ts';
import type { ShardSettings } from './shard.ts';

export interface ShardTask {
  settings: ShardSettings;
  port: MessagePort;
  buffers: readonly SharedArrayBuffer[];
}

export type ToShard = { slab: number; batch: Batch } | { finish: Nanos };

/** The first that a thread says: it has loaded its code. */
export const LOADED = 'loaded';

/** `slab` is the number of the slab that this shard no longer needs; absent with what is told after the end. */
export interface FromShard {
  slab: number | undefined;
  last: boolean;
  /** Its findings are in `written`, where they are to be. */
  output: Output;
  written: readonly FindingValues[];
}
