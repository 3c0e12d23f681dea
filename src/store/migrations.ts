/**
 * The schema, append-only: `PRAGMA user_version` is the number of migrations applied. A released migration is never
 * edited. Names and columns are a contract: people query these tables with their own SQL.
 *
 * The only indexes are keys. A filter over 200,000 findings is one scan and takes a tenth of a second. An index on
 * time_wait would add more than half to the time of writing it; one on the ids of findings, which are hashes and thus
 * in random order, would add twice the time of writing them.
 */

/** 'Paws' in ASCII, by which `file` and this program recognise the database. */
export const APPLICATION_ID = 0x50617773;

const FINDING_PACKET = `
CREATE VIEW finding_packet AS
SELECT
  finding.id AS finding_id,
  finding.run_id AS run_id,
  packet.key + 1 AS ordinal,
  packet.value ->> 0 AS capture_id,
  packet.value ->> 1 AS frame,
  (packet.value ->> 2) * 1000000000 + (packet.value ->> 3) AS ts_ns,
  packet.value ->> 4 AS from_client,
  packet.value ->> 5 AS flags,
  packet.value ->> 6 AS seq,
  packet.value ->> 7 AS ack,
  packet.value ->> 8 AS tsval,
  packet.value ->> 9 AS tsecr,
  packet.value ->> 10 AS length,
  packet.value ->> 11 AS note
FROM finding, json_each(finding.packets) AS packet;`;

/** Runs, what they read and what they found. Times are nanoseconds since the epoch, addresses as in RFC 5952. */
const RUNS_AND_FINDINGS = `
CREATE TABLE run (
  id INTEGER PRIMARY KEY,
  started_ns INTEGER NOT NULL,
  finished_ns INTEGER,
  version TEXT NOT NULL,
  command TEXT NOT NULL,
  options TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('running', 'done', 'damaged', 'failed', 'interrupted'))
) STRICT;

CREATE TABLE capture (
  id INTEGER PRIMARY KEY,
  run_id INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
  source TEXT NOT NULL,
  format TEXT NOT NULL,
  link_types TEXT NOT NULL,
  first_ns INTEGER,
  last_ns INTEGER,
  frames INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  note TEXT NOT NULL
) STRICT;

-- packets: an array of [capture_id, frame, s, ns, from_client, flags, seq, ack, tsval, tsecr, length, note].
-- One row a finding instead of six is several times faster; finding_packet shows them as rows.
CREATE TABLE finding (
  id TEXT NOT NULL,
  run_id INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
  rule TEXT NOT NULL,
  severity TEXT NOT NULL CHECK (severity IN ('info', 'notice', 'warning', 'error', 'critical')),
  confidence TEXT NOT NULL CHECK (confidence IN ('proof', 'strong', 'weak')),
  title TEXT NOT NULL,
  first_ns INTEGER NOT NULL,
  last_ns INTEGER NOT NULL,
  client TEXT NOT NULL,
  client_port INTEGER NOT NULL,
  server TEXT NOT NULL,
  server_port INTEGER NOT NULL,
  evidence TEXT NOT NULL,
  packets TEXT NOT NULL,
  PRIMARY KEY (run_id, id)
) STRICT;

${FINDING_PACKET}

CREATE TABLE flow (
  run_id INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
  capture_id INTEGER NOT NULL REFERENCES capture ON DELETE CASCADE,
  client TEXT NOT NULL,
  client_port INTEGER NOT NULL,
  server TEXT NOT NULL,
  server_port INTEGER NOT NULL,
  scope INTEGER NOT NULL,
  first_ns INTEGER NOT NULL,
  last_ns INTEGER NOT NULL,
  client_packets INTEGER NOT NULL,
  server_packets INTEGER NOT NULL,
  client_bytes INTEGER NOT NULL,
  server_bytes INTEGER NOT NULL,
  conn_state TEXT NOT NULL,
  history TEXT NOT NULL,
  close TEXT NOT NULL,
  community_id TEXT NOT NULL
) STRICT;

CREATE TABLE time_wait (
  run_id INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
  capture_id INTEGER NOT NULL REFERENCES capture ON DELETE CASCADE,
  owner TEXT NOT NULL,
  owner_port INTEGER NOT NULL,
  peer TEXT NOT NULL,
  peer_port INTEGER NOT NULL,
  entered_ns INTEGER NOT NULL,
  start_ns INTEGER NOT NULL,
  end_ns INTEGER NOT NULL,
  ended_by TEXT NOT NULL
) STRICT;

CREATE TABLE time_wait_curve (
  run_id INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
  bucket_ns INTEGER NOT NULL,
  owner TEXT NOT NULL,
  peer TEXT NOT NULL,
  peer_port INTEGER NOT NULL,
  open INTEGER NOT NULL
) STRICT;

CREATE TABLE clock (
  run_id INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
  client TEXT NOT NULL,
  server TEXT NOT NULL,
  hz REAL,
  regime TEXT NOT NULL CHECK (regime IN ('single', 'interleaved', 'per-connection', 'restart', 'none')),
  hosts_low INTEGER,
  hosts_high INTEGER,
  lines TEXT NOT NULL
) STRICT;

CREATE TABLE tally (
  run_id INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
  name TEXT NOT NULL,
  count INTEGER NOT NULL,
  PRIMARY KEY (run_id, name)
) STRICT, WITHOUT ROWID;
`;

