/** Text from captures inside other languages. `printable` comes first: what is left has one line and no controls. */
import { printable } from './printable.ts';

const XML: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&apos;' };

/** For content and for attributes in double quotes (XML 1.0 §2.4); line ends stay. */
export const xml = (text: string): string =>
  text
    .split('\n')
    .map(line => printable(line).replace(/[&<>"']/g, char => XML[char]))
    .join('\n')
    // No characters in XML (§2.2).
    .replace(/[\ufffe\uffff]/g, '\ufffd');

/** For a cell of a table in GitHub's Markdown: no markup, no HTML, no end of the cell. */
export const markdownCell = (text: string): string =>
  printable(text).replace(/[\\`*[\]<>|~&@]|(?<!\w)_|_(?!\w)/g, char => `\\${char}`);

/** The message of a workflow command: one line, in which `%0A` is a line end. */
export const commandMessage = (text: string): string =>
  text
    .split('\n')
    .map(line => printable(line).replaceAll('%', '%25'))
    .join('%0A');

/** A property of a workflow command, such as its file. */
export const commandProperty = (text: string): string =>
  commandMessage(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
