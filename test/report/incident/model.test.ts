/** The model of an incident: bounded choices, honest counts, the parts of its pictures. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clockPlot } from '../../../src/report/incident/clock-plot.ts';
import {
  addInstant,
  addSpan,
  binEdge,
  histogram,
  timeline,
  topCategories,
} from '../../../src/report/incident/histogram.ts';
import { readIncident } from '../../../src/report/incident/incident.ts';
import { incidentMarkdown } from '../../../src/report/incident/markdown.ts';
import { qualityRemarks } from '../../../src/report/incident/quality.ts';
import { quotas } from '../../../src/report/incident/quota.ts';
import { clockChart } from '../../../src/report/page/clock-chart.ts';
import { markup } from '../../../src/report/page/markup.ts';
import { absenceLines } from '../../../src/report/summary/absence.ts';
import { MEMORY } from '../../../src/store/database.ts';
import { readCaptures, readRuns } from '../../../src/store/reader.ts';
import { Store } from '../../../src/store/store.ts';
import { captureInfo, findings, newRun } from '../../build/store-sample.ts';

test('small causes keep all of their findings, large ones share what is left', () => {
  assert.deepEqual(quotas([1000, 2, 1000], 102), [50, 2, 50]);
  assert.deepEqual(quotas([3, 4], 100), [3, 4]);
  assert.deepEqual(quotas([], 5), []);
});

test('spans are counted in bins of their size, and what is outside in the outermost', () => {
  const spans = histogram(1e-3, 1e3);
  for (const seconds of [0, 1.05, 1.2, 60, 1e9]) addSpan(spans, seconds, 'accepted');
  const bins = spans.bins.get('accepted')!;
  const at = (seconds: number): number => bins[bins.findLastIndex((_, i) => binEdge(spans, i) <= seconds)];
  assert.deepEqual([bins[0], at(1.05), at(60), bins.at(-1), spans.count], [1, 2, 1, 1, 5]);
});

test('instants are counted in equal stretches, the last one included', () => {
  const events = timeline(100, 220);
  for (const at of [100, 100.5, 219.9, 220]) addInstant(events, at, 'abort');
  const bins = events.bins.get('abort')!;
  assert.deepEqual([bins[0], bins.at(-1), bins.length], [2, 2, 120]);
});

test('the largest categories are told apart, the rest together', () => {
  const top = topCategories(
    new Map([
      ['a', [1, 0]],
      ['b', [5, 5]],
      ['c', [0, 2]],
    ]),
    2,
  );
  assert.deepEqual(
    [...top],
    [
      ['b', [5, 5]],
      ['2 others', [1, 2]],
    ],
  );
});

test('what the server remembers is the highest clock line, held for 60 s after its last packet', () => {
  const line = (v0: number, first_at: number, last_at: number) => ({
    hz: 10,
    t0: first_at,
    v0,
    flows: 1,
    first_at,
    last_at,
  });
  const series = { client: 'a', server: 'b', hz: 10, regime: 'interleaved' as const, hosts_low: 2, hosts_high: 2 };
  const plot = clockPlot({ ...series, lines: [line(0xfffffff0, 0, 100), line(1000, 0, 10)] }, [])!;
  assert.deepEqual(plot.lines[1].ends, [
    { at: 0, ticks: 1016 },
    { at: 10, ticks: 1116 },
  ]);
  const at = (time: number): number => plot.remembered.findLast(point => point.at <= time)!.ticks;
  assert.equal(at(10), 1116);
  assert.equal(at(60), 1116);
  assert.ok(Math.abs(at(80) - 800) < 5, `${at(80)}`);
});

test('where connections have clocks of their own, nobody knows what the server would remember', () => {
  const line = { hz: 1000, t0: 0, v0: 5, flows: 1, first_at: 0, last_at: 1 };
  const series = { client: 'a', server: 'b', hz: null, regime: 'per-connection' as const, hosts_low: 1, hosts_high: 2 };
  assert.deepEqual(clockPlot({ ...series, lines: [line, line] }, [])!.remembered, []);
});

test('a rate that the connections do not show is told as assumed', () => {
  const line = { hz: 1000, t0: 0, v0: 5, flows: 1, first_at: 0, last_at: 1 };
  const series = { client: 'a', server: 'b', regime: 'restart' as const, hosts_low: 1, hosts_high: 2, lines: [line] };
  const drawn = (hz: number | null): string => markup(clockChart(clockPlot({ ...series, hz }, [])!, 0));
  assert.match(drawn(null), /clock 1: 1000 Hz \(assumed\), 1 connection/);
  assert.match(drawn(1000), /clock 1: 1000 Hz, 1 connection/);
});

test('no clock, no picture', () => {
  const series = {
    client: 'a',
    server: 'b',
    hz: null,
    regime: 'none' as const,
    hosts_low: null,
    hosts_high: null,
    lines: [],
  };
  assert.equal(clockPlot(series, []), undefined);
});

test('of many findings a bounded choice is held, all are counted', () => {
  const store = new Store(MEMORY, newRun());
  store.findings(findings(500));
  store.findings(
    findings(3, { rule: 'reset-close', evidence: { class: 'abort', from: 'client', hints: [], idle: 2 } }).map(
      (f, i) => ({
        ...f,
        id: `b${i}`.padEnd(16, '0'),
      }),
    ),
  );
  store.finish('done', 1_800_000_001_000_000_000n, {
    flows: 700,
    'findings.port-reuse': 600,
    'findings.reset-close': 3,
  });
  const incident = readIncident(store.database, 'x.db', readRuns(store.database)[0], { causes: 10, listed: 20 });
  store.close();
  assert.equal(incident.listed.length, 20);
  assert.equal(incident.listed.filter(({ cause }) => incident.causes[cause].rule === 'reset-close').length, 3);
  assert.deepEqual([incident.stored, incident.counted], [503, 603]);
  assert.equal(incident.pictures.reuse.count, 500);
  assert.equal(incident.pictures.idle.count, 3);
  assert.match(
    incident.verdicts[0].text,
    /^At least 500 of 600 reuses of a port within 2 MSL, in 700 connections: likely in TIME_WAIT, accepted\./,
  );
});

test('an old connection of which packets are missing is no capture of one direction, an answer that was not seen may be', () => {
  const remarksOn = (outcome: string): string => {
    const store = new Store(MEMORY, newRun());
    store.findings(findings(16, { evidence: { class: 'unknown-close', outcome } }));
    store.finish('done', 1_800_000_001_000_000_000n, { flows: 50 });
    const { quality } = readIncident(store.database, 'x.db', readRuns(store.database)[0], { causes: 1, listed: 1 });
    store.close();
    return quality.map(({ text }) => text).join(' ');
  };
  assert.doesNotMatch(remarksOn('accepted'), /one direction/);
  assert.match(remarksOn('unobservable'), /^Of 16 findings only one direction was captured/);
});

test('the worst of a cause is listed, however late it comes', () => {
  const store = new Store(MEMORY, newRun());
  const all = findings(50);
  store.findings(all.map((each, i) => (i === 40 ? { ...each, severity: 'error' } : each)));
  store.finish('done', 1_800_000_001_000_000_000n, { flows: 50 });
  const incident = readIncident(store.database, 'x.db', readRuns(store.database)[0], { causes: 10, listed: 5 });
  store.close();
  assert.equal(incident.causes[0].worst.id, all[40].id);
  assert.ok(incident.listed.some(({ finding }) => finding.id === all[40].id));
});

test('what is missing from captures is said first, and what a pcap cannot say is said too', () => {
  const notes = [
    { kind: 'truncated' as const, text: 'office.pcap: the capture ends in the middle of a record', offset: 7 },
  ];
  const store = new Store(MEMORY, newRun({ captures: [captureInfo({ notes })] }));
  const captures = readCaptures(store.database, [store.runId]);
  const [run] = readRuns(store.database);
  store.close();
  const remarks = qualityRemarks({ ...run!, status: 'damaged' }, captures, { frames: 100, 'skipped.cut-short': 3 }, 2);
  assert.deepEqual(
    remarks.map(({ grade }) => grade),
    ['bad', 'bad', 'bad', 'fair'],
  );
  assert.match(
    remarks.map(({ text }) => text).join('\n'),
    /ends in the middle[\s\S]*2 findings only one direction[\s\S]*3 of 100 frames[\s\S]*cannot say whether/,
  );
  const kept = [{ kind: 'evidence' as const, text: 'packets are kept in ring.pcap', files: ['/ring.pcap'] }];
  const live = qualityRemarks({ ...run!, status: 'done' }, [{ ...captures[0], format: 'live', note: kept }], {}, 0);
  assert.deepEqual(
    live.map(({ grade }) => grade),
    ['good', 'fair'],
  );
  for (const format of ['pcapng', 'live']) {
    const good = qualityRemarks({ ...run!, status: 'done' }, [{ ...captures[0], format, note: [] }], {}, 0);
    assert.deepEqual(good, [{ grade: 'good', text: 'Nothing is known to be missing from the captures.' }]);
    for (const tally of [
      { flows: 6, 'unseen.directions': 6 },
      { flows: 200, 'unseen.acknowledged': 163 },
    ]) {
      const [first, ...more] = qualityRemarks(
        { ...run!, status: 'done' },
        [{ ...captures[0], format, note: [] }],
        tally,
        0,
      );
      assert.equal(first?.grade, 'bad');
      assert.match(
        first.text,
        /^In (6 of 6 flows only one direction|163 of 200 flows more data was acknowledged) .*\.$/,
      );
      assert.deepEqual(more, []);
    }
  }
});

test('a run that did not come to its end says how it ended and how far it had come, and not that there was nothing', () => {
  const second = captureInfo({ source: 'office.pcap1', frames: 41, lastNs: captureInfo().lastNs! + 5_000_000_000n });
  const store = new Store(
    MEMORY,
    newRun({ captures: [captureInfo(), second, captureInfo({ frames: 0, firstNs: null, lastNs: null })] }),
  );
  store.fail(1n);
  const { database } = store;
  const [run] = readRuns(database);
  const captures = readCaptures(database, [store.runId]);
  const incident = readIncident(database, 'x.db', run!);
  store.close();
  const remark = incident.quality.find(({ grade }) => grade === 'bad')!.text;
  assert.match(remark, /^The run failed before its end.*come to 2023-11-14T22:14:55\.\d+Z, with 1,041 frames read/);
  assert.match(remark, /the last of them in office\.pcap1 \(capture 2 of 3\)\.$/);
  const absence = absenceLines({ run: run!, captures, tally: {}, rules: [] }, Number.POSITIVE_INFINITY).join('\n');
  assert.match(absence, /failed before its end.*does not mean that nothing was there to find\.$/);
  assert.doesNotMatch(absence, /no TCP segment/);
  assert.match(incidentMarkdown(incident, []), /: 1,041 frames, 0 findings/, 'how many connections is not known');
  const interrupted = {
    run: { ...run!, status: 'interrupted' as const },
    captures,
    tally: { segments: 9, flows: 2 },
    rules: [],
  };
  assert.match(absenceLines(interrupted, 200).join(' '), /None in 2 flows.*The run was interrupted/);
});
