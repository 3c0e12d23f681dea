/**
 * Inflates ahead of the reader, in a separate thread: inflating costs as much as everything else, and shards and SQLite
 * may need the reader's thread. The inflated bytes are in a ring of shared slots, so they are not copied on the way; a
 * slot is reused once the next one is requested.
 */
import { Worker } from 'node:worker_threads';
import { moduleUrl } from '../../base/module-url.ts';
import { type Chunks, InflateError } from './chunks.ts';
import type { CompressionName } from './compression.ts';
import type { FromInflater, InflateTask, ToInflater } from './inflate-worker.ts';

/** Number and size of the slots: more than a slab in all, so that the next slab is inflated while one is analysed. */
const SLOTS = 8;
const SLOT = 512 << 10;
/** Most threads: captures that overlap in time are all open at once. The rest are inflated in the reader's thread. */
const MOST_THREADS = 4;

let threads = 0;

export const hasFreeThread = (): boolean => threads < MOST_THREADS;

type Piece = IteratorResult<Uint8Array, undefined>;
const END: Piece = { done: true, value: undefined };

export class InflateThread {
  private readonly worker: Worker;
  private readonly ring = new SharedArrayBuffer(SLOTS * SLOT);
  private readonly chunks: AsyncIterator<Uint8Array>;
  /** Slots that hold inflated bytes, in order. */
  private readonly ready: { slot: number; length: number }[] = [];
  private lent: number | undefined;
  private over = false;
  private problem: unknown;
  private wake = (): void => {};
  /** Resolves when all chunks requested so far have been sent; chunks are pulled one at a time. */
  private feeding: Promise<void> = Promise.resolve();

  constructor(compression: CompressionName, chunks: Chunks) {
    threads++;
    this.chunks = chunks[Symbol.asyncIterator]();
    const task: InflateTask = { compression, ring: this.ring, slots: SLOTS };
    this.worker = new Worker(moduleUrl(import.meta.url, 'capture/compression/inflate-worker'), { workerData: task });
    this.worker.on('message', (message: FromInflater) => this.receive(message));
    this.worker.on('error', error => this.end(error));
  }

  /** The next bytes, which are valid until the next call. */
  async next(): Promise<Piece> {
    if (this.lent !== undefined) this.send({ free: this.lent });
    this.lent = undefined;
    while (this.ready.length === 0 && !this.over) await new Promise<void>(resolve => (this.wake = resolve));
    const piece = this.ready.shift();
    if (piece !== undefined) {
      this.lent = piece.slot;
      return { done: false, value: new Uint8Array(this.ring, piece.slot * SLOT, piece.length) };
    }
    if (this.problem === undefined) return END;
    throw this.problem;
  }

  /** Stops the thread at once, whatever it is doing. */
  async return(): Promise<Piece> {
    this.ready.length = 0;
    this.end();
    await this.chunks.return?.();
    return END;
  }

  private receive(message: FromInflater): void {
    if (this.over) return;
    if ('wanted' in message) this.feeding = this.feeding.then(() => this.feed());
    else if ('slot' in message) {
      this.ready.push(message);
      this.wake();
    } else this.end(message.problem && new InflateError(message.problem.kind, message.problem.message));
  }

  private async feed(): Promise<void> {
    if (this.over) return;
    try {
      const { done, value } = await this.chunks.next();
      this.send({ chunk: done ? undefined : value });
    } catch (error) {
      this.end(error);
    }
  }

  private send(message: ToInflater): void {
    if (!this.over) this.worker.postMessage(message);
  }

  private end(problem?: unknown): void {
    if (this.over) return;
    this.over = true;
    this.problem = problem;
    threads--;
    void this.worker.terminate();
    this.wake();
  }
}
