/** With --flows: the history letters of each flow as Zeek writes them (upper case for the client; docs/rules.md C2). */
import type { Segment } from '../wire/segment.ts';
import { Flag } from '../wire/tcp.ts';

/** A storm of RSTs does not make a history longer than this. */
const MAX_LETTERS = 32;

/** What decides whether a letter is written again: its last sequence number, or how often it came. */
type Repeats = Map<string, number>;

export class Histories {
  private readonly letters = new Map<number, string>();
  private readonly repeats = new Map<number, Repeats>();

  segment(base: number, byClient: boolean, segment: Segment): void {
    const { flags, seq } = segment;
    // Zeek takes the sender of the first packet for the originator, and corrects that.
    if (!byClient && !this.letters.has(base)) this.letters.set(base, '^');
    const cased = (letter: string): string => (byClient ? letter.toUpperCase() : letter);
    if ((flags & Flag.FIN) !== 0 && (flags & Flag.RST) !== 0) this.add(base, cased('i'));
    if (flags & Flag.SYN) this.add(base, cased(flags & Flag.ACK ? 'h' : 's'));
    if (flags & Flag.RST) this.addNumbered(base, cased('r'), seq);
    else if (segment.window === 0) this.addCounted(base, cased('w'));
    if (segment.length > 0) this.add(base, cased('d'));
    else if ((flags & (Flag.SYN | Flag.FIN | Flag.RST | Flag.ACK)) === Flag.ACK) this.add(base, cased('a'));
    if (flags & Flag.FIN) this.addNumbered(base, cased('f'), seq);
  }

  retransmission(base: number, byClient: boolean): void {
    this.addCounted(base, byClient ? 'T' : 't');
  }

  take(base: number): string {
    const letters = this.letters.get(base) ?? '';
    this.letters.delete(base);
    this.repeats.delete(base);
    return letters;
  }

  private add(base: number, letter: string): void {
    if (!this.letters.get(base)?.includes(letter)) this.append(base, letter);
  }

  /** Written again if the sequence number is another than the last time. */
  private addNumbered(base: number, letter: string, seq: number): void {
    const repeats = this.repeatsOf(base);
    if (repeats.get(letter) !== seq) this.append(base, letter);
    repeats.set(letter, seq);
  }

  /** Written the first time, the tenth, the hundredth, and so on. */
  private addCounted(base: number, letter: string): void {
    const repeats = this.repeatsOf(base);
    const count = (repeats.get(letter) ?? 0) + 1;
    repeats.set(letter, count);
    if (/^10*$/.test(`${count}`)) this.append(base, letter);
  }

  private append(base: number, letter: string): void {
    const said = this.letters.get(base) ?? '';
    if (said.length < MAX_LETTERS) this.letters.set(base, said + letter);
  }

  private repeatsOf(base: number): Repeats {
    let repeats = this.repeats.get(base);
    if (repeats === undefined) this.repeats.set(base, (repeats = new Map()));
    return repeats;
  }
}
