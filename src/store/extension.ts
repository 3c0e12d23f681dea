/**
 * The addon (native/) as an extension of SQLite. better-sqlite3 allows that to its own caller alone: the SQL function
 * load_extension() stays forbidden, so what a database or a statement says can load nothing.
 */
import { existsSync } from 'node:fs';
import { ADDON_PLACES } from '../capture/native.ts';
import type { Database } from './database.ts';

/** False where there is no addon, or none that runs here: nothing depends on it but time. */
export function loadAddon(db: Database, places = ADDON_PLACES): boolean {
  return places.some(place => {
    if (!existsSync(place)) return false;
    try {
      db.loadExtension(place);
      return true;
    } catch {
      return false;
    }
  });
}
