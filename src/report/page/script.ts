/**
 * The script of the page: a few compiled files of this folder, one after the other in one function. They import only
 * each other and types, so removing `import` and `export` is all the linking that is needed.
 */
import { readFileSync } from 'node:fs';
import { moduleUrl } from '../../base/module-url.ts';

/** In order: each file after those that it uses. */
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
