/** Text in aligned columns, which survives being pasted into a ticket. */

type Align = 'left' | 'right';

/** The rows as lines without trailing spaces. Columns are as wide as their widest cell; `align` defaults to left. */
export function columns(rows: readonly (readonly string[])[], align: readonly Align[] = [], indent = '  '): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length);
  }
  return rows.map(row => {
    const cells = row.map((cell, i) => (align[i] === 'right' ? cell.padStart(widths[i]) : cell.padEnd(widths[i])));
    return (indent + cells.join('  ')).trimEnd();
  });
}

/** Breaks `text` at spaces; a word longer than `width` gets a line of its own. */
export function wrap(text: string, width: number, indent: string): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && indent.length + line.length + 1 + word.length > width) {
      lines.push(indent + line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  lines.push(indent + line);
  return lines;
}
