/** Opens an input when it is read, or, where that means to inflate it, already while the one before it is read. */
import type { Input } from './capture-info.ts';
import { openSource, type Source } from './source.ts';

export class Opening {
  private readonly input: Input;
  private readonly compressed: boolean;
  private ahead: Promise<Source> | undefined;
  private done = false;

  constructor(input: Input, compressed: boolean) {
    this.input = input;
    this.compressed = compressed;
  }

  /** It is read next. */
  prepare(): void {
    if (!this.compressed || this.done) return;
    this.ahead ??= openSource(this.input, true);
    // Told when it is read.
    this.ahead.catch(() => {});
  }

  open(): Promise<Source> {
    const source = this.ahead ?? openSource(this.input, true);
    this.ahead = undefined;
    this.done = true;
    return source;
  }

  /** Nobody will read it. */
  close(): void {
    this.ahead?.then(source => source.close()).catch(() => {});
    this.ahead = undefined;
    this.done = true;
  }
}
