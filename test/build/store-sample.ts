/** Rows for tests of the store and the reports: a template of each kind, to which tests pass the differences. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CaptureInfo } from '../../src/capture/capture-info.ts';
import type { Finding, FindingPacket } from '../../src/detect/finding.ts';
import type { FlowRow } from '../../src/flow/flow-row.ts';
import {
  ENDINGS,
  type Ending,
  MAY_HOLD_ON,
  TIME_WAIT_CAPTURE_SHIFT,
  TIME_WAIT_TIMES,
  TIME_WAIT_WORDS,
  type TimeWaitRows,
} from '../../src/flow/time-wait-rows.ts';
import type { NewRun } from '../../src/store/write/runs.ts';
import type { Scope } from './netns.ts';

/** A folder that is removed after the test. */
export function folder(t: Scope): string {
  const path = mkdtempSync(join(tmpdir(), 'pawscope-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** 2023-11-14T22:13:20Z. */
export const ORIGIN = 1_700_000_000;

export const captureInfo = (difference: Partial<CaptureInfo> = {}): CaptureInfo => ({
  source: 'office.pcap',
  format: 'pcap',
  linkTypes: [1],
  firstNs: BigInt(ORIGIN) * 1_000_000_000n,
  lastNs: BigInt(ORIGIN) * 1_000_000_000n + 90_000_000_001n,
  frames: 1000,
  bytes: 123_456,
  notes: [],
  ...difference,
});

export const newRun = (difference: Partial<NewRun> = {}): NewRun => ({
  startedNs: 1_800_000_000_000_000_000n,
  version: '0.1.0',
  command: 'analyze',
  options: { time_wait: 60 },
  origin: ORIGIN,
  captures: [captureInfo()],
  ...difference,
});

export const packet = (difference: Partial<FindingPacket> = {}): FindingPacket => ({
  capture: 0,
  frame: 1,
  at: 0,
  fromClient: true,
  flags: 'S',
  seq: 100,
  ack: 0,
  tsval: 1000,
  tsecr: 0,
  length: 0,
  note: 'opens the connection',
  ...difference,
});

export const finding = (difference: Partial<Finding> = {}): Finding => ({
  id: '00000000000000a1',
  rule: 'port-reuse',
  severity: 'warning',
  confidence: 'strong',
  title: 'the client opened the tuple again 12.5 s after its close',
  epoch: 0,
  at: 1e9,
  capture: 0,
  frame: 9,
  firstAt: 0,
  lastAt: 1e9,
  client: '192.0.2.10',
  clientPort: 40_000,
  server: '198.51.100.80',
  serverPort: 80,
  evidence: { class: 'in-time-wait', age: 12.5, outcome: 'accepted' },
  packets: [packet(), packet({ frame: 9, at: 1e9, fromClient: false, flags: 'SA', seq: 900, ack: 101 })],
  ...difference,
});

/** `count` findings with different ids. */
export const findings = (count: number, difference: Partial<Finding> = {}): Finding[] =>
  Array.from({ length: count }, (_, i) =>
    finding({ id: i.toString(16).padStart(16, '0'), at: i, frame: i + 1, ...difference }),
  );

export interface TimeWaitSample {
  /** Four words; the first alone is an IPv4 address. */
  owner: number[];
  peer: number[];
  ownerPort: number;
  peerPort: number;
  times: [entered: number, start: number, end: number];
  ending: Ending;
  capture: number;
  mayHoldOn?: boolean;
}

/** TIME_WAIT rows in shared memory. */
export function timeWaits(samples: readonly TimeWaitSample[]): TimeWaitRows {
  const times = new Float64Array(new SharedArrayBuffer(samples.length * TIME_WAIT_TIMES * 8));
  const words = new Int32Array(new SharedArrayBuffer(samples.length * TIME_WAIT_WORDS * 4));
  for (const [i, s] of samples.entries()) {
    times.set(s.times, i * TIME_WAIT_TIMES);
    words.set(s.owner, i * TIME_WAIT_WORDS);
    words.set(s.peer, i * TIME_WAIT_WORDS + 4);
    words[i * TIME_WAIT_WORDS + 8] = (s.ownerPort << 16) | s.peerPort;
    const isIPv6 = s.owner.length > 1 ? 1 : 0;
    const how = (ENDINGS.indexOf(s.ending) << 1) | (s.mayHoldOn === true ? MAY_HOLD_ON : 0);
    words[i * TIME_WAIT_WORDS + 9] = (s.capture << TIME_WAIT_CAPTURE_SHIFT) | how | isIPv6;
  }
  return { count: samples.length, times, words, timeWait: 60e9 };
}

export const flow = (difference: Partial<FlowRow> = {}): FlowRow => ({
  capture: 0,
  client: '192.0.2.10',
  clientPort: 40_000,
  server: '198.51.100.80',
  serverPort: 80,
  scope: 0,
  firstAt: 0,
  lastAt: 1e9,
  clientPackets: 5,
  serverPackets: 4,
  clientBytes: 100,
  serverBytes: 2000,
  connState: 'SF',
  history: 'ShADadFf',
  close: 'fin',
  communityId: '1:LQU9qZlK+B5F3KDmev6m5PMibrg=',
  ...difference,
});
