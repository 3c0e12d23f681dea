/**
 * Exceptions are for input that cannot be used at all; each becomes one sentence on stderr and exit status 2. A
 * frame that cannot be used is never an exception: it is a counted skip (capture/slab.ts).
 */
export class PawscopeError extends Error {
  override name = 'PawscopeError';
}

/** The capture cannot be read. The message names the source and, where there is one, the byte offset. */
export class CaptureError extends PawscopeError {
  override name = 'CaptureError';
  readonly source: string;
  /** Byte offset in the (inflated) capture, or undefined when nothing was read. */
  readonly offset: number | undefined;

  constructor(source: string, problem: string, offset?: number) {
    super(`${source}: ${problem}${offset === undefined ? '' : ` (byte ${offset})`}`);
    this.source = source;
    this.offset = offset;
  }
}

/** The database cannot be opened, read or written. */
export class StoreError extends PawscopeError {
  override name = 'StoreError';
}
