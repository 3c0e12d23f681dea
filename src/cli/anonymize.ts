/** `--anonymize`: its key, and databases opened with their addresses replaced. */
import { randomBytes } from 'node:crypto';
import { Anonymizer } from '../base/anonymizer.ts';
import { hideAddresses } from '../store/anonymized.ts';
import { type Database, openForReading } from '../store/database.ts';
import { guarded } from '../store/failures.ts';
import type { AnonymizeOptions } from './options.ts';

/** Environment variable that holds the key. As an argument it would show in `ps` and in the shell's history. */
const KEY = 'PAWSCOPE_ANONYMIZE_KEY';

/** Undefined without --anonymize. Without a key in the environment each call uses a new random one. */
export const anonymizerOf = ({ anonymize }: AnonymizeOptions): Anonymizer | undefined =>
  anonymize ? new Anonymizer(process.env[KEY] || randomBytes(32)) : undefined;

export function openToTell(path: string, anonymizer: Anonymizer | undefined): Database {
  const db = openForReading(path);
  if (anonymizer !== undefined) guarded(path, () => hideAddresses(db, anonymizer));
  return db;
}
