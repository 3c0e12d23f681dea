/**
 * Escapes text from captures for other languages. `printable` is applied first, so the text is one line without control
 * characters.
 */
import { printable } from './printable.ts';

const XML: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&apos;' };

/** For content and for attributes in double quotes (XML 1.0 §2.4); line breaks are kept. */
export const xml = (text: string): string =>
  text
    .split('\n')
    .map(line => printable(line).replace(/[&<>"']/g, char => XML[char]))
    .join('\n')
    // not allowed in XML (§2.2)
    .replace(/[\ufffe\uffff]/g, '\ufffd');

/** For a cell of a table in GitHub's Markdown: the text can neither contain markup or HTML nor end the cell. */
export const markdownCell = (text: string): string =>
  printable(text).replace(/[\\`*[\]<>|~&@]|(?<!\w)_|_(?!\w)/g, char => `\\${char}`);

/** For the message of a workflow command: one line, in which `%0A` is a line break. */
export const commandMessage = (text: string): string =>
  text
    .split('\n')
    .map(line => printable(line).replaceAll('%', '%25'))
    .join('%0A');

/** For a property of a workflow command, such as its file. */
export const commandProperty = (text: string): string =>
  commandMessage(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
