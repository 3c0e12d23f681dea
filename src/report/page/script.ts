/**
 * The script of the page: a few of this folder's own files, as they were compiled, one after the other in one function.
 * They import nothing but each other and types, so leaving out `import` and `export` is all the linking there is.
 */
import { readFileSync } from 'node:fs';
import { moduleUrl } from '../../base/module-url.ts';

/** Each after those that it needs. */
const FILES = ['tree', 'ladder-svg', 'finding-view', 'browser'] as const;

export function pageScript(): string {
  const parts = FILES.map(name => {
    const text = readFileSync(moduleUrl(import.meta.url, `report/page/${name}`), 'utf8');
    return text
      .replace(/^import [^;]*;\n/gm, '')
      .replace(/^export \{[^}]*\};\n/gm, '')
      .replace(/^export /gm, '');
  });
  return `'use strict';\n(() => {\n${parts.join('')}})();\n`;
}
