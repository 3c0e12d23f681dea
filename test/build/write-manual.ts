/** `npm run manual`: writes the manual page and the schema of the configuration from the option tables. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../cli/run.ts';
import { dated, MANUAL, manualText, SCHEMA, schemaText } from './manual.ts';

mkdirSync(join(ROOT, 'man'), { recursive: true });
const before = read(MANUAL);
const day = dated(before);
// A page whose text has not changed keeps its date.
if (day === undefined || manualText(day) !== before)
  writeFileSync(MANUAL, manualText(new Date().toISOString().slice(0, 10)));
writeFileSync(SCHEMA, schemaText());

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
