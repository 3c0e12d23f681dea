/**
 * The shards of a run, and the slabs that circulate between the reader and the shards. The one shard runs in this
 * thread (local-pool.ts), or each shard is a long-lived piscina task with its own message port. A slab is reused only
 * after *every* shard has answered for it, because the reader writes into it at once. Waiting for a free slab is the
 * back-pressure.
 */
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import type { Piscina } from 'piscina';
import { moduleUrl } from '../base/module-url.ts';
import type { Nanos } from '../base/time.ts';
import { type Batch, Slab } from '../capture/slab.ts';
import { type Numbering, WrittenFinding } from '../detect/findings/written-finding.ts';
import type { Output } from './output.ts';
import type { ShardSettings } from './shard.ts';
import { type FromShard, LOADED, type ShardTask, type ToShard } from './thread-messages.ts';

export interface Pool {
  readonly shards: number;
  /** Number of slabs that were dispatched and not yet answered by every shard. */
  readonly busy: number;
  /** Resolves when every thread has loaded all the code that it needs. */
  ready(): Promise<void>;
  /** Waits for a slab that is not in use. */
  slab(): Promise<Slab>;
  /** Sends a filled slab to every shard. */
  dispatch(slab: Slab, batch: Batch): void;
  /** Waits for all slabs and then for the shards' last output; the threads end, and nothing more may be dispatched. */
  finish(at: Nanos): Promise<void>;
  /** Stops the threads, whatever they are doing. */
  destroy(): Promise<void>;
}

/** Called in this thread with each shard's output. */
export type Receive = (shard: number, output: Output) => void;

export async function createPool(
  workers: number,
  settings: Omit<ShardSettings, 'shard'>,
  receive: Receive,
): Promise<Pool> {
  // Loaded on demand: a small capture needs no piscina, and with threads this one needs no code of a shard.
  if (workers === 0) return new (await import('./local-pool.ts')).LocalPool(settings, receive);
  const { Piscina } = await import('piscina');
  return new ThreadPool(Piscina, workers, settings, receive);
}

/** Slabs in flight per shard, and two more so that the reader can be ahead. */
const SLABS_PER_SHARD = 2;
const SLABS_AHEAD = 2;

/**
 * The young generation of each thread's heap, where V8 would take 48 MB: a thread's objects either die at once, or are
 * stories and findings that outlive any scavenge. Half of that costs no time that can be measured, a quarter 6 %.
 */
const MAX_YOUNG_GENERATION_MB = 24;

/** A batch that changes nothing, not even time. */
const NOTHING: Batch = {
  rows: 0,
  capture: 0,
  limit: Number.NEGATIVE_INFINITY,
  stepped: false,
  incomplete: false,
  losses: [],
  ordered: true,
};

class ThreadPool implements Pool {
  readonly shards: number;
  private readonly receive: Receive;
  private readonly numbering: Numbering | undefined;
  private readonly piscina: Piscina;
  private readonly ports: MessagePort[] = [];
  private readonly slabs: Slab[];
  private readonly free: Slab[];
  /** Shards that have not yet answered for slab i. */
  private readonly outstanding: number[];
  private readonly waiting: (() => void)[] = [];
  private readonly tasks: Promise<unknown>;
  /** For each thread: resolves when it has loaded its code, or has failed before that. */
  private readonly loaded: Promise<unknown>[];
  /** Shards that have not yet given their last output. */
  private running: number;
  private failure: unknown;
  private stopped: Promise<void> | undefined;

