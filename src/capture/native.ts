/**
 * The addon (native/): libpcap for live capture and filters, and faster C versions of some TypeScript code. Everything
 * except live capture and filters works without it. The packaged binary is tried first, then the one compiled here.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { PawscopeError } from '../base/errors.ts';
import { packageUrl } from '../base/module-url.ts';

/** Opaque references to an open interface and to a compiled filter. */
export type Handle = { readonly handle: unique symbol };
export type Program = { readonly program: unique symbol };
/** Opaque references to memory bound to the addon, columns or a tracker's tables, to be kept alive with them. */
export type BoundColumns = { readonly columns: unique symbol };
export type BoundTracker = { readonly tracker: unique symbol };
/** Opaque reference to a thread that reads a file ahead. */
export type HeaderReading = { readonly reading: unique symbol };

export interface Device {
  name: string;
  description: string;
  /** PCAP_IF_ bits. */
  flags: number;
  addresses: string[];
}

export interface HandleState {
  /** All packets before this time, nanoseconds since the epoch, are in the first `delivered` slots; 0: not known. */
  settled: bigint;
  /** Number of slots delivered so far. */
  delivered: number;
  /** Packets dropped because the kernel's ring was full, and packets dropped by the network card or its driver. */
  dropped: number;
  interfaceDropped: number;
  /** When those two counters were read, in nanoseconds since the epoch; 0 before that. */
  counted: bigint;
}

/** Delivers a slot with its bytes and packets; or -1 and why the capture ended, empty if it was stopped on request. */
export type Deliver = (slot: number, bytes: number | string, packets: number) => void;

/** What `restAlone` works in; the names are known to native/lone-syns.c. */
export interface LoneMemory {
  /** The queue of SYNs that wait (flow/tables/time-queue.ts). */
  times: Float64Array;
  values: Int32Array;
  /** The records of flows, their index and the free ones (flow/tables/flow-table.ts). */
  flows: Int32Array;
  index: Int32Array;
  free: Int32Array;
  /** The records of host pairs and their index (flow/tables/pairs.ts). */
  pairs: Int32Array;
  pairIndex: Int32Array;
  /** The rows of lone SYNs and their index (flow/tables/lone-syns.ts). */
  rows: Int32Array;
  loneIndex: Int32Array;
  counts: Int32Array;
}

/** What the addon follows segments in: the memory of a tracker. */
export interface TrackerMemory {
  segments: Int32Array;
  /** The records of flows, their index and the free ones (flow/tables/flow-table.ts). */
  flows: Int32Array;
  index: Int32Array;
  free: Int32Array;
  /** The records of host pairs and their index (flow/tables/pairs.ts). */
  pairs: Int32Array;
  pairIndex: Int32Array;
  /** The index of lone SYNs (flow/tables/lone-syns.ts). */
  loneIndex: Int32Array;
  /** Duplicates: the entries, the newest one of each chain, and the number of the next entry and of all. */
  entries: Int32Array;
  heads: Int32Array;
  ring: Int32Array;
  /** Wheel: first and last record of each list; the hand, and the number of records in its slots and in later lists. */
  first: Int32Array;
  last: Int32Array;
  wheel: Float64Array;
  timeWait: number;
  lingering: number;
  salt: number;
}

