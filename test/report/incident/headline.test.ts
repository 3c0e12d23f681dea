/** The first sentence of a verdict is prose: the codes of the evidence are for filters. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { causeText } from '../../../src/report/incident/cause-text.ts';
import { headline } from '../../../src/report/incident/headline.ts';
import { readIncident } from '../../../src/report/incident/incident.ts';
import { causeHeading, type ReportedCause } from '../../../src/report/incident/verdict.ts';
import { MEMORY } from '../../../src/store/database.ts';
import { readRuns } from '../../../src/store/reader.ts';
import { Store } from '../../../src/store/store.ts';
import { collect } from '../../build/collect.ts';
import { fixtures } from '../../build/fixtures.ts';
import { finding, newRun } from '../../build/store-sample.ts';

function causesOf(fill: (store: Store) => void, run = newRun()): ReportedCause[] {
  const store = new Store(MEMORY, run);
  try {
    fill(store);
    return readIncident(store.database, 'case.db', readRuns(store.database)[0]).causes;
  } finally {
    store.close();
  }
}

test('no cause of any fixture is told in codes, and no two have one heading', async () => {
  const told = new Set<string>();
  for (const { inputs, name } of fixtures()) {
    const { findings, captures, origin } = await collect(inputs);
    const causes = causesOf(store => store.findings(findings), newRun({ captures, origin }));
    assert.equal(new Set(causes.map(causeHeading)).size, causes.length, `${name}: one heading for each cause`);
    for (const cause of causes) {
      const text = headline(cause, 12, undefined);
      told.add(cause.rule);
      assert.doesNotMatch(text, /undefined|: \.$/, name);
      for (const code of cause.cause.split(' ')) {
        if (/[->]/.test(code)) assert.ok(!text.includes(code), `${name}: ${text}`);
      }
    }
  }
  assert.equal(told.size, 13, 'every rule');
});

test('what a reset, a reuse, and an ACK that fits nothing are called', () => {
  const said = (rule: string, evidence: Record<string, unknown>): string => {
    const [cause] = causesOf(store => store.findings([finding({ rule, evidence })]));
    return headline(cause!, 12, undefined);
  };
  assert.equal(
    said('reset-close', { class: 'abort', from: 'server', hints: [] }),
    "1 of the 1 RST found, in 12 connections: an abort of an open connection from the server's address.",
  );
  assert.equal(
    said('port-reuse', { class: 'in-time-wait', outcome: 'challenge-ack>rst>accepted' }),
    '1 of 1 reuse of a port within 2 MSL, in 12 connections: likely in TIME_WAIT, answered with an ACK of the old ' +
      'connection, then reset by the client, then accepted.',
  );
  assert.match(
    said('unanswered-syn', { cause: 'time-wait', seen: 'foreign-ack' }),
    /: likely an older connection of the same ports answered, though with numbers of none that was captured\.$/,
  );
});

test('SYNs that ICMP errors quote were not delivered', () => {
  const evidence = { cause: 'unknown', seen: 'icmp', icmp: 'administratively prohibited', icmp_from: '192.0.2.1' };
  const [cause] = causesOf(store => store.findings([finding({ rule: 'unanswered-syn', evidence })]));
  assert.match(headline(cause!, 12, undefined), /: likely not delivered, as ICMP errors say that quote them\.$/);
});

test('a rule and a step of another version are told by their own names', () => {
  const [cause] = causesOf(store => store.findings([finding({ rule: 'from-the-future' })]));
  assert.equal(headline(cause!, 12, undefined), '1 finding of from-the-future in 12 connections.');
  const [newer] = causesOf(store =>
    store.findings([finding({ evidence: { class: 'open', outcome: 'challenge-ack>met-later' } })]),
  );
  assert.equal(
    causeText(newer!.worst),
    'with the old connection still open, answered with an ACK of the old connection, then met-later',
  );
});
