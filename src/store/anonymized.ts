/**
 * Hides the addresses of a database from everything that reads through this connection: temporary views and tables
 * shadow the real ones (SQLite looks a name up in `temp` first), and the file is unchanged. Readers need to know
 * nothing of it, so no output can forget it. Nothing can be stored through the connection afterwards.
 */
import type { Anonymizer } from '../base/anonymizer.ts';
import type { CaptureNote } from '../capture/capture-info.ts';
import type { Database } from './database.ts';
import { parsed } from './json.ts';

/** The columns that hold addresses, by table, and how each is hidden. Other columns are read unchanged. */
const VIEWS: Readonly<Record<string, Readonly<Record<string, Kind>>>> = {
  run: { options: 'json' },
  capture: { source: 'path', note: 'note' },
  flow: { client: 'address', server: 'address', community_id: 'id' },
  time_wait: { owner: 'address', peer: 'address' },
  time_wait_curve: { owner: 'address', peer: 'address' },
  time_wait_hidden: { owner: 'address', peer: 'address' },
  clock: { client: 'address', server: 'address' },
};

const FINDING: Readonly<Record<string, Kind>> = {
  id: 'id',
  title: 'text',
  client: 'address',
  server: 'address',
  evidence: 'json',
  packets: 'json',
};

type Kind = 'address' | 'id' | 'json' | 'note' | 'path' | 'text';

export function hideAddresses(db: Database, anonymizer: Anonymizer): void {
  const functions: Record<Kind, (text: string, source: string) => string> = {
    address: text => anonymizer.address(text),
    id: text => anonymizer.id(text),
    json: text => JSON.stringify(anonymizer.value(parsed(text))),
    note: (text, source) => JSON.stringify(notes(parsed(text), source, anonymizer)),
    path: text => anonymizer.path(text),
    text: text => anonymizer.text(text),
  };
  for (const [kind, run] of Object.entries(functions)) {
    db.function(`anonymous_${kind}`, { deterministic: true }, (text, source) => run(text as string, source as string));
  }
  for (const [table, kinds] of Object.entries(VIEWS)) {
    const selected = columns(db, table, kinds);
    // A database of an older version may not have the table.
    if (selected !== '') db.exec(`CREATE TEMP VIEW ${table} AS SELECT ${selected} FROM main.${table}`);
  }
  // A table and not a view: findings are read by rowid, which views do not have.
  db.exec(`CREATE TEMP TABLE finding AS SELECT ${columns(db, 'finding', FINDING)} FROM main.finding ORDER BY rowid`);
}

function columns(db: Database, table: string, kinds: Readonly<Record<string, Kind>>): string {
  const names = db.prepare(`SELECT name FROM pragma_table_info('${table}', 'main') ORDER BY cid`).pluck().all();
  return (names as string[])
    .map(name => (kinds[name] === undefined ? name : `anonymous_${kinds[name]}(${argumentsOf(name)}) AS ${name}`))
    .join(', ');
}

/** Arguments of the SQL function for a column: a note may name its capture, so it needs the source, too. */
const argumentsOf = (column: string): string => (column === 'note' ? 'note, source' : `${column}, ''`);

/** Hides paths and addresses in notes, whose text may name the capture and the files of a live run (-w). */
function notes(stored: readonly CaptureNote[], source: string, anonymizer: Anonymizer): CaptureNote[] {
  const paths = [source, ...stored.flatMap(({ files }) => files ?? [])];
  return stored.map(note => ({
    ...note,
    text: anonymizer.sentence(note.text, paths),
    ...(note.files && { files: note.files.map(file => anonymizer.path(file)) }),
  }));
}
