import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Finding } from '../../../src/detect/finding.ts';
import { csv } from '../../../src/report/list/csv.ts';
import { json, ndjson } from '../../../src/report/list/json.ts';
import { readCaptures, readFindings, readRuns, readTally } from '../../../src/store/reader.ts';
import { Store } from '../../../src/store/store.ts';
import { finding, findings, newRun } from '../../build/store-sample.ts';

function stored(all: readonly Finding[]): Store {
  const store = new Store(':memory:', newRun());
  store.findings(all);
  store.finish('done', 1_800_000_000_500_000_000n, { frames: 1000 });
  return store;
}

const asJson = ({ database: db }: Store): string =>
  [...json(readRuns(db), readCaptures(db, [1]), readFindings(db, {}), readTally(db, [1]))].join('');

test('the JSON document has the shape of the contract for no, one and many findings', () => {
  for (const count of [0, 1, 45]) {
    const document = JSON.parse(asJson(stored(findings(count))));
    assert.deepEqual(Object.keys(document), ['schema_version', 'run', 'captures', 'findings', 'tally']);
    assert.equal(document.schema_version, 1);
    assert.equal(document.findings.length, count);
    assert.equal(document.run.finished_ns, '2027-01-15T08:00:00.500000000Z');
    assert.equal(document.captures[0].last_ns, '2023-11-14T22:14:50.000000001Z');
    assert.deepEqual(document.tally, { frames: 1000 });
  }
});

test('a finding has the columns of the table, evidence as an object and its packets', () => {
  const { findings: told } = JSON.parse(asJson(stored([finding()])));
  const { packets, evidence, ...columns } = told[0];
  assert.deepEqual(columns, {
    id: '00000000000000a1',
    run_id: 1,
    rule: 'port-reuse',
    severity: 'warning',
    confidence: 'strong',
    title: 'the client opened the tuple again 12.5 s after its close',
    first_ns: '2023-11-14T22:13:20.000000000Z',
    last_ns: '2023-11-14T22:13:21.000000000Z',
    client: '192.0.2.10',
    client_port: 40_000,
    server: '198.51.100.80',
    server_port: 80,
  });
  assert.deepEqual(evidence, { class: 'in-time-wait', age: 12.5, outcome: 'accepted' });
  assert.deepEqual(packets[1], {
    finding_id: '00000000000000a1',
    run_id: 1,
    ordinal: 2,
    capture_id: 1,
    frame: 9,
    ts_ns: '2023-11-14T22:13:21.000000000Z',
    from_client: 0,
    flags: 'SA',
    seq: 900,
    ack: 101,
    tsval: 1000,
    tsecr: 0,
    length: 0,
    note: 'opens the connection',
  });
});

test('NDJSON is one such finding a line', () => {
  const store = stored(findings(3));
  const lines = [...ndjson(readFindings(store.database, {}))].join('').trimEnd().split('\n');
  assert.deepEqual(
    lines.map(line => JSON.parse(line)),
    JSON.parse(asJson(store)).findings,
  );
});

test('CSV quotes what must be quoted, keeps formulas text, and ends with the evidence', () => {
  const title = '=HYPERLINK("http://example.com","a, b")\nsecond';
  const { database } = stored([finding({ title })]);
  const [header, row, end] = [...csv(readFindings(database, {}))].join('').split('\r\n');
  assert.equal(
    header,
    'id,run_id,rule,severity,confidence,title,first_ns,last_ns,client,client_port,server,server_port,evidence',
  );
  assert.match(row, /,"'=HYPERLINK\(""http:\/\/example\.com"",""a, b""\)\\x0asecond",2023-11-14T22:13:20\.000000000Z,/);
  assert.match(row, /,80,"\{""class"":""in-time-wait"",""age"":12\.5,""outcome"":""accepted""\}"$/);
  assert.equal(end, '');
});
