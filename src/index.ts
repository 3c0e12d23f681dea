/** The library: one function, and the types of its arguments and results (docs/api.md). */
export {
  type Analysis,
  analyse,
  type Finding,
  type FindingOf,
  type Packet,
  type Summary,
} from './analysis.ts';
export type { CaptureError, OptionError } from './base/errors.ts';
export type { CaptureInfo, CaptureNote } from './capture/capture-info.ts';
export type { ByteIterable, ByteStream, NamedSource, Source } from './capture/library-source.ts';
export type { HostContext } from './detect/context/host-context.ts';
export type { ContextEvidence, EvidenceOf, LossEvidence, Rule } from './detect/evidence.ts';
export type { Confidence, Severity } from './detect/finding.ts';
export type { Options, Progress } from './options.ts';
export type { Tally } from './shard/tally.ts';
