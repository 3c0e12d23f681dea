/** With --flows: the history letters of each flow as Zeek writes them (upper case for the client). */
import type { Segment } from '../wire/segment.ts';
import { Flag } from '../wire/tcp.ts';

/** A bound only: each letter is written once per side, so there are never more. */
const MAX_LETTERS = 32;

export class Histories {
  private readonly letters = new Map<number, string>();

  segment(base: number, byClient: boolean, segment: Segment): void {
    const flags = segment.flags;
    if (flags & Flag.SYN) this.add(base, byClient, flags & Flag.ACK ? 'h' : 's');
    if (flags & Flag.RST) this.add(base, byClient, 'r');
    if (segment.length > 0) this.add(base, byClient, 'd');
    else if ((flags & (Flag.SYN | Flag.FIN | Flag.RST | Flag.ACK)) === Flag.ACK) this.add(base, byClient, 'a');
    if (flags & Flag.FIN) this.add(base, byClient, 'f');
  }

  retransmission(base: number, byClient: boolean): void {
    this.add(base, byClient, 't');
  }

  take(base: number): string {
    const letters = this.letters.get(base) ?? '';
    this.letters.delete(base);
    return letters;
  }

  private add(base: number, byClient: boolean, letter: string): void {
    const said = this.letters.get(base) ?? '';
    const cased = byClient ? letter.toUpperCase() : letter;
    if (!said.includes(cased) && said.length < MAX_LETTERS) this.letters.set(base, said + cased);
  }
}
