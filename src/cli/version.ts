/** The version of the package, read from where it is installed. */
import { readFileSync } from 'node:fs';
import { packageUrl } from '../base/module-url.ts';

const PACKAGE = packageUrl(import.meta.url, 'package.json');

export const packageVersion = (): string => (JSON.parse(readFileSync(PACKAGE, 'utf8')) as { version: string }).version;
