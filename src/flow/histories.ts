/**
 * With --flows: the history letters of each flow as Zeek's `update_history` and `update_window` write them (upper case for the
 * client; docs/rules.md C2).
 */
import type { Segment } from '../wire/segment.ts';
import { Flag } from '../wire/tcp.ts';

/** A storm of RSTs does not make a history longer than this. */
const MAX_LETTERS = 32;

const CONTROL = Flag.SYN | Flag.FIN | Flag.RST;

/** What decides whether a letter is written again: its last sequence number, or how often it came. */
type Repeats = Map<string, number>;

export class Histories {
  private readonly letters = new Map<number, string>();
  private readonly repeats = new Map<number, Repeats>();

  segment(base: number, byClient: boolean, { flags, seq, length, window }: Segment): void {
    // Zeek takes the sender of the first packet for the originator, and corrects that.
    if (!byClient && !this.letters.has(base)) this.letters.set(base, '^');
    const cased = (letter: string, isClient = byClient): string => (isClient ? letter.toUpperCase() : letter);
    switch (flags & CONTROL) {
      case 0:
        if (length > 0) this.add(base, cased('d'));
        else if (flags & Flag.ACK) this.add(base, cased('a'));
        break;
      case Flag.SYN:
        this.addNumbered(base, cased(flags & Flag.ACK ? 'h' : 's'), seq);
        break;
      case Flag.FIN:
        // Its own number: data before it may be sent again without it, or it without the data.
        this.addNumbered(base, cased('f'), (seq + length) >>> 0);
        break;
      case Flag.RST:
        this.addNumbered(base, cased('r'), seq);
        return;
      default:
        this.add(base, cased((flags & Flag.FIN) !== 0 && (flags & Flag.RST) !== 0 ? 'i' : 'q'));
    }
    if (window !== 0 || (flags & Flag.RST) !== 0) return;
    // After the FIN of the other end or an RST of its own a window means nothing.
    const said = this.letters.get(base) ?? '';
    if (!said.includes(cased('f', !byClient)) && !said.includes(cased('r'))) this.addCounted(base, cased('w'));
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
