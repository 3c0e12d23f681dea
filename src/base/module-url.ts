/**
 * Where a module of this program was compiled to, by its place under src/ ('shard/worker'), for one that loads it by its
 * name: a thread, the script of a page. `from` is that one's `import.meta.url`; it may have been joined with others into
 * one file (join.js), which lies elsewhere.
 */
export function moduleUrl(from: string, module: string): URL {
  const source = from.slice(0, from.lastIndexOf('/src/'));
  return new URL(`${source}/src/${module}${from.slice(from.lastIndexOf('.'))}`);
}
