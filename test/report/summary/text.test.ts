import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { CaptureInfo } from '../../../src/capture/capture-info.ts';
import type { Finding } from '../../../src/detect/finding.ts';
import { curveChart } from '../../../src/report/page/curve-chart.ts';
import { summaryText } from '../../../src/report/summary/text.ts';
import { timeWaitLines } from '../../../src/report/summary/time-waits.ts';
import { plainStyle } from '../../../src/report/text-style.ts';
import type { Tally } from '../../../src/shard/tally.ts';
import { readCurves } from '../../../src/store/incident.ts';
import { busiest } from '../../../src/store/occupancy.ts';
import { readCaptures, readRuns, readTally } from '../../../src/store/reader.ts';
import { Store } from '../../../src/store/store.ts';
import { summarise } from '../../../src/store/summary.ts';
import { captureInfo, finding, findings, newRun, ORIGIN } from '../../build/store-sample.ts';

const plain = plainStyle(100);

const RULES = [
  { id: 'port-reuse', title: 'Port reused within 2 MSL' },
  { id: 'reset-close', title: 'Connection closed by RST' },
];

function summary(
  all: readonly Finding[],
  tally: Tally,
  capture: Partial<CaptureInfo> = {},
  database?: string,
  style = plain,
): string {
  const store = new Store(':memory:', newRun({ captures: [captureInfo(capture)] }));
  store.findings(all);
  store.finish('done', 0n, tally);
  const db = store.database;
  return summaryText(
    {
      run: readRuns(db)[0],
      captures: readCaptures(db, [1]),
      tally: readTally(db, [1]),
      ...summarise(db, 1, 3),
      peaks: busiest(db, 1, 3),
      rules: RULES,
      database,
    },
    style,
  );
}

const TALLY = { frames: 1000, segments: 900, flows: 30, 'skipped.not-tcp': 60, 'skipped.not-ip': 40 };

test('findings that went to keep a database bounded are not said to be alike', () => {
  const counted = { ...TALLY, 'findings.port-reuse': 74 };
  assert.match(summary([finding()], counted), /73 more of the same rules and host pairs: counted, not stored/);
  const text = summary([finding()], { ...counted, 'expired.findings': 73 });
  assert.match(text, /73 more were removed as too old or too many \(--keep, --max-db\), or only counted/);
});

test('what was read, skipped and left out is told before what was found', () => {
  const text = summary([finding()], { ...TALLY, duplicates: 12, 'evicted.flows': 5 });
  assert.match(text, /office\.pcap {2}pcap, Ethernet {2}1,000 frames {2}120\.6 KiB/);
  assert.match(text, /2023-11-14T22:13:20\.000000000Z to 2023-11-14T22:14:50\.000000001Z, 90\.000 s/);
  assert.match(text, /TCP: 900 segments in 30 flows \(90\.0 % of 1,000 frames\)/);
  assert.match(text, /Skipped frames: 60 IP but not TCP, 40 not IP/);
  assert.match(text, /Left out: 12 segments captured twice/);
  assert.match(text, /5 connections had to be forgotten early/);
  assert.ok(text.indexOf('Skipped') < text.indexOf('port-reuse'));
});

test('a higher --max-flows is advised only where connections had no room, and other room only where something else had none', () => {
  const told = (tally: Readonly<Record<string, number>>): string =>
    summary([], { ...TALLY, ...tally }).replace(/\s+/g, ' ');
  const [flows, clocks] = [told({ 'evicted.flows': 2 }), told({ 'evicted.clocks': 1 })];
  assert.match(flows, /2 connections had to be forgotten early, .*: --max-flows is the limit\. Raise it to hold more/);
  assert.match(clocks, /Of 1 client and server pair not all connections had room where clocks are compared: /);
  assert.match(
    clocks,
    /More --workers, each with tables of its own, or a --filter for part of the traffic leave more room/,
  );
  assert.doesNotMatch(flows, /--workers/);
  assert.doesNotMatch(clocks, /--max-flows/);
  const several = told({ 'evicted.clocks': 3, 'evicted.attempts': 2, 'evicted.flows': 1 });
  for (const help of [/Raise it/g, /More --workers/g]) assert.equal(several.match(help)?.length, 1);
  for (const text of [flows, clocks]) assert.match(text, /Not everything could be kept in memory: see above\./);
});

