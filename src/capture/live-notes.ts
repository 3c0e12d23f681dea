/** What happens to a live input, as notes of its capture: kept current, for those who read the database meanwhile. */
import type { CaptureNote } from './capture-info.ts';
import type { Live } from './source.ts';

export class LiveNotes {
  private readonly notes: CaptureNote[];
  private drops: CaptureNote | undefined;

  constructor(notes: CaptureNote[]) {
    this.notes = notes;
  }

  follow(live: Live): void {
    this.notes.push(...live.takeNotes());
    const { dropped } = live;
    if (dropped === 0) return;
    if (this.drops === undefined) this.notes.push((this.drops = { kind: 'dropped', text: '', count: 0 }));
    this.drops.count = dropped;
    this.drops.text = `${dropped} packets were dropped by the kernel, whose buffer was full (-B makes it larger)`;
  }
}
