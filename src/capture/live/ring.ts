/**
 * Writes the packets of a live capture to a series of files, which are named, begun and replaced as by tcpdump's -w,
 * -C, -G and -W. Only files written by this run are ever replaced. Errors of the disk are counted and reported, never
 * thrown.
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
import { basename, dirname, resolve } from 'node:path';
import { PawscopeError } from '../../base/errors.ts';
import { reasonOf } from '../../base/system-errors.ts';
import { nanosecondHeader } from '../format/pcap-header.ts';
import { FILE_HEADER, LITTLE, recordEnd, TS_SEC } from '../format/pcap-layout.ts';
import { timedName } from './timed-name.ts';

export interface RingOptions {
  path: string;
  linkType: number;
  /** Bytes captured of each frame at most. */
  snaplen: number;
  /** The next file begins when one exceeds this many bytes. */
  bytes?: number;
  /** The next file begins this many seconds after the last one began; each is named after its time. */
  seconds?: number;
  /** With `bytes`: number of files kept at most. With `seconds`: number of files after which recording ends. */
  count?: number;
  /** The user who writes the files after root has been given up: files that root creates are given to that user. */
  owner?: { uid: number; gid: number };
  /** The list of files has changed. */
  changed(files: readonly string[]): void;
  /** Packets could not be written: how many in all so far, and why. */
  lost(packets: number, why: string): void;
  /** The last of `count` files is complete. */
  ended(): void;
}

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants;
const OWNER_ONLY = 0o600;

export class Ring {
  /** Absolute paths of the existing files, the oldest first. */
  files: string[] = [];
  /** Packets that could not be written. */
  missing = 0;
  /** Why the last packets could not be written; undefined if they were. */
  trouble: string | undefined;
  private readonly options: RingOptions;
  private readonly path: string;
  /** Device and inode of the files written by this run, by path. */
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

  /** `records` are whole records of a nanosecond pcap in this machine's byte order. */
  write(records: Uint8Array): void {
    const view = new DataView(records.buffer, records.byteOffset, records.byteLength);
    let from = 0;
    let packets = 0;
    for (let at = 0; at < records.length; packets++) {
      const s = view.getUint32(at + TS_SEC, LITTLE);
      // A file that could not be created is tried again, under the name for the current time.
      if (this.fd === undefined) this.startedS = s;
      if (this.isDue(this.size + at - from, s)) {
        this.append(records.subarray(from, at), packets);
        from = at;
        packets = 0;
        this.next(s);
      }
      at = recordEnd(view, at);
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
      // A network file system may report only on close that written data could not be stored.
      this.report(whyNot(name, error));
    }
  }

  /**
   * Like `close`, but removes the first file if no packet has come: a run that could not start would keep the next one,
   * which never overwrites a file, from starting.
   */
  discard(): void {
    const name = this.fd !== undefined && this.opened === 1 && this.size === FILE_HEADER ? this.name() : undefined;
    this.close();
    if (name === undefined || this.own.get(name) !== identity(name)) return;
    try {
      unlinkSync(name);
    } catch {
      // It stays where root has been given up and only its owner may remove it.
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
      // `append` tries again with the next packets, and counts them as lost if that fails too.
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
      // The next packets are tried again.
      if (this.fd !== undefined) cutOff(this.fd, this.size);
      else if ((error as NodeJS.ErrnoException).code === 'EEXIST') this.opened++;
      this.missing += packets;
      this.report(why);
    }
  }

  private report(why: string): void {
    this.trouble = why;
    this.options.lost(this.missing, why);
  }

  /** Begins the file again if it was removed: nobody could read what is written to a file without a name. */
  private leaveRemoved(): void {
    if (this.fd === undefined || fstatSync(this.fd).nlink > 0) return;
    // Some file systems do not count links: check by the name.
    if (identity(this.name()) !== undefined) return;
    this.close();
    this.opened--;
  }

  /** Name of the file being written; if there is none, of the next one. */
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

  /** Throws if a file exists already whose name the series would reach later. */
  private refuseTaken(): void {
    const base = basename(this.path);
    const folder = dirname(this.path);
    const taken = readdirSync(folder).find(name => name.startsWith(base) && /^\d*$/.test(name.slice(base.length)));
    if (taken !== undefined) throw new PawscopeError(`-w: ${resolve(folder, taken)} already exists; ${ADVICE}`);
  }
}

const ADVICE = 'choose another name or move it away (only files of this run are replaced)';

function whyNot(file: string, error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'EEXIST' ? `${file} already exists; ${ADVICE}` : `${file} cannot be written: ${reasonOf(error)}`;
}

function identity(path: string): string | undefined {
  const found = lstatSync(path, { throwIfNoEntry: false });
  return found && `${found.dev} ${found.ino}`;
}

/** Cuts off a record that was written in part; if that fails too, the next record overwrites it. */
function cutOff(fd: number, size: number): void {
  try {
    ftruncateSync(fd, size);
  } catch {
    // The error of the write itself is reported.
  }
}

/** Writes at an explicit position, which an earlier write that failed has not moved. */
function writeAll(fd: number, bytes: Uint8Array, place: number): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at, bytes.length - at, place + at);
}
