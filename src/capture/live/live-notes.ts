/** Turns events of a live input into notes of its capture, updated for those who read the database during the run. */
import type { CaptureNote } from '../capture-info.ts';
import { RepeatedNotes } from '../repeated-notes.ts';
import type { Live } from '../source.ts';

export class LiveNotes {
  private readonly notes: CaptureNote[];
  private readonly losses: RepeatedNotes;
  private readonly steps: RepeatedNotes;
  private drops: CaptureNote | undefined;
  private interfaceDrops: CaptureNote | undefined;

  constructor(notes: CaptureNote[]) {
    this.notes = notes;
    this.losses = new RepeatedNotes(notes, 'source-lost', more => `the interface was lost ${more} more times`);
    this.steps = new RepeatedNotes(
      notes,
      'clock-step',
      more => `the machine slept, or its clock was set, ${more} more times`,
    );
  }

  update(live: Live): void {
    for (const note of live.takeNotes()) {
      if (note.kind === 'source-lost') this.losses.add(() => note);
      else if (note.kind === 'clock-step') this.steps.add(() => note);
      else this.notes.push(note);
    }
    const { dropped, interfaceDropped } = live;
    if (dropped > 0) {
      const text = `${dropped} packets were dropped by the kernel, whose buffer was full (enlarge it with -B or empty it faster with --workers)`;
      this.drops = this.grown(this.drops, dropped, text);
    }
    if (interfaceDropped > 0) {
      const text = `${interfaceDropped} packets were dropped by the network card or its driver, before any filter`;
      this.interfaceDrops = this.grown(this.interfaceDrops, interfaceDropped, text);
    }
  }

  private grown(note: CaptureNote | undefined, count: number, text: string): CaptureNote {
    if (note !== undefined) return Object.assign(note, { count, text });
    const first: CaptureNote = { kind: 'dropped', text, count };
    this.notes.push(first);
    return first;
  }
}
