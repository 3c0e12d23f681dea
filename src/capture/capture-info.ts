import type { LiveInput } from './source.ts';

/** What is known of one capture of a run, kept current while it is read; the columns of table `capture`. */
export interface CaptureInfo {
  /** The path as it was given, `-` for standard input, the name of a live interface. */
  source: string;
  /** `pcap`, `pcap-ns`, `pcapng`, … with the compression before it where there is one: `gzip+pcapng`; `live`. */
  format: string;
  /** LINKTYPE_ numbers in order of appearance. */
  linkTypes: number[];
  /** Nanoseconds since the epoch of the earliest and latest frame; null while there is none. */
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
    /** Of a live interface that was down: nothing passed there that could be missing. */
    | 'source-down'
    | 'clock-step'
    | 'unsupported-link-type'
    | 'comment'
    /** Where a live run keeps its packets, and how many it could not keep. */
    | 'evidence'
    | 'evidence-lost';
  /** One sentence. */
  text: string;
  /** Byte offset in the inflated capture, frame number, or how often or how many packets, where the kind has one. */
  offset?: number;
  frame?: number;
  count?: number;
  /** Of `evidence`: nanosecond pcap files by their absolute paths, the oldest first. */
  files?: string[];
}

/** Something is missing or doubtful: comments and places are not. */
export const isCaveat = ({ kind }: CaptureNote): boolean => kind !== 'comment' && kind !== 'evidence';

/** The note with what places it in its capture, as all outputs for people tell it. */
export function noteText(source: string, { text, offset }: CaptureNote): string {
  // The reader's sentences name their capture where they know it.
  const named = text.startsWith(source) ? text : `${source}: ${text}`;
  return offset === undefined ? named : `${named} (byte ${offset})`;
}

/**
 * One input of a run: a path (bytes where the name is no UTF-8), or bytes and streams under a name. What was `found` by a
 * pattern or in a folder is passed over where it is no capture.
 */
export type Input =
  | { name: string; path: string | Uint8Array; found?: boolean }
  | { name: string; bytes: Uint8Array }
  /** A stream that ends because `signal` was given is not cut short. */
  | { name: string; stream: AsyncIterable<Uint8Array>; signal?: AbortSignal }
  /** An interface that has been opened (live.ts). */
  | { name: string; live: LiveInput };

/** Flows remember captures by 16 bits. */
export const MAX_CAPTURES = 65_536;
