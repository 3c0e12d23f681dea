/**
 * Loads the addon (native/) as an SQLite extension. better-sqlite3 allows that only through its own API: the SQL
 * function load_extension() stays forbidden, so neither a database nor a statement can load anything.
 */
import { existsSync } from 'node:fs';
import { ADDON_PLACES } from '../../capture/native.ts';
import type { Database } from '../database.ts';

/** False if there is no addon, or none that works here: only speed depends on it. */
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
