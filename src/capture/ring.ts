/**
 * The packets of a live capture in files that follow one another, named, begun and replaced as tcpdump's -w, -C, -G and
 * -W have it. Only files that it has written itself are ever replaced. Trouble with the disk is counted, never thrown.
 */
import {
  closeSync,
  constants,
  fchownSync,
  fstatSync,
  ftruncateSync,
  lstatSync,
  openSync,
  readdirSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { endianness } from 'node:os';
import { basename, dirname, resolve } from 'node:path';
import { PawscopeError } from '../base/errors.ts';
import { reasonOf } from '../base/system-errors.ts';
import { nanosecondHeader } from './pcap-header.ts';
import { timedName } from './timed-name.ts';

export interface RingOptions {
  path: string;
  linkType: number;
  /** Bytes of each frame. */
  snaplen: number;
  /** A file larger than so many bytes is followed by another. */
  bytes?: number;
  /** So many seconds after its beginning a file is followed by another, whose name is of that time. */
  seconds?: number;
  /** With `bytes`: files that there are at most. With `seconds`: files after which it ends. */
  count?: number;
  /** Who writes the files once root has been given up: those that root creates become his. */
  owner?: { uid: number; gid: number };
  /** The files have changed. */
  changed(files: readonly string[]): void;
  /** Packets could not be written: how many so far, and why. */
  lost(packets: number, why: string): void;
  /** The last of `count` files is over. */
  ended(): void;
}

/** Fields of a record's header, and its size. */
const CAPTURED = 8;
const RECORD_HEADER = 16;
const LITTLE = endianness() === 'LE';
const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants;
const OWNER_ONLY = 0o600;

export class Ring {
  /** Absolute paths, the oldest first. */
  files: string[] = [];
  /** Packets that could not be written. */
  missing = 0;
  /** Why the last ones could not, unless they were. */
  trouble: string | undefined;
  private readonly options: RingOptions;
  private readonly path: string;
  /** What was written here, by path: device and inode. */
  private readonly own = new Map<string, string>();
  private fd: number | undefined;
  private size = 0;
  private opened = 0;
  private startedS: number;
  private over = false;

  /** `nowS`: seconds since the epoch. Throws a PawscopeError when the first file cannot be created. */
  constructor(options: RingOptions, nowS: number) {
    this.options = options;
    this.path = resolve(options.path);
    this.startedS = nowS;
    try {
      if (options.bytes !== undefined) this.refuseTaken();
      this.open();
    } catch (error) {
      if (error instanceof PawscopeError) throw error;
      throw new PawscopeError(`-w: ${whyNot(this.name(), error)}`);
    }
  }

  /** Whole records of a nanosecond pcap in this machine's byte order. */
  write(records: Uint8Array): void {
    const view = new DataView(records.buffer, records.byteOffset, records.byteLength);
    let from = 0;
    let packets = 0;
    for (let at = 0; at < records.length; packets++) {
      const s = view.getUint32(at, LITTLE);
      // A file that could not be begun is tried again under the name of the time that it is.
      if (this.fd === undefined) this.startedS = s;
      if (this.isDue(this.size + at - from, s)) {
        this.append(records.subarray(from, at), packets);
        from = at;
        packets = 0;
        this.next(s);
      }
      at += RECORD_HEADER + view.getUint32(at + CAPTURED, LITTLE);
    }
    this.append(records.subarray(from), packets);
  }

  close(): void {
    if (this.fd === undefined) return;
    const name = this.name();
    const { fd } = this;
    this.fd = undefined;
    try {
      closeSync(fd);
    } catch (error) {
      // A network file system may say only now that it could not keep what was written.
      this.tell(whyNot(name, error));
    }
  }

  private isDue(size: number, s: number): boolean {
    const { bytes = Number.POSITIVE_INFINITY, seconds = Number.POSITIVE_INFINITY } = this.options;
    return this.fd !== undefined && (size > bytes || s - this.startedS >= seconds);
  }

  private next(s: number): void {
    const { seconds, count } = this.options;
    this.close();
    this.startedS = s;
    if (seconds !== undefined && count !== undefined && this.opened >= count) {
      this.over = true;
      this.options.ended();
      return;
    }
    try {
      this.open();
    } catch {
      // The packets that come first try again, and are counted if that fails too.
    }
  }

  private append(bytes: Uint8Array, packets: number): void {
    if (bytes.length === 0 || this.over) return;
    try {
      this.leaveRemoved();
      if (this.fd === undefined) this.open();
      writeAll(this.fd!, bytes, this.size);
      this.size += bytes.length;
      this.trouble = undefined;
    } catch (error) {
      const why = whyNot(this.name(), error);
      // What comes next is tried again.
      if (this.fd !== undefined) cutOff(this.fd, this.size);
      else if ((error as NodeJS.ErrnoException).code === 'EEXIST') this.opened++;
      this.missing += packets;
      this.tell(why);
    }
  }

  private tell(why: string): void {
    this.trouble = why;
    this.options.lost(this.missing, why);
  }

  /** What is written into a file that has no name any more nobody will ever read: it is begun again. */
  private leaveRemoved(): void {
    if (this.fd === undefined || fstatSync(this.fd).nlink > 0) return;
    // A file system may not count names.
    if (identity(this.name()) !== undefined) return;
    this.close();
    this.opened--;
  }

  /** Of the file that is written, or else of the next one. */
  private name(): string {
    const { path } = this;
    const { bytes, seconds, count } = this.options;
    const number = this.fd === undefined ? this.opened : this.opened - 1;
    if (seconds !== undefined) return timedName(path, this.startedS);
    if (bytes !== undefined && count !== undefined) {
      return path + String(number % count).padStart(String(count - 1).length, '0');
    }
    return number === 0 ? path : path + number;
  }

  private open(): void {
    const name = this.name();
    const written = this.own.get(name);
    if (written !== undefined && written === identity(name)) unlinkSync(name);
    this.files = this.files.filter(file => file !== name);
    const fd = openSync(name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, OWNER_ONLY);
    const header = nanosecondHeader(this.options.linkType, this.options.snaplen);
    const { dev, ino, uid } = fstatSync(fd);
    this.own.set(name, `${dev} ${ino}`);
    try {
      const { owner } = this.options;
      if (owner !== undefined && owner.uid !== uid) fchownSync(fd, owner.uid, owner.gid);
      writeAll(fd, header, 0);
    } catch (error) {
      closeSync(fd);
      unlinkSync(name);
      throw error;
    }
    this.fd = fd;
    this.size = header.length;
    this.opened++;
    this.files.push(name);
    this.options.changed(this.files);
  }

  /** A later file must not meet one that was there before. */
  private refuseTaken(): void {
    const base = basename(this.path);
    const folder = dirname(this.path);
    const taken = readdirSync(folder).find(name => name.startsWith(base) && /^\d*$/.test(name.slice(base.length)));
    if (taken !== undefined) throw new PawscopeError(`-w: ${resolve(folder, taken)} exists already; ${ADVICE}`);
  }
}

const ADVICE = 'only files of this run are replaced, so name another or move it away';

function whyNot(file: string, error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'EEXIST' ? `${file} exists already; ${ADVICE}` : `${file} cannot be written: ${reasonOf(error)}`;
}

function identity(path: string): string | undefined {
  const found = lstatSync(path, { throwIfNoEntry: false });
  return found && `${found.dev} ${found.ino}`;
}

/** No record is left half written; where not even that can be done, the next one is written over it. */
function cutOff(fd: number, size: number): void {
  try {
    ftruncateSync(fd, size);
  } catch {
    // Why nothing can be written is told.
  }
}

/** At a place of the file, which what failed before has not moved. */
function writeAll(fd: number, bytes: Uint8Array, place: number): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at, bytes.length - at, place + at);
}
