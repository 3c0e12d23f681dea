/**
 * URLs of what belongs to this program and is loaded by name. `from` is the `import.meta.url` of the caller, which may have
 * been joined with other modules into one file in another folder (join.js).
 */

/** A compiled module that runs as a thread, or in a page: its path under src/ without an extension ('shard/worker'). */
export function moduleUrl(from: string, module: string): URL {
  return new URL(`src/${module}${from.slice(from.lastIndexOf('.'))}`, compiled(from));
}

/** A file or folder of the package, by its path in it ('package.json', 'native/'). */
export const packageUrl = (from: string, path: string): URL => new URL(`../${path}`, compiled(from));

/** The folder that has src/. */
const compiled = (from: string): string => from.slice(0, from.lastIndexOf('/src/') + 1);
