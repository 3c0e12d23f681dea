/**
 * `pawscope slice`: extracts the packets of a finding's connections from the captures that its run read. The
 * connections are those of the packets that prove the finding: a finding that sums up many gives only those that it
 * shows.
 */
import { existsSync } from 'node:fs';
import { CaptureError, PawscopeError } from '../base/errors.ts';
import { reasonOf } from '../base/system-errors.ts';
import { type CapturedFrame, captureFile } from '../capture/format/pcap-writer.ts';
import { walkFrames } from '../capture/frame-walk.ts';
import { Skip, Slab } from '../capture/slab.ts';
import { counted } from '../report/words.ts';
import { close, openForReading } from '../store/database.ts';
import { guarded } from '../store/failures.ts';
import { readCaptures, readFindingsById } from '../store/reader.ts';
import type { CaptureRow, FindingRow, PacketRow } from '../store/rows.ts';
import { Locator } from '../wire/locate.ts';
import { TcpHeader } from '../wire/tcp.ts';
import { blocks, writeWhole } from './atomic-file.ts';
import { keptIn, refuseOverwriting } from './capture-files.ts';
import { Exit, UsageError } from './exit.ts';
import { oneFinding } from './one-finding.ts';
import { say, write } from './output.ts';
import { tupleOf } from './tuple-key.ts';

export interface SliceOptions {
  db: string;
  output: string;
  /** Seconds. */
  margin: number;
}

const ID = /^[0-9a-f]{4,16}$/i;
const SECOND = 1_000_000_000n;
/** Most bytes of frames that are held in memory, to be sorted by time. */
const MAX_BYTES = 512 << 20;
/** Memory of a frame in addition to its bytes. */
const FRAME_COST = 256;

export async function slice(word: string, options: SliceOptions): Promise<number> {
  if (!ID.test(word)) throw new UsageError(`${word} is not a finding's id, nor 4 or more of its first digits`);
  if (options.output === '-' && process.stdout.isTTY) {
    throw new UsageError('packets would go to the terminal; name a file: -o out.pcap');
  }
  const { finding, captures } = read(word.toLowerCase(), options.db);
  const proved = captures.filter(({ id }) => finding.packets.some(({ capture_id }) => capture_id === id));
  if (proved.length === 0) throw new PawscopeError(`${finding.id} has no packets that could be written`);
  const slicer = new Slicer(finding, options.margin, originOf(captures));
  const reaching = captures.filter(capture => slicer.reaches(capture));
  refuseOverwriting(options.output, options.db, captures);
  for (const capture of reaching) refuseUnreadable(capture);
  for (const capture of proved) if (capture.format !== 'live') await slicer.findTuples(capture);
  const kept = proved.filter(({ format }) => format === 'live');
  const missing = kept.length === 0 ? 0 : await slicer.findKept(kept, captures);
  // A set, because the interfaces of a live run share their files.
  for (const file of new Set(reaching.flatMap(keptIn))) if (isStillThere(file)) await slicer.take(file);
  const { frames, damaged } = slicer;
  frames.sort((a, b) => (a.ns < b.ns ? -1 : a.ns > b.ns ? 1 : 0));
  await writeTo(options.output, captureFile(frames));
  say([...damaged].map(name => `${name} is damaged or cut short; everything before that was read`));
  if (missing > 0) {
    say([
      `${counted(missing, 'packet')} of those that prove it ${missing === 1 ? 'is' : 'are'} ${absence(captures)}; the rest was written`,
    ]);
  }
  return damaged.size > 0 || missing > 0 ? Exit.DAMAGED : Exit.DONE;
}

/**
 * False for a file of a ring that has been replaced meanwhile; other captures that are gone have been refused before.
 */
const isStillThere = (file: string): boolean => existsSync(file);

/** Why packets of a live run are not in its files, as far as the run knows. */
function absence(captures: readonly CaptureRow[]): string {
  const loss = captures.flatMap(({ note }) => note).find(({ kind }) => kind === 'evidence-lost');
  return `no longer in the files${loss === undefined ? '' : `, or never were (${loss.text})`}`;
}

function read(prefix: string, path: string): { finding: FindingRow; captures: CaptureRow[] } {
  const db = openForReading(path);
  try {
    return guarded(path, () => {
      const finding = oneFinding(readFindingsById(db, prefix), path, prefix);
      return { finding, captures: readCaptures(db, [finding.run_id]) };
    });
  } finally {
    close(db);
  }
}

function refuseUnreadable(capture: CaptureRow): void {
  const { source, format } = capture;
  if (format === 'live') {
    const files = keptIn(capture);
    if (files.some(isStillThere)) return;
    const text = files.length === 0 ? 'its packets were not kept (live -w keeps them)' : `${files[0]} is gone`;
    throw new PawscopeError(`${source} was captured live, and ${text}`);
  }
  if (source === '-')
    throw new PawscopeError(
      'standard input was read, and its packets were not kept; analyse them from a file (tee writes one) to extract them',
    );
  if (existsSync(source)) return;
  const text = 'there is no such file; relative paths count from the folder where the run was started: run slice there';
  throw new CaptureError(source, text);
}

/** A whole second, as base/time.ts has it. */
function originOf(captures: readonly CaptureRow[]): bigint {
  const first = captures.reduce<bigint | null>(
    (a, { first_ns: b }) => (a === null || (b !== null && b < a) ? b : a),
    null,
  );
  return first === null ? 0n : first - (first % SECOND);
}

