/** Public API. */
export { type AnalyseOptions, type AnalyseResult, analyse, type Sink } from './analyse.ts';
export type { CaptureInfo, CaptureNote, Input } from './capture/capture-info.ts';
export type { Confidence, Finding, FindingPacket, Severity } from './detect/finding.ts';
export type { ClockRow, Ending, FlowRow, Regime, TimeWaitRows } from './flow/output.ts';
export type { Tally } from './shard/tally.ts';
