/**
 * Elements as plain data. `markup` writes them into the file and escapes whatever text they hold; the page itself makes
 * nodes of them (browser.ts). So text of a capture is never parsed as HTML, on either way.
 */
export interface Element {
  tag: string;
  attributes: Readonly<Record<string, string | number>>;
  children: readonly Tree[];
}

export type Tree = string | Element;

/** Attributes whose value is empty are left out. */
export function h(
  tag: string,
  attributes: Readonly<Record<string, string | number>>,
  ...children: readonly Tree[]
): Element {
  return { tag, attributes, children };
}

/** Several words, each with a space around, where a part may be missing. */
export function present(...trees: readonly (Tree | undefined | false)[]): Tree[] {
  return trees.filter((tree): tree is Tree => tree !== undefined && tree !== false && tree !== '');
}