/** The addon's functions. Errors have a `code`: libpcap, filter, no-device, permission, down, capture. */
export interface Native {
  version(): string;
  interfaces(): Device[];
  /** IFF_ flags; undefined if there is no such interface. */
  interfaceFlags(name: string): number | undefined;
  /** `linkType` is a DLT_ number, as returned by `open`. */
  compile(filter: string, linkType: number): Program;
  match(
    program: Program,
    bytes: Uint8Array,
    starts: Uint32Array,
    ends: Uint32Array,
    lengths: Uint32Array,
    count: number,
    verdicts: Uint8Array,
  ): void;
  open(
    device: string,
    filter: string,
    snaplen: number,
    bufferSize: number,
    promiscuous: boolean,
    immediate: boolean,
    slots: readonly Uint8Array[],
    deliver: Deliver,
  ): { handle: Handle; linkType: number };
  begin(handle: Handle): void;
  release(handle: Handle, slot: number): void;
  state(handle: Handle): HandleState;
  stop(handle: Handle): void;
  close(handle: Handle): void;
  becomeUser(name: string, uid: number, gid: number, keepRaw: boolean): void;
  /** `wait`: wait while the service manager's queue is full. */
  notify(address: string, state: string, wait: boolean): void;
  /** Whether the reader of the pipe behind this descriptor has closed it (native/pipe.c). */
  isReaderGone(fd: number): boolean;
  /** See native/locate-plain.c and wire/locate.ts. `columns` are those of a slab or of frames. */
  bindColumns(columns: readonly ArrayBufferView[]): BoundColumns;
  locatePlain(
    frames: BoundColumns,
    count: number,
    clock: number,
    firstNumber: number,
    shards: number,
    slab: BoundColumns,
    firstRow: number,
  ): number;
  /** See native/decode-rows.c and wire/decode-rows.ts. */
  decodeRows(
    slab: BoundColumns,
    rows: number,
    capture: number,
    shard: number,
    salt: number,
    records: Int32Array,
    count: number,
    result: Uint32Array,
  ): void;
  /** See native/tracker.c and flow/bound-memory.ts. */
  bindTracker(memory: TrackerMemory): BoundTracker;
  /** See native/look-ahead.c and flow/follower.ts. */
  lookAhead(tracker: BoundTracker, from: number, to: number, freeCount: number): void;
  lookAtFlows(
    bases: Int32Array,
    count: number,
    index: Int32Array,
    flows: Int32Array,
    pairs: Int32Array,
    salt: number,
  ): void;
  /** See native/follow.c and flow/follower.ts. */
  follow(tracker: BoundTracker, from: number, to: number, due: number, epoch: number, withheld: number): number;
  /** See native/lone-syns.c and flow/tables/lone-syns.ts. */
  restAlone(memory: LoneMemory, from: number, count: number, salt: number): number;
  /** See native/headers.c and headers-file.ts. Undefined when no thread can be started. */
  readHeaders(file: number, fileHeader: Uint8Array): HeaderReading | undefined;
  takeHeaders(reading: HeaderReading, target: Uint8Array, at: number, limit: number, progress: Float64Array): number;
  giveBackHeaders(reading: HeaderReading, count: number): boolean;
  closeHeaders(reading: HeaderReading): void;
  /** See native/memory.c and flow/tables/flow-table.ts. */
  populate(words: Int32Array, from: number, count: number): void;
  discard(words: Int32Array, from: number, count: number): void;
}

export const ADDON_PLACES = [`prebuilds/${process.platform}-${process.arch}/pawscope.node`, 'build/pawscope.node'].map(
  place => fileURLToPath(packageUrl(import.meta.url, `native/${place}`)),
);

let loaded: Native | undefined;

/** The addon; throws an error that says what to do when it or libpcap is missing. `purpose` begins its sentence. */
export function native(purpose: string): Native {
  loaded ??= load(purpose);
  try {
    loaded.version();
  } catch (error) {
    throw new PawscopeError(
      `${purpose} needs libpcap: ${(error as Error).message} (Debian and Ubuntu: apt install libpcap0.8; ` +
        'Fedora, RHEL, Alpine and Arch: the package libpcap)',
    );
  }
  return loaded;
}

function load(purpose: string): Native {
  const problems: string[] = [];
  for (const place of ADDON_PLACES) {
    if (!existsSync(place)) {
      problems.push(`there is no ${place}`);
      continue;
    }
    try {
      return createRequire(import.meta.url)(place) as Native;
    } catch (error) {
      problems.push(`${place} does not load (${(error as Error).message})`);
    }
  }
  const build = fileURLToPath(packageUrl(import.meta.url, 'native/build.cjs'));
  throw new PawscopeError(
    `${purpose} needs the capture addon: ${problems.join(', ')}; "node ${build}" builds it, if there is a C compiler`,
  );
}

/** The addon for what TypeScript can also do; undefined when it is missing or must not be used for that. */
export const addon: Native | undefined = process.env.PAWSCOPE_DECODE === 'typescript' ? undefined : ifThere();

function ifThere(): Native | undefined {
  try {
    loaded ??= load('');
    return loaded;
  } catch {
    return undefined;
  }
}

/** Bindings by columns: slabs, and the frames of a capture, are reused many times. */
const bindings = new WeakMap<readonly ArrayBufferView[], BoundColumns>();

/** The binding of these columns, made when first requested. */
export function bound({ bindColumns }: Native, columns: readonly ArrayBufferView[]): BoundColumns {
  const known = bindings.get(columns);
  if (known !== undefined) return known;
  const made = bindColumns(columns);
  bindings.set(columns, made);
  return made;
}

const DLT_RAW = 12;
const LINKTYPE_RAW = 101;

/** Of the supported link types, only raw IP has a DLT_ number (libpcap) that differs from its LINKTYPE_ (files). */
export const fileLinkType = (dlt: number): number => (dlt === DLT_RAW ? LINKTYPE_RAW : dlt);
export const deviceLinkType = (linkType: number): number => (linkType === LINKTYPE_RAW ? DLT_RAW : linkType);