test('of each table that may be full it is told what that weakens', () => {
  const source = new URL('../../../../src/', import.meta.url);
  const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter(name => name.endsWith('.ts'));
  const tables = files.flatMap(name =>
    [...readFileSync(new URL(name, source), 'utf8').matchAll(/(?:evicted\('|'evicted\.)([a-z-]+)'/g)].map(
      ([, table]) => table,
    ),
  );
  assert.ok(tables.includes('flows') && tables.includes('port-use'));
  for (const table of tables) {
    assert.doesNotMatch(summary([], { ...TALLY, [`evicted.${table}`]: 2 }), /of table/, table);
  }
});

test('captures of two points of a path in one run: told once, with what to do instead', () => {
  const both = summary([finding()], { ...TALLY, 'second-point.syns': 14, 'second-point.syn-acks': 13 });
  assert.match(both, /Captured twice, at two points of the path: 14 SYNs and 13 SYN-ACKs came again/);
  assert.match(both.replace(/\s+/g, ' '), /Analyse the captures of one point at a time/);
  const doubled = summary([finding()], { ...TALLY, 'second-point.syn-acks': 13 });
  assert.doesNotMatch(doubled, /two points/);
});

test('findings of both sides of a NAT: told once that they are told twice', () => {
  const text = summary([finding()], { ...TALLY, 'both-sides.findings': 2 }).replace(/\s+/g, ' ');
  assert.match(
    text,
    /Told twice: at least 2 findings, with the same sequence numbers and TSvals on other addresses or ports\. Both sides of a NAT/,
  );
  assert.doesNotMatch(summary([finding()], TALLY), /Told twice/);
});

test('packets that an acknowledgement shows to be missing: told, and that nothing was found is not for lack of trouble', () => {
  const text = summary([], { ...TALLY, 'unseen.directions': 6, 'unseen.acknowledged': 1 }).replace(/\s+/g, ' ');
  assert.match(text, /Caveats In 6 of 30 flows only one direction was captured, .* What that end said is not known/);
  assert.match(text, /In 1 of 30 flows more data was acknowledged than was captured: /);
  assert.match(text, /None in 30 flows.*The captures are not complete: see above\./);
  const inParts = summary([], { ...TALLY, 'unseen.acknowledged': 1, 'skipped.fragment': 7 }).replace(/\s+/g, ' ');
  assert.match(inParts, /or they are later fragments, which are not put together \(7 left out\)\. What is said/);
});

test('on a narrow terminal sentences wrap, and notes stand below their packets', () => {
  const text = summary([finding()], { ...TALLY, 'evicted.flows': 5 }, {}, undefined, plainStyle(80));
  const tooWide = text.split('\n').filter(line => line.length > 84 && !/^ +(tshark|ss|nstat|sysctl) /.test(line));
  assert.deepEqual(tooWide, []);
  assert.match(text, /may\s+be\s+missing\s+or\s+weaker/);
  assert.match(text, /^ +9 {2}1\.000000000 {2}← {2}SA {5}900 {2}101 .*\d\n {10}\S/m);
});

test('a finding is shown with its packets, how sure it is, and the command that shows them', () => {
  const text = summary([finding()], TALLY, {}, 'case 7.db');
  assert.match(text, /warning, strong evidence, not proof: port-reuse/);
  const guess = {
    confidence: 'proof',
    title: 'Connection refused: likely no listener, or a firewall that rejects',
  } as const;
  assert.match(summary([{ ...finding(), ...guess }], TALLY), /warning, proved except for the explanation: port-reuse/);
  const seen = { confidence: 'proof', title: 'Further RSTs of a connection already reset' } as const;
  assert.match(summary([{ ...finding(), ...seen }], TALLY), /warning, proved by its packets: port-reuse/);
  assert.match(text, /192\.0\.2\.10:40000 → 198\.51\.100\.80:80/);
  assert.match(text, /9 {2}1\.000000000 {2}← {2}SA {5}900 {2}101/);
  assert.match(text, /Check first on the [^\n]+:\n {4}(ss|nstat|sysctl|tcpdump) /);
  assert.match(text, /tshark -r office\.pcap -Y 'frame\.number in \{1, 9\}'/);
  assert.match(text, /All of them: pawscope findings 'case 7\.db' --run 1/);
  assert.match(text, /The worst in full: pawscope explain \w+ --db 'case 7\.db'/);
});

test('what was counted but not stored is told', () => {
  assert.match(
    summary(findings(3), { ...TALLY, 'findings.port-reuse': 10, 'findings.suppressed': 7 }),
    /7 more of the same rules and host pairs/,
  );
});

test('nothing found: what was looked for, and what could not be seen', () => {
  const short = { lastNs: captureInfo().firstNs! + 5_000_000_000n };
  const text = summary([], { ...TALLY, 'skipped.cut-short': 3, 'evicted.flows': 0 }, short);
  assert.match(text, /None in 30 flows\. Looked for: port reused within 2 MSL \(port-reuse\);/);
  assert.match(text, /span 5\.000 s, less than one TIME_WAIT of 60 s/);
  assert.match(text, /cut short/);
  assert.doesNotMatch(text, /evicted/);
  assert.match(summary([], { frames: 10 }), /no TCP segment in what was read/);
});

test('no control character of a capture reaches the terminal', () => {
  const hostile = '\u001b]0;owned\u0007\u009b2J\r';
  const text = summary([finding({ title: hostile, evidence: { class: hostile, outcome: hostile } })], TALLY, {
    source: `${hostile}.pcap`,
    notes: [{ kind: 'comment', text: hostile }],
  });
  assert.doesNotMatch(text.replaceAll('\n', ''), /\p{Cc}/u);
});

test('a capture whose frames have no time is told: its findings know no age', () => {
  const text = summary([finding()], TALLY, { frames: 25, firstNs: null, lastNs: null }).replace(/\s+/g, ' ');
  assert.match(text, / no frame has a usable time TCP: /);
  assert.match(text, /Caveats \S+: no frame has a usable time, so no age, delay or order in time can be trusted/);
  assert.doesNotMatch(text, /no frames/);
  assert.match(summary([], {}, { frames: 0, firstNs: null, lastNs: null }), /\n {2}no frames\n/);
});

test('a comment, and where packets are kept, are told with what was read: they are no caveats', () => {
  const text = summary([finding()], TALLY, {
    notes: [
      { kind: 'comment', text: 'rack 4' },
      { kind: 'evidence', text: 'packets are kept in ring.pcap', files: ['/ring.pcap'] },
    ],
  });
  assert.doesNotMatch(text, /Caveats/);
  assert.match(text, /TCP: [^\n]*\n(?: .*\n)* .*: rack 4\n .*: packets are kept in ring\.pcap\n\nFindings/);
});

test('who held many TIME_WAITs is told with the ports that were left, and the band of a kernel that lets go late', () => {
  const run = newRun({ options: { time_wait: 60, port_range: [32_768, 60_999] } });
  const store = new Store(':memory:', run);
  const series = { owner: '192.0.2.10', peer: '198.51.100.80', peerPort: 443 };
  store.curve([{ ...series, seconds: [0, 5, 60], open: [900, 14_116, 0], hidden: { seconds: [], count: [] } }]);
  const { hosts, tuples } = busiest(store.database, store.runId, 3);
  assert.deepEqual([hosts.length, tuples.length], [1, 1]);
  assert.deepEqual([tuples[0].open, tuples[0].openHigh], [14_116, 14_116]);
  const late = { hosts: [], tuples: [{ ...tuples[0], openHigh: 14_500 }] };
  const text = timeWaitLines(late, readRuns(store.database)[0]).join('\n');
  assert.match(
    text,
    /192\.0\.2\.10 → 198\.51\.100\.80:443 +14,116 to 14,500 +2023-11-14T22:13:25 +50\S* %, 14,116 left/,
  );
  assert.match(text, /470\.5 closes a second can last, and 235\.3 make the first of these/);
  assert.deepEqual(timeWaitLines({ hosts: [], tuples: [] }, readRuns(store.database)[0]), []);
  store.close();
});

test('how many ports are left is not told of a client that uses others than the range that the run assumes', () => {
  const range = [32_768, 60_999] as const;
  const told = (ports: readonly number[]): string => {
    const store = new Store(':memory:', newRun({ options: { time_wait: 60, port_range: range } }));
    const [owner, peer] = ['192.0.2.10', '198.51.100.80'];
    const series = { owner, peer, peerPort: 443, seconds: [0, 5, 60], open: [900, 20_000, 0] };
    store.curve([{ ...series, hidden: { seconds: [], count: [] } }]);
    const insert = store.database.prepare(
      "INSERT INTO time_wait VALUES (?, 1, '192.0.2.10', ?, '198.51.100.80', 443, 0, 0, 1, 'timer')",
    );
    for (const port of ports) insert.run(store.runId, port);
    const { tuples } = busiest(store.database, store.runId, 3, range);
    const text = timeWaitLines({ hosts: [], tuples }, readRuns(store.database)[0]).join('\n');
    store.close();
    return text;
  };
  const own = Array.from({ length: 20 }, (_, i) => 40_000 + i);
  assert.match(told(own), /70\.8 %, 8,232 left\n.*333\.3 make the first/);
  assert.match(told([...own.slice(1), 20_002]), /8,232 left/);
  const others = told([...own.slice(2), 20_002, 61_000]);
  assert.match(others, /20,000 +2023-11-14T22:13:25 +uses other ports$/);
  assert.doesNotMatch(others, /left|a second/);
});

test('what a NAT may hide widens the number of its host, and not that of its ports', () => {
  const store = new Store(':memory:', newRun());
  const series = {
    owner: '192.0.2.10',
    peer: '198.51.100.80',
    peerPort: 443,
    seconds: [0, 5, 60],
    open: [900, 1100, 0],
  };
  store.curve([{ ...series, hidden: { seconds: [7, 8, 60], count: [10, 3000, 0] } }]);
  const { hosts, tuples } = busiest(store.database, store.runId, 3);
  const said = [...hosts, ...tuples].map(({ at, open, openHigh }) => [Number(at / 10n ** 9n) - ORIGIN, open, openHigh]);
  assert.deepEqual(said, [
    [8, 1100, 4100],
    [5, 1100, 1100],
  ]);
  assert.match(
    timeWaitLines({ hosts, tuples: [] }, readRuns(store.database)[0]).join('\n'),
    /192\.0\.2\.10 +1,100 to 4,100 /,
  );
  const [curve] = readCurves(store.database, store.runId, 1, 10);
  assert.deepEqual([curve!.peak, curve!.most], [1100, 4100]);
  const steps = curve!.steps.map(([at, ...numbers]) => [at - ORIGIN, ...numbers]);
  assert.deepEqual(steps, [
    [0, 900, 900],
    [5, 1100, 1100],
    [7, 1100, 1110],
    [8, 1100, 4100],
    [60, 0, 0],
  ]);
  assert.match(JSON.stringify(curveChart([curve!], [32_768, 60_999], 60)), /1,100 to 4,100/);
  assert.match(JSON.stringify(curveChart([curve!], [32_768, 60_999], 8)), /the first 8 s are a lower bound/);
  store.close();
});

test('SYNs that are only counted: what they may be, and which rules may tell of them all the same', () => {
  const alone = summary([], { frames: 9, segments: 9, flows: 6, 'syns.unanswered': 5 });
  assert.match(
    alone.replaceAll(/\s+/g, ' '),
    /5 SYNs were sent once and got no answer; unanswered-syn only counts them \(scans, floods, dead hosts, or too near the end\)/,
  );
  const tally = { frames: 9, segments: 9, flows: 6, 'syns.unanswered': 5, 'findings.recycle-signature': 1 };
  const told = summary([], tally).replaceAll(/\s+/g, ' ');
  assert.match(told, /5 SYNs were sent once and got no answer; .* counts them \(recycle-signature may report some\)/);
  assert.doesNotMatch(told, /scans/, 'a server that drops them is none of those');
  const rejected = summary([], { ...tally, 'skipped.icmp-quoted': 2 }).replaceAll(/\s+/g, ' ');
  assert.doesNotMatch(rejected, /may have answered/, 'what an ICMP error quotes is reported, and not only counted');
  const unanswered = summary([], { frames: 9, segments: 9, flows: 6, 'synacks.unanswered': 3 }).replaceAll(/\s+/g, ' ');
  assert.match(
    unanswered,
    /In 3 connections the SYN-ACK was sent three times or more and never answered; unanswered-syn only counts them/,
  );
  assert.doesNotMatch(unanswered, /ICMP/);
  const quoted = { frames: 9, segments: 9, flows: 6, 'synacks.unanswered': 3, 'synacks.rejected': 2 };
  assert.match(
    summary([], quoted).replaceAll(/\s+/g, ' '),
    /drops SYN-ACKs or ACKs\)\. ICMP errors quote the SYN-ACKs of 2: see `icmp \|\| icmpv6`/,
  );
});

test('a cause has a row for each severity: the worst is not said of all', () => {
  const mixed = [
    ...findings(3, { severity: 'info', confidence: 'strong' }),
    finding({ id: 'ffffffffffffffff', severity: 'notice', confidence: 'proof' }),
  ];
  const lines = summary(mixed, TALLY).split('\n');
  const from = lines.findIndex(line => line.startsWith('By cause'));
  assert.deepEqual(
    lines.slice(from + 2, from + 5).map(line => line.trim().split(/ {2,}/)),
    [
      ['1', 'notice', 'proof', 'port-reuse in-time-wait accepted'],
      ['3', 'info', 'port-reuse in-time-wait accepted'],
      ['192.0.2.10 → 198.51.100.80'],
    ],
  );
});
