import { sourceText } from '../base/errors.ts';
import type { LiveInput } from './source.ts';

/** What is known of one capture of a run, updated while it is read; the columns of table `capture`. */
export interface CaptureInfo {
  /** The path as given, `-` for standard input, or the name of a live interface. */
  source: string;
  /** `pcap`, `pcap-ns`, `pcapng`, …, preceded by the compression if there is one: `gzip+pcapng`; or `live`. */
  format: string;
  /** LINKTYPE_ numbers in order of appearance. */
  linkTypes: number[];
  /** Times of the earliest and latest frame in nanoseconds since the epoch; null while there is none. */
  firstNs: bigint | null;
  lastNs: bigint | null;
  frames: number;
  /** Bytes of the capture after inflating. */
  bytes: number;
  notes: CaptureNote[];
}

export interface CaptureNote {
  /** `truncated` and `damaged` make the run exit 3, as do `dropped` and `source-lost`; the others inform. */
  kind:
    | 'truncated'
    | 'damaged'
    | 'dropped'
    | 'source-lost'
    /** A live interface was down: no traffic passed there, so none is missing. */
    | 'source-down'
    | 'clock-step'
    /** The capture has packets of another one at another time; `count`: the SYNs and SYN-ACKs that show it. */
    | 'other-clock'
    | 'unsupported-link-type'
    | 'comment'
    /** The files to which a live run writes its packets, and how many packets it could not write. */
    | 'evidence'
    | 'evidence-lost';
  /** One sentence. */
  text: string;
  /** Where the kind has them: byte offset in the inflated capture, frame number, number of events or packets. */
  offset?: number;
  frame?: number;
  count?: number;
  /** For `evidence`: absolute paths of the nanosecond pcap files, the oldest first. */
  files?: string[];
}

/** Whether the note says that something is missing or doubtful; comments and locations of files do not. */
export const isCaveat = ({ kind }: CaptureNote): boolean => kind !== 'comment' && kind !== 'evidence';

/** The note with its capture and byte offset, as all output for people shows it. */
export function noteText(source: string, { text, offset }: CaptureNote): string {
  // Some of the reader's sentences already begin with the name of the capture.
  const name = sourceText(source);
  const named = text.startsWith(name) ? text : `${name}: ${text}`;
  return offset === undefined ? named : `${named} (byte ${offset})`;
}

/**
 * One input of a run: a path (as bytes where the name is not UTF-8), or bytes or a stream under a name. A path with
 * `found`, from a pattern or a folder, is passed over if it is not a capture, or not of TCP.
 */
export type Input =
  | { name: string; path: string | Uint8Array; found?: boolean }
  | { name: string; bytes: Uint8Array }
  /** A stream that ends because `signal` was aborted is not reported as cut short. */
  | { name: string; stream: AsyncIterable<Uint8Array>; signal?: AbortSignal }
  /** An interface that has been opened (live.ts). */
  | { name: string; live: LiveInput };

/** Most captures of a run: flows store the index of a capture in 16 bits. */
export const MAX_CAPTURES = 65_536;
