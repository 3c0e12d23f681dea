/** The metrics of `live --metrics`: only what is known during the run, and only what is true at that moment. */
import type { RunState } from '../../analyse.ts';
import type { InterfaceStatus } from '../../capture/live/live.ts';
import type { Family, Sample } from '../../report/exposition.ts';
import type { Occupancy } from '../../shard/occupancy.ts';

export interface FindingCount {
  rule: string;
  severity: string;
  count: number;
}

export interface Snapshot {
  version: string;
  /** Seconds since the epoch. */
  now: number;
  started: number;
  /** Bytes. */
  resident: number;
  interfaces: readonly InterfaceStatus[];
  /** Packets that could not be written to the files of -w; undefined without -w. */
  evidenceLost: number | undefined;
  /** Findings stored so far. */
  findings: readonly FindingCount[];
  /** Undefined until the analysis has started. */
  standing: RunState | undefined;
}

/** The metric families, in the order of the page. */
export function metricsOf(snapshot: Snapshot): Family[] {
  const { version, interfaces, evidenceLost, standing, started, resident } = snapshot;
  const each = (of: (one: InterfaceStatus) => number): Sample[] =>
    interfaces.map(one => ({ labels: { interface: one.name }, value: of(one) }));
  const info = { version, node: process.version, shards: String(standing?.shards ?? 0) };
  return [
    gauge(
      'build_info',
      'Always 1; the labels say what runs.',
      standing === undefined ? [] : [{ labels: info, value: 1 }],
    ),
    gauge(
      'interface_up',
      '1 while the interface is captured on, 0 while it is down, without link or lost.',
      each(({ state }) => (state === 'capturing' ? 1 : 0)),
    ),
    counter(
      'packets_received_total',
      'Packets that came through the filter and were not dropped, analysed or waiting.',
      each(({ packets }) => packets),
    ),
    counter(
      'packets_dropped_total',
      'Packets lost because the buffer of the kernel was full.',
      each(({ dropped }) => dropped),
    ),
    counter(
      'interface_packets_dropped_total',
      'Packets lost in the network card or its driver, where that says so.',
      each(({ interfaceDropped }) => interfaceDropped),
    ),
    gauge(
      'backlog_bytes',
      'Captured bytes that wait to be read.',
      each(({ backlog }) => backlog),
    ),
    counter(
      'evidence_lost_packets_total',
      'Packets that were analysed but could not be written to the files of -w.',
      evidenceLost === undefined ? [] : [{ value: evidenceLost }],
    ),
    ...(standing === undefined ? [] : analysis(standing, snapshot.now)),
    counter(
      'findings_total',
      'Findings stored, by rule and severity.',
      snapshot.findings.map(({ rule, severity, count }) => ({ labels: { rule, severity }, value: count })),
    ),
    {
      name: 'process_resident_memory_bytes',
      type: 'gauge',
      help: 'Resident memory of the process, all threads together.',
      samples: [{ value: resident }],
    },
    {
      name: 'process_start_time_seconds',
      type: 'gauge',
      help: 'When the process began, in seconds since the epoch.',
      samples: [{ value: started }],
    },
  ];
}

/** Most groups in `time_waits_top`: the number of label values has to stay bounded. */
export const TOP_TIME_WAITS = 10;

const EVICTED = 'evicted.';

const totalOf = (held: Occupancy | undefined): Sample[] => (held === undefined ? [] : [{ value: held.total }]);

function analysis({ counts, slabs, until, timeWaits }: RunState, now: number): Family[] {
  const evicted = Object.entries(counts).filter(([name]) => name.startsWith(EVICTED));
  // The capture's clock and this one differ slightly: an analysis that seems to be ahead has no lag.
  const lag = Math.max(0, now - until);
  return [
    gauge(
      'analysis_lag_seconds',
      'Age of the instant up to which all packets have been analysed; about a second where nothing comes.',
      Number.isFinite(until) ? [{ value: lag }] : [],
    ),
    gauge('slabs_busy', 'Blocks of packets handed to the threads and not yet analysed.', [{ value: slabs }]),
    counter('segments_total', 'TCP headers analysed.', [{ value: counts.segments ?? 0 }]),
    counter('duplicates_total', 'Segments that were captured more than once.', [{ value: counts.duplicates ?? 0 }]),
    counter('flows_total', 'Connections that were followed, each incarnation of its ports for itself.', [
      { value: counts.flows ?? 0 },
    ]),
    gauge('time_waits', 'Connections in TIME_WAIT, counted every ten seconds.', totalOf(timeWaits)),
    gauge(
      'time_waits_top',
      `Connections in TIME_WAIT of the ${TOP_TIME_WAITS} groups of client, server and port that have the most.`,
      (timeWaits?.top ?? []).map(({ client, server, serverPort, owner, count }) => ({
        labels: { client, server, port: String(serverPort), owner },
        value: count,
      })),
    ),
    counter('findings_suppressed_total', 'Findings counted and not stored: too many alike between two hosts.', [
      { value: counts['findings.suppressed'] ?? 0 },
    ]),
    counter(
      'evictions_total',
      'Entries forgotten before their time because a table was full.',
      evicted.map(([name, value]) => ({ labels: { table: name.slice(EVICTED.length) }, value })),
    ),
  ];
}

const gauge = (name: string, help: string, samples: Sample[]): Family => ({
  name: `pawscope_${name}`,
  type: 'gauge',
  help,
  samples,
});

const counter = (name: string, help: string, samples: Sample[]): Family => ({
  ...gauge(name, help, samples),
  type: 'counter',
});
