/** Entry of a worker thread: one shard, fed through its port until it is told to finish. */
import { Slab } from '../capture/slab.ts';
import { valuesOf } from '../detect/findings/written-finding.ts';
import type { Output } from './output.ts';
import { Shard } from './shard.ts';
import { type FromShard, LOADED, type ShardTask, type ToShard } from './thread-messages.ts';
import { garbageCollector } from './v8-gc.ts';

export default function runShard({ settings, port, buffers }: ShardTask): Promise<void> {
  port.postMessage(LOADED);
  const shard = new Shard(settings);
  const slabs = buffers.map(buffer => new Slab(buffer));
  const { numbering } = settings;
  const collectGarbage = settings.judgeEvery === undefined ? undefined : garbageCollector();
  return new Promise((resolve, reject) => {
    const answer = (slab: number | undefined, output: Output, last = false): void => {
      const { findings } = output;
      const written = numbering === undefined ? [] : findings.map(finding => valuesOf(finding, numbering));
      if (numbering !== undefined) output.findings = [];
      port.postMessage({ slab, last, output, written } satisfies FromShard);
    };
    port.on('message', (message: ToShard) => {
      try {
        if ('slab' in message) {
          const output = shard.take(slabs[message.slab], message.batch);
          answer(message.slab, output);
          // Only in a live run, every ten seconds.
          if (output.judged !== undefined) collectGarbage?.();
        } else {
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
