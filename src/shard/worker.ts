/** Entry of a worker thread: one shard, fed through its port until it is told to finish. */
import { Slab } from '../capture/slab.ts';
import type { Output } from './output.ts';
import { Shard } from './shard.ts';
import { type FromShard, LOADED, type ShardTask, type ToShard } from './thread-messages.ts';

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
