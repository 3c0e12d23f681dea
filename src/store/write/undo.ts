/**
 * Reverts changes in memory when the transaction that they belong to fails: each is added with the step that undoes it.
 */
export class Undo {
  private steps: (() => void)[] = [];

  add(step: () => void): void {
    this.steps.push(step);
  }

  /** The transaction was committed. */
  clear(): void {
    if (this.steps.length > 0) this.steps = [];
  }

  /** The transaction was rolled back: reverts the changes, the last one first. */
  run(): void {
    const { steps } = this;
    this.steps = [];
    for (const step of steps.reverse()) step();
  }
}
