/** The version of the package, read from where it is installed. */
import { readFileSync } from 'node:fs';

/** From dist/src/cli to the folder of package.json. */
const PACKAGE = new URL('../../../package.json', import.meta.url);

export const packageVersion = (): string => (JSON.parse(readFileSync(PACKAGE, 'utf8')) as { version: string }).version;
