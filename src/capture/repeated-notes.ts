/** Notes of one kind that may come without end: the first ones each, the rest as a sum. */
import type { CaptureNote } from './capture-info.ts';

/** Told one by one. */
const MOST = 20;

export class RepeatedNotes {
  private readonly notes: CaptureNote[];
  private readonly kind: CaptureNote['kind'];
  private readonly sum: (more: number) => string;
  private count = 0;
  private rest: CaptureNote | undefined;

  /** `sum` is the sentence for so many more. */
  constructor(notes: CaptureNote[], kind: CaptureNote['kind'], sum: (more: number) => string) {
    this.notes = notes;
    this.kind = kind;
    this.sum = sum;
  }

  /** `note` is made only where it is told by itself. */
  add(note: () => Omit<CaptureNote, 'kind'>): void {
    const more = ++this.count - MOST;
    if (more <= 0) {
      this.notes.push({ kind: this.kind, ...note() });
      return;
    }
    if (this.rest === undefined) this.notes.push((this.rest = { kind: this.kind, text: '', count: 0 }));
    this.rest.count = more;
    this.rest.text = this.sum(more);
  }
}
