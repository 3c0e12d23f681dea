/** Reads compressed bytes from chunks of any size, as decoders need them: an exact number, or whatever is available. */

/** A compressed stream cannot be inflated further. Everything before has been delivered. */
export class InflateError extends Error {
  override name = 'InflateError';
  readonly kind: 'truncated' | 'damaged';

  constructor(kind: 'truncated' | 'damaged', problem: string) {
    super(problem);
    this.kind = kind;
  }
}

export type Chunks = AsyncIterable<Uint8Array>;

export class ChunkReader {
  private readonly iterator: AsyncIterator<Uint8Array>;
  private chunk: Uint8Array = new Uint8Array(0);
  private at = 0;
  private ended = false;

  constructor(chunks: Chunks) {
    this.iterator = chunks[Symbol.asyncIterator]();
  }

  /** The next bytes, at most `limit` of them, without a copy; undefined at the end. */
  async some(limit = Infinity): Promise<Uint8Array | undefined> {
    if (!(await this.more())) return undefined;
    const piece = this.chunk.subarray(this.at, Math.min(this.chunk.length, this.at + limit));
    this.at += piece.length;
    return piece;
  }

  /** Exactly `size` bytes; fewer only at the end. */
  async exactly(size: number): Promise<Uint8Array> {
    const piece = (await this.some(size)) ?? new Uint8Array(0);
    if (piece.length === size) return piece;
    const whole = new Uint8Array(size);
    whole.set(piece);
    let filled = piece.length;
    while (filled < size) {
      const next = await this.some(size - filled);
      if (next === undefined) return whole.subarray(0, filled);
      whole.set(next, filled);
      filled += next.length;
    }
    return whole;
  }

  /** Makes the last `count` bytes of the piece that `some()` returned last available again. */
  unread(count: number): void {
    this.at -= count;
  }

  async close(): Promise<void> {
    await this.iterator.return?.();
  }

  private async more(): Promise<boolean> {
    while (this.at === this.chunk.length && !this.ended) {
      const { value, done } = await this.iterator.next();
      if (done) this.ended = true;
      else {
        this.chunk = value;
        this.at = 0;
      }
    }
    return this.at < this.chunk.length;
  }
}
