/** The TCP header (RFC 9293 §3.1): offsets, flags and the one check of its length. */
/** Offsets in the header. Hot loops copy those that they use into constants of their own: see flow/layout.ts. */
export const TcpHeader = {
  SRC_PORT: 0,
  SEQ: 4,
  ACK: 8,
  DATA_OFFSET: 12,
  FLAGS: 13,
  WINDOW: 14,
  MIN_LENGTH: 20,
} as const;

export const Flag = { FIN: 0x01, SYN: 0x02, RST: 0x04, PSH: 0x08, ACK: 0x10, URG: 0x20, ECE: 0x40, CWR: 0x80 } as const;

/** The flags that say what a segment is: ECE and CWR may come with any of them (ECN, RFC 3168 §6.1). */
export const withoutEcn = (flags: number): number => flags & ~(Flag.ECE | Flag.CWR);

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

const H = TcpHeader;

/**
 * Length of the header according to its data offset, options included; 0 when it cannot be a TCP header, being shorter
 * than the minimum or longer than the segment. It may exceed the captured bytes: the caller must not read options
 * beyond those.
 */
export function headerLength(bytes: Uint8Array, at: number, segmentLength: number): number {
  const length = (bytes[at + H.DATA_OFFSET] >>> 4) * 4;
  return length >= H.MIN_LENGTH && length <= segmentLength ? length : 0;
}
