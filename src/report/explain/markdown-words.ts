/** Inline Markdown as words with their style, so that lines break by visible width and not by escape sequences. */
import type { TextStyle } from '../text-style.ts';

export interface Word {
  text: string;
  kind: 'plain' | 'code' | 'bold';
  /** No space separates it from the word before. */
  glued: boolean;
}

const SPAN = /`([^`]+)`|\*\*([^*]+)\*\*|\*([^*\s][^*]*)\*|\[([^\]]+)\]\([^)]*\)/g;

/** Splits text into words. Code stays one word: a command broken over two lines cannot be copied. */
export function words(text: string): Word[] {
  const found: Word[] = [];
  let glued = true;
  const add = (part: string, kind: Word['kind']): void => {
    const pieces = kind === 'code' ? [`\`${part}\``] : part.split(' ');
    for (const [i, piece] of pieces.entries()) {
      if (i > 0) glued = false;
      if (piece === '') continue;
      found.push({ text: piece, kind, glued });
      glued = true;
    }
  };
  let at = 0;
  for (const match of text.matchAll(SPAN)) {
    const [whole, code, bold, italic, link] = match;
    add(text.slice(at, match.index), 'plain');
    if (code !== undefined) add(code, 'code');
    else if (bold !== undefined) add(bold, 'bold');
    else add(italic ?? link!, 'plain');
    at = match.index + whole.length;
  }
  add(text.slice(at), 'plain');
  if (found.length > 0) found[0].glued = false;
  return found;
}

/** Width of the words on one line. */
export const widthOf = (all: readonly Word[]): number =>
  all.reduce((sum, { text, glued }, i) => sum + text.length + (i > 0 && !glued ? 1 : 0), 0);

/** Breaks between words that are separated by a space; a word longer than `width` gets a line of its own. */
export function wrapWords(all: readonly Word[], width: number, style: TextStyle): string[] {
  const lines: Word[][] = [];
  let line: Word[] = [];
  for (let i = 0; i < all.length; ) {
    let next = i + 1;
    while (next < all.length && all[next].glued) next++;
    const group = all.slice(i, next);
    if (line.length > 0 && widthOf(line) + 1 + widthOf(group) > width) {
      lines.push(line);
      line = [];
    }
    line.push(...group);
    i = next;
  }
  lines.push(line);
  return lines.map(each => styled(each, style));
}

/** A line of words with their styles applied, as `wrapWords` returns it. */
function styled(line: readonly Word[], style: TextStyle): string {
  const paint = { plain: (text: string) => text, code: style.code, bold: style.bold };
  return line.map(({ text, kind, glued }, i) => `${i > 0 && !glued ? ' ' : ''}${paint[kind](text)}`).join('');
}
