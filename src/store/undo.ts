/**
 * What is remembered of rows has to follow them where a transaction fails: each step is noted with how to take it back.
 */
export class Undo {
  private steps: (() => void)[] = [];

  add(step: () => void): void {
    this.steps.push(step);
  }

  /** The transaction stands. */
  clear(): void {
    if (this.steps.length > 0) this.steps = [];
  }

  /** It does not: the last step is taken back first. */
  run(): void {
    const { steps } = this;
    this.steps = [];
    for (const step of steps.reverse()) step();
  }
}
