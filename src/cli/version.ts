/** The version of the package, read from where it is installed. */
import { readFileSync } from 'node:fs';

/** The folder of package.json, relative to dist/src/cli. */
const PACKAGE = new URL('../../../package.json', import.meta.url);

export const packageVersion = (): string => (JSON.parse(readFileSync(PACKAGE, 'utf8')) as { version: string }).version;
