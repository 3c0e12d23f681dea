/** Elements as the text of an HTML file, and the few escapes that this takes. */
import type { Tree } from './tree.ts';

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

export const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, char => ESCAPES[char]);

/** Elements of HTML that have no end. */
const VOID: ReadonlySet<string> = new Set(['br', 'hr', 'input', 'meta']);

export function markup(tree: Tree): string {
  if (typeof tree === 'string') return escapeHtml(tree);
  const attributes = Object.entries(tree.attributes)
    .filter(([, value]) => value !== '')
    .map(([name, value]) => ` ${name}="${escapeHtml(String(value))}"`)
    .join('');
  const open = `<${tree.tag}${attributes}>`;
  return VOID.has(tree.tag) ? open : `${open}${tree.children.map(markup).join('')}</${tree.tag}>`;
}

/** JSON inside a script element: nothing in it can end the element. U+2028 and U+2029 are legal in JSON. */
export const scriptJson = (value: unknown): string => JSON.stringify(value).replace(/</g, '\\u003c');
