/** Elements as the text of an HTML file: whatever text they hold is escaped. */
import { xml } from '../escape.ts';
import type { Tree } from './tree.ts';

/** Elements of HTML that have no end. */
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

/** JSON inside a script element: nothing in it can end the element. U+2028 and U+2029 are legal in JSON. */
export const scriptJson = (value: unknown): string => JSON.stringify(value).replace(/</g, '\\u003c');
