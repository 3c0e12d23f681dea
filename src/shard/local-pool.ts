/** The pool without worker threads: one shard in the calling thread, with one slab. */
import type { Nanos } from '../base/time.ts';
import { type Batch, Slab } from '../capture/slab.ts';
import type { Pool, Receive } from './pool.ts';
import { Shard, type ShardSettings } from './shard.ts';

export class LocalPool implements Pool {
  readonly shards = 1;
  readonly busy = 0;
  private readonly shard: Shard;
  private readonly receive: Receive;
  private readonly only = new Slab();

  constructor(settings: Omit<ShardSettings, 'shard'>, receive: Receive) {
    this.shard = new Shard({ ...settings, shard: 0 });
    this.receive = receive;
  }

  async ready(): Promise<void> {}

  /** Yields to the event loop, which otherwise would not handle signals and streams. */
  async slab(): Promise<Slab> {
    await new Promise(setImmediate);
    return this.only;
  }

  dispatch(slab: Slab, batch: Batch): void {
    this.receive(0, this.shard.take(slab, batch));
  }

  async finish(at: Nanos): Promise<void> {
    this.receive(
      0,
      this.shard.finish(at, part => this.receive(0, part)),
    );
  }

  async destroy(): Promise<void> {}
}
