/**
 * Exceptions are for input that cannot be used at all; each becomes one sentence on stderr and exit status 2. A single
 * frame that cannot be used never throws: it is skipped and counted (capture/slab.ts).
 */
export class PawscopeError extends Error {
  override name = 'PawscopeError';
  /** Lets programs tell errors apart; part of the library's contract (docs/api.md). */
  readonly code: string = 'ERR_PAWSCOPE';
}

/** The name of a capture in a sentence: `-`, as given, means standard input. */
export const sourceText = (source: string): string => (source === '-' ? 'standard input' : source);

/** The capture cannot be read. The message names the source and, where there is one, the byte offset. */
export class CaptureError extends PawscopeError {
  override name = 'CaptureError';
  override readonly code = 'ERR_PAWSCOPE_CAPTURE';
  readonly source: string;
  /** Byte offset in the (inflated) capture, or undefined when nothing was read. */
  readonly offset: number | undefined;

  constructor(source: string, problem: string, offset?: number, options?: ErrorOptions) {
    super(`${sourceText(source)}: ${problem}${offset === undefined ? '' : ` (byte ${offset})`}`, options);
    this.source = source;
    this.offset = offset;
  }
}

/** The input is not a capture at all, so leaving it out of a run loses nothing. */
export class NoCaptureError extends CaptureError {}

/** No TCP can be read from the capture: its link types carry none, or its first bytes cannot be inflated. */
export class NoTcpError extends NoCaptureError {}

/** A program passed an invalid option or source to the library. */
export class OptionError extends PawscopeError {
  override name = 'OptionError';
  override readonly code = 'ERR_PAWSCOPE_OPTION';
  /** Name of the option, or `source`. */
  readonly option: string;

  constructor(option: string, problem: string) {
    super(problem);
    this.option = option;
  }
}

/** The database cannot be opened, read or written. */
export class StoreError extends PawscopeError {
  override name = 'StoreError';
}
