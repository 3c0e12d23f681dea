/**
 * Elements as plain data. `markup` writes them into the file and escapes all text; in the page, browser.ts makes nodes
 * of them. Either way text from a capture is never parsed as HTML.
 */
export interface Element {
  tag: string;
  attributes: Readonly<Record<string, string | number>>;
  children: readonly Tree[];
}

export type Tree = string | Element;

/** Makes an element. Empty attributes are left out. */
export function h(
  tag: string,
  attributes: Readonly<Record<string, string | number>>,
  ...children: readonly Tree[]
): Element {
  return { tag, attributes, children };
}

/** The trees that are present, separated by spaces. */
export function present(...trees: readonly (Tree | undefined | false)[]): Tree[] {
  return trees.filter((tree): tree is Tree => tree !== undefined && tree !== false && tree !== '');
}