/** The same as `IN`, for which SQLite would build a table of the list and look each row up in it. */
const oneOf = (column: string, values: readonly string[]): string =>
  values.map(value => `${column} = '${value}'`).join(' OR ');

/** Findings without a primary key: stored-ids.ts keeps an event from being stored twice. */
const FINDINGS_WITHOUT_KEY = `
DROP VIEW finding_packet;
ALTER TABLE finding RENAME TO keyed_finding;
CREATE TABLE finding (
  id TEXT NOT NULL,
  run_id INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
  rule TEXT NOT NULL,
  severity TEXT NOT NULL CHECK (${oneOf('severity', ['info', 'notice', 'warning', 'error', 'critical'])}),
  confidence TEXT NOT NULL CHECK (${oneOf('confidence', ['proof', 'strong', 'weak'])}),
  title TEXT NOT NULL,
  first_ns INTEGER NOT NULL,
  last_ns INTEGER NOT NULL,
  client TEXT NOT NULL,
  client_port INTEGER NOT NULL,
  server TEXT NOT NULL,
  server_port INTEGER NOT NULL,
  evidence TEXT NOT NULL,
  packets TEXT NOT NULL
) STRICT;
INSERT INTO finding (rowid, id, run_id, rule, severity, confidence, title, first_ns, last_ns,
    client, client_port, server, server_port, evidence, packets)
  SELECT rowid, * FROM keyed_finding ORDER BY rowid;
DROP TABLE keyed_finding;
${FINDING_PACKET}
`;

/** A separate table, since nearly all runs leave it empty and the columns of time_wait_curve are a contract. */
const HIDDEN_TIME_WAITS = `
CREATE TABLE time_wait_hidden (
  run_id INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
  bucket_ns INTEGER NOT NULL,
  owner TEXT NOT NULL,
  peer TEXT NOT NULL,
  peer_port INTEGER NOT NULL,
  hidden INTEGER NOT NULL
) STRICT;
`;

export const MIGRATIONS: readonly string[] = [RUNS_AND_FINDINGS, FINDINGS_WITHOUT_KEY, HIDDEN_TIME_WAITS];

/** The first schema version with table time_wait_hidden. */
export const HAS_HIDDEN = 3;

/** The oldest schema version that can be read without a migration: later versions add only what HAS_HIDDEN says. */
export const OLDEST_READABLE = 1;
