/** Writes elements as HTML; all text in them is escaped. */
import { xml } from '../escape.ts';
import type { Tree } from './tree.ts';

/** HTML elements without an end tag. */
const VOID: ReadonlySet<string> = new Set(['br', 'hr', 'input', 'meta']);

export function markup(tree: Tree): string {
  if (typeof tree === 'string') return xml(tree);
  const attributes = Object.entries(tree.attributes)
    .filter(([, value]) => value !== '')
    .map(([name, value]) => ` ${name}="${xml(String(value))}"`)
    .join('');
  const open = `<${tree.tag}${attributes}>`;
  return VOID.has(tree.tag) ? open : `${open}${tree.children.map(markup).join('')}</${tree.tag}>`;
}

/** JSON for a script element, whose end it cannot contain. U+2028 and U+2029 are legal in JSON. */
export const scriptJson = (value: unknown): string => JSON.stringify(value).replace(/</g, '\\u003c');
