/**
 * URL of a compiled module of this program, for modules that load another one by its name: as a thread, or as part of a
 * page's script. `module` is its path under src/ without an extension ('shard/worker'); `from` is the `import.meta.url`
 * of the caller, which may have been joined with others into one file in another folder (join.js).
 */
export function moduleUrl(from: string, module: string): URL {
  const source = from.slice(0, from.lastIndexOf('/src/'));
  return new URL(`${source}/src/${module}${from.slice(from.lastIndexOf('.'))}`);
}
