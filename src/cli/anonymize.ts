/** `--anonymize`: what its key is, and the readers and sentences that it changes. */
import { randomBytes } from 'node:crypto';
import { Anonymizer } from '../base/anonymizer.ts';
import { hideAddresses } from '../store/anonymized.ts';
import { type Database, openForReading } from '../store/database.ts';
import type { AnonymizeOptions } from './options.ts';

/** An argument would stand in the list of processes and in the shell's history. */
const KEY = 'PAWSCOPE_ANONYMIZE_KEY';

/** Nothing unless it is asked for; without a key in the environment, another one each time. */
export const anonymizerOf = ({ anonymize }: AnonymizeOptions): Anonymizer | undefined =>
  anonymize ? new Anonymizer(process.env[KEY] || randomBytes(32)) : undefined;

export function openToTell(path: string, anonymizer: Anonymizer | undefined): Database {
  const db = openForReading(path);
  if (anonymizer !== undefined) hideAddresses(db, anonymizer);
  return db;
}