  constructor(Threads: typeof Piscina, workers: number, settings: Omit<ShardSettings, 'shard'>, receive: Receive) {
    this.shards = workers;
    this.running = workers;
    this.receive = receive;
    this.numbering = settings.numbering;
    this.slabs = Array.from({ length: workers * SLABS_PER_SHARD + SLABS_AHEAD }, () => new Slab());
    this.free = [...this.slabs];
    this.outstanding = this.slabs.map(() => 0);
    this.piscina = new Threads({
      filename: moduleUrl(import.meta.url, 'shard/worker').href,
      // Threads start with their tasks. With a minimum of 0 a thread that dies is not replaced: the replacement would
      // still be loading modules when the pool is stopped.
      minThreads: 0,
      maxThreads: workers,
      // By default an idle worker sleeps in Atomics.wait, where messages on its port do not reach it.
      atomics: 'disabled',
      resourceLimits: { maxYoungGenerationSizeMb: MAX_YOUNG_GENERATION_MB },
    });
    const buffers = this.slabs.map(slab => slab.buffer);
    const maxFlows = Math.ceil(settings.maxFlows / workers);
    const threads = Array.from({ length: workers }, (_, shard) => {
      const { port1, port2 } = new MessageChannel();
      const loaded = new Promise<void>(resolve => {
        port1.on('message', (message: FromShard | typeof LOADED) =>
          message === LOADED ? resolve() : this.answered(shard, message),
        );
      });
      this.ports.push(port1);
      const shardTask: ShardTask = { settings: { ...settings, maxFlows, shard }, port: port2, buffers };
      const task: Promise<unknown> = this.piscina.run(shardTask, { transferList: [port2] });
      return { task, loaded: Promise.race([loaded, task.catch(() => {})]) };
    });
    this.loaded = threads.map(({ loaded }) => loaded);
    this.tasks = Promise.all(threads.map(({ task }) => task));
    this.tasks.catch((error: unknown) => {
      this.failure = error;
      this.wake();
    });
  }

  get busy(): number {
    return this.outstanding.filter(shards => shards > 0).length;
  }

  async ready(): Promise<void> {
    this.dispatch(await this.slab(), NOTHING);
    while (this.free.length < this.slabs.length && this.failure === undefined) await this.change();
    if (this.failure !== undefined) throw this.failure;
  }

  async slab(): Promise<Slab> {
    while (this.free.length === 0 && this.failure === undefined) await this.change();
    if (this.failure !== undefined) throw this.failure;
    return this.free.pop()!;
  }

  dispatch(slab: Slab, batch: Batch): void {
    const number = this.slabs.indexOf(slab);
    this.outstanding[number] = this.shards;
    this.post({ slab: number, batch });
  }

  async finish(at: Nanos): Promise<void> {
    this.post({ finish: at });
    // Messages on a port stay in order: a shard's last output comes after its answers for all slabs.
    while (this.running > 0 && this.failure === undefined) await this.change();
    if (this.failure !== undefined) throw this.failure;
    await this.tasks;
    // Frees the threads' memory while the last findings are stored; whoever calls `destroy` later waits for it.
    void this.destroy();
  }

  destroy(): Promise<void> {
    this.stopped ??= this.stop();
    return this.stopped;
  }

  private async stop(): Promise<void> {
    // Node 20 aborts the process when a thread is stopped while it loads modules (ModuleWrap::InstantiateSync), so wait
    // for that even after another thread or the sink has failed.
    await Promise.all(this.loaded);
    for (const port of this.ports) port.close();
    await this.piscina.destroy();
  }

  private answered(shard: number, { slab, last, output, written }: FromShard): void {
    const { numbering } = this;
    try {
      if (numbering !== undefined) output.findings = written.map(values => new WrittenFinding(values, numbering));
      this.receive(shard, output);
    } catch (error) {
      this.failure ??= error; // the sink failed: thrown when the next slab is requested
    }
    if (last) this.running--;
    if (slab !== undefined && --this.outstanding[slab] === 0) this.free.push(this.slabs[slab]);
    this.wake();
  }

  private change(): Promise<void> {
    return new Promise(resolve => this.waiting.push(resolve));
  }

  private wake(): void {
    for (const resolve of this.waiting.splice(0)) resolve();
  }

  private post(message: ToShard): void {
    for (const port of this.ports) port.postMessage(message);
  }
}
