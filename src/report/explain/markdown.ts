/**
 * The pages of docs/detectors for a terminal: headings, paragraphs, lists, tables and code blocks, and inside them
 * code, bold, italics and links. Only the Markdown that those pages use is supported; anything else is printed as it
 * is.
 */
import type { TextStyle } from '../text-style.ts';
import { tableLines } from './markdown-table.ts';
import { type Word, words, wrapWords } from './markdown-words.ts';

/** Longest lines, however wide the terminal is; longer ones are hard to read. */
const MAX_WIDTH = 100;
const INDENT = '  ';

export function markdownText(page: string, style: TextStyle): string {
  const width = Math.min(MAX_WIDTH, style.width);
  const lines: string[] = [];
  for (const block of page.trimEnd().split(/\n{2,}/)) {
    if (lines.length > 0) lines.push('');
    lines.push(...blockLines(block.split('\n'), width, style));
  }
  return `${lines.join('\n')}\n`;
}

function blockLines(block: readonly string[], width: number, style: TextStyle): string[] {
  const [first] = block;
  if (first.startsWith('#')) return [style.bold(first.replace(/^#+ /, ''))];
  if (first.startsWith('```')) return block.slice(1, -1).map(line => INDENT + style.code(line));
  if (first.startsWith('|')) return tableLines(block, width, style, INDENT);
  if (first.startsWith('- ')) return items(block).flatMap(item => itemLines(item, width, style));
  return paragraph(words(block.join(' ')), width, style, INDENT);
}

/** The items of a list; continuation lines are indented. */
function items(block: readonly string[]): string[] {
  const found: string[] = [];
  for (const line of block) {
    if (line.startsWith('- ')) found.push(line.slice(2));
    else found.push(`${found.pop() ?? ''} ${line.trim()}`);
  }
  return found;
}

function itemLines(item: string, width: number, style: TextStyle): string[] {
  const [first, ...rest] = paragraph(words(item), width, style, `${INDENT}  `);
  return [`${INDENT}- ${first.trimStart()}`, ...rest];
}

const paragraph = (all: readonly Word[], width: number, style: TextStyle, indent: string): string[] =>
  wrapWords(all, width - indent.length, style).map(line => indent + line);
