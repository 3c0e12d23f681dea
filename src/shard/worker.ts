/** Entry of a worker thread: one shard, fed through its port until it is told to finish. */
import type { MessagePort } from 'node:worker_threads';
import type { Nanos } from '../base/time.ts';
import { type Batch, Slab } from '../capture/slab.ts';
import type { Output } from './output.ts';
import { Shard, type ShardSettings } from './shard.ts';

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
  output: Output;
}

export default function runShard({ settings, port, buffers }: ShardTask): Promise<void> {
  port.postMessage(LOADED);
  const shard = new Shard(settings);
  const slabs = buffers.map(buffer => new Slab(buffer));
  return new Promise((resolve, reject) => {
    const answer = (slab: number | undefined, output: Output, last = false): void =>
      port.postMessage({ slab, last, output } satisfies FromShard);
    port.on('message', (message: ToShard) => {
      try {
        if ('slab' in message) answer(message.slab, shard.take(slabs[message.slab]!, message.batch));
        else {
          const rest = shard.finish(message.finish, part => answer(undefined, part));
          answer(undefined, rest, true);
          port.close();
          resolve();
        }
      } catch (error) {
        reject(error);
      }
    });
  });
}
