/** Notes of a kind that may recur without end: one note each for the first ones, and one that counts the rest. */
import type { CaptureNote } from './capture-info.ts';

/** Occurrences that get a note of their own. */
const MAX_NOTES = 20;

export class RepeatedNotes {
  private readonly notes: CaptureNote[];
  private readonly kind: CaptureNote['kind'];
  private readonly sum: (more: number) => string;
  private count = 0;
  private rest: CaptureNote | undefined;

  /** `sum` returns the sentence for the further occurrences. */
  constructor(notes: CaptureNote[], kind: CaptureNote['kind'], sum: (more: number) => string) {
    this.notes = notes;
    this.kind = kind;
    this.sum = sum;
  }

  /** `note` is called only if the occurrence gets a note of its own. */
  add(note: () => Omit<CaptureNote, 'kind'>): void {
    const more = ++this.count - MAX_NOTES;
    if (more <= 0) {
      this.notes.push({ kind: this.kind, ...note() });
      return;
    }
    if (this.rest === undefined) this.notes.push((this.rest = { kind: this.kind, text: '', count: 0 }));
    this.rest.count = more;
    this.rest.text = this.sum(more);
  }
}
