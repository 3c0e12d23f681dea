/**
 * Makes text from captures and file names safe to print. Whoever made a capture chose its comments and perhaps its
 * name; an escape sequence in them must not reach a terminal, and a bidirectional override must not reorder a line.
 */

// Control characters (C0, DEL, C1: 0x9b alone begins a control sequence), lone surrogates, line and paragraph
// separators, bidirectional controls, the byte order mark.
const UNPRINTABLE = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_Control}\ufeff]/gu;

const escaped = (char: string): string => {
  const code = char.charCodeAt(0);
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`;
};

/** Matches nearly all text; testing UNPRINTABLE takes ten times as long. */
const PLAIN = /^[\x20-\x7e]*$/;

/** Text as one line, in which unprintable characters are shown as `\x1b`. */
export const printable = (text: string): string => (PLAIN.test(text) ? text : text.replace(UNPRINTABLE, escaped));

/** JSON that is safe on a terminal, too: JSON.stringify leaves C1 and others as they are. */
export function printableJson(value: unknown): string {
  const text = JSON.stringify(value);
  if (PLAIN.test(text)) return text;
  return text.replace(UNPRINTABLE, char => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
