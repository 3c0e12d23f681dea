/**
 * The TCP header (RFC 9293 §3.1): offsets, flags and the one length check. Nothing here reads past what
 * `headerLength` has approved.
 */
export const SRC_PORT = 0;
export const SEQ = 4;
export const ACK = 8;
export const DATA_OFFSET = 12;
export const FLAGS = 13;
export const WINDOW = 14;
export const MIN_HEADER = 20;

export const Flag = { FIN: 0x01, SYN: 0x02, RST: 0x04, PSH: 0x08, ACK: 0x10, URG: 0x20, ECE: 0x40, CWR: 0x80 } as const;

const LETTERS: readonly (readonly [number, string])[] = [
  [Flag.SYN, 'S'],
  [Flag.FIN, 'F'],
  [Flag.RST, 'R'],
  [Flag.PSH, 'P'],
  [Flag.ACK, 'A'],
  [Flag.URG, 'U'],
  [Flag.ECE, 'E'],
  [Flag.CWR, 'C'],
];

/** `SA`, `FA`, `R`, … in the order S F R P A U E C; empty when no flag is set. */
export function flagLetters(flags: number): string {
  let text = '';
  for (const [bit, letter] of LETTERS) if (flags & bit) text += letter;
  return text;
}

/**
 * Length that the header claims, options included; 0 when it cannot be a TCP header: shorter than the minimum or
 * longer than the segment. It may exceed what was captured: the caller bounds every read of options by that.
 */
export function headerLength(bytes: Uint8Array, at: number, segmentLength: number): number {
  const length = (bytes[at + DATA_OFFSET]! >>> 4) * 4;
  return length >= MIN_HEADER && length <= segmentLength ? length : 0;
}