class Slicer {
  readonly frames: CapturedFrame[] = [];
  /** Names of files that could not be read to their end. */
  readonly damaged = new Set<string>();
  private readonly finding: FindingRow;
  private readonly origin: number;
  private readonly fromNs: bigint;
  private readonly toNs: bigint;
  private readonly slab = new Slab();
  private readonly locator = new Locator();
  private readonly tuples = new Set<string>();
  private readonly runOrigin: bigint;
  private bytes = 0;

  /** `runOrigin`: what the run counted its times from. */
  constructor(finding: FindingRow, margin: number, runOrigin: bigint) {
    this.finding = finding;
    this.runOrigin = runOrigin;
    const times = finding.packets.map(({ ts_ns }) => ts_ns);
    const first = times.reduce((a, b) => (b < a ? b : a), finding.first_ns);
    const last = times.reduce((a, b) => (b > a ? b : a), finding.last_ns);
    this.origin = Number(first / SECOND);
    this.fromNs = first - BigInt(margin) * SECOND;
    this.toNs = last + BigInt(margin) * SECOND;
  }

  reaches({ first_ns, last_ns }: CaptureRow): boolean {
    return first_ns !== null && last_ns !== null && first_ns <= this.toNs && last_ns >= this.fromNs;
  }

  /**
   * Finds the tuples of the packets that prove the finding by their frame numbers. Throws if one of those frames is now
   * another packet.
   */
  async findTuples({ id, source }: CaptureRow): Promise<void> {
    const packets = this.finding.packets.filter(({ capture_id }) => capture_id === id);
    const byFrame = new Map(packets.map(packet => [packet.frame, packet]));
    const { slab, locator } = this;
    await walkFrames(source, this.origin, slab, (frames, i, number) => {
      const packet = byFrame.get(number);
      if (packet === undefined || this.storedTime(frames.at[i]) !== packet.ts_ns) return;
      const { linkType, start, end, length } = frames;
      if (locator.locate(slab, 0, linkType[i], start[i], end[i], length[i], 1) !== Skip.NONE) return;
      if (slab.view.getUint32(slab.tcpAt[0] + TcpHeader.SEQ) !== packet.seq) return;
      this.tuples.add(tupleOf(slab, 0));
      byFrame.delete(number);
    });
    const [missing] = byFrame.keys();
    if (missing === undefined) return;
    const text = `frame ${missing} is not the packet that ${this.finding.id} has there; the capture has changed since`;
    throw new CaptureError(source, text);
  }

  /**
   * The same for the files of a live run, by time and sequence number: its frames are numbered across files and
   * interfaces. Returns how many packets are not there; throws if none is.
   */
  async findKept(captures: readonly CaptureRow[], all: readonly CaptureRow[]): Promise<number> {
    const ids = new Set(captures.map(({ id }) => id));
    const wanted = new Set(this.finding.packets.filter(({ capture_id }) => ids.has(capture_id)).map(placeOf));
    const times = new Set(this.finding.packets.map(({ ts_ns }) => ts_ns));
    const { slab, locator } = this;
    for (const file of new Set(captures.flatMap(keptIn))) {
      if (wanted.size === 0) break;
      if (!isStillThere(file)) continue;
      await walkFrames(file, this.origin, slab, (frames, i) => {
        const ts_ns = this.storedTime(frames.at[i]);
        if (!times.has(ts_ns)) return;
        const { linkType, start, end, length } = frames;
        if (locator.locate(slab, 0, linkType[i], start[i], end[i], length[i], 1) !== Skip.NONE) return;
        const seq = slab.view.getUint32(slab.tcpAt[0] + TcpHeader.SEQ);
        if (wanted.delete(placeOf({ ts_ns, seq }))) this.tuples.add(tupleOf(slab, 0));
      });
    }
    if (this.tuples.size > 0) return wanted.size;
    throw new PawscopeError(`the packets of ${this.finding.id} are ${absence(all)}`);
  }

  async take(source: string): Promise<void> {
    const { slab, locator, tuples, fromNs, toNs } = this;
    const whole = await walkFrames(source, this.origin, slab, (frames, i) => {
      const ns = this.timeOf(frames.at[i]);
      if (ns < fromNs || ns > toNs) return;
      const linkType = frames.linkType[i];
      const start = frames.start[i];
      const end = frames.end[i];
      const length = frames.length[i];
      if (locator.locate(slab, 0, linkType, start, end, length, 1) !== Skip.NONE || !tuples.has(tupleOf(slab, 0)))
        return;
      this.keep({ ns, linkType, bytes: slab.bytes.slice(start, end), length });
    });
    if (!whole) this.damaged.add(source);
  }

  private keep(frame: CapturedFrame): void {
    this.bytes += frame.bytes.length + FRAME_COST;
    if (this.bytes > MAX_BYTES) {
      throw new PawscopeError(`the packets of ${this.finding.id} take more than 512 MiB; ask for less with --margin`);
    }
    this.frames.push(frame);
  }

  /** As the run stored it: 104 days from its origin it no longer counted single nanoseconds (base/time.ts). */
  private storedTime(at: number): bigint {
    return this.runOrigin + BigInt(Number(this.timeOf(at) - this.runOrigin));
  }

  private timeOf(at: number): bigint {
    return BigInt(this.origin) * SECOND + BigInt(Math.round(at));
  }
}

const placeOf = ({ ts_ns, seq }: Pick<PacketRow, 'ts_ns' | 'seq'>): string => `${ts_ns} ${seq}`;

async function writeTo(file: string, parts: Iterable<Uint8Array>): Promise<void> {
  if (file === '-') {
    for (const block of blocks(parts)) await write(process.stdout, block.slice());
    return;
  }
  try {
    writeWhole(file, parts);
  } catch (error) {
    throw new PawscopeError(`${file}: the packets cannot be written: ${reasonOf(error)}`);
  }
}
