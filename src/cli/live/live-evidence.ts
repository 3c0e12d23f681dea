/**
 * Writes the packets of a live run to files (`-w`), and notes in the database which files, where `slice` looks for
 * them.
 */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { CaptureNote } from '../../capture/capture-info.ts';
import { linkTypeName } from '../../capture/link/link.ts';
import type { LiveSession } from '../../capture/live/live.ts';
import type { LiveSource } from '../../capture/live/live-source.ts';
import { Ring } from '../../capture/live/ring.ts';
import { isTimedName } from '../../capture/live/timed-name.ts';
import { UsageError } from '../exit.ts';
import type { LiveCommandOptions } from '../options.ts';
import type { User } from './privileges.ts';

type Say = (sentences: readonly string[]) => void;

/** Undefined without -w. `user`: the owner of the files, who continues to write them once root has been given up. */
export function keepEvidence(options: LiveCommandOptions, user: User | undefined, say: Say): Evidence | undefined {
  const { db, write, fileSize, rotateSeconds, fileCount } = options;
  if (write === undefined) {
    const lonely = fileSize !== undefined ? '-C' : rotateSeconds !== undefined ? '-G' : fileCount && '-W';
    if (lonely) throw new UsageError(`${lonely} needs -w, whose files it is about`);
    return undefined;
  }
  if (write === '-') throw new UsageError('-w: packets cannot be written to standard output; name a file');
  if (fileSize !== undefined && rotateSeconds !== undefined)
    throw new UsageError('-C and -G cannot be combined; give one');
  if (fileSize === undefined && rotateSeconds === undefined && fileCount !== undefined) {
    throw new UsageError('-W needs -C or -G, which say when a new file is started');
  }
  if (rotateSeconds !== undefined && !isTimedName(write)) {
    const text = 'of %Y %m %d %H %M %S %s %F %T %j, so that files have names of their own';
    throw new UsageError(`-G needs the time in the name of -w, ${text}: -w %F-%H%M%S.pcap`);
  }
  if (write === '') throw new UsageError('-w: the name of the file is empty; is a variable not set?');
  if (resolve(write) === resolve(db)) {
    throw new UsageError(`-w and --db both name ${write}; packets and findings need a file each`);
  }
  refuseUnwritable(dirname(resolve(write)), user);
  return new Evidence(write, options, user, say);
}

function refuseUnwritable(folder: string, user: User | undefined): void {
  if (!existsSync(folder)) {
    throw new UsageError(`-w: the folder ${folder} does not exist; create it, or name a file elsewhere`);
  }
  if (user !== undefined) {
    const { uid, gid } = user;
    // Asks the system, as that user, because access lists count too.
    const { status } = spawnSync('test', ['-w', folder, '-a', '-x', folder], { uid, gid, cwd: '/', stdio: 'ignore' });
    if (status === 0) return;
    const text = `${user.name}, who writes it once root is given up, may not write in ${folder}`;
    throw new UsageError(`-w: ${text}; name another folder, or another user with -Z`);
  }
  try {
    accessSync(folder, constants.W_OK | constants.X_OK);
  } catch {
    throw new UsageError(`-w: you may not write in ${folder}; name a file elsewhere`);
  }
}

export class Evidence {
  private readonly path: string;
  private readonly options: LiveCommandOptions;
  private readonly owner: User | undefined;
  private readonly say: Say;
  private ring: Ring | undefined;
  /**
   * The source that caused the latest write, by its own packets or because packets of other interfaces waited for its
   * time. Notes go to it: it is certain to be read again.
   */
  private source: LiveSource | undefined;

  constructor(path: string, options: LiveCommandOptions, owner: User | undefined, say: Say) {
    this.path = path;
    this.options = options;
    this.owner = owner;
    this.say = say;
  }

  /**
   * Creates the first file; call it before capturing begins. If it throws, a UsageError or PawscopeError, it has closed
   * the session.
   */
  open(session: LiveSession): void {
    try {
      this.create(session);
    } catch (error) {
      session.close();
      throw error;
    }
  }

  /** Number of packets that could not be written so far. */
  get lost(): number {
    return this.ring?.missing ?? 0;
  }

  /** Why packets cannot be written at the moment, as one sentence; empty if they can. */
  get troubles(): string[] {
    const why = this.ring?.trouble;
    return why === undefined ? [] : [`${why}; packets are not kept`];
  }

  write(records: Uint8Array, source: LiveSource): void {
    this.source = source;
    this.ring?.write(records);
  }

  close(): void {
    this.ring?.close();
  }

  /** Closes the files of a run that failed, and leaves none if it captured nothing. */
  discard(): void {
    this.ring?.discard();
  }

  private create(session: LiveSession): void {
    const { sources } = session;
    const [first] = sources;
    const other = sources.find(({ linkType }) => linkType !== first!.linkType);
    if (other !== undefined) {
      const kinds = [first!, other].map(({ name, linkType }) => `${name}, ${linkTypeName(linkType)},`).join(' and ');
      throw new UsageError(
        `-w: ${kinds} have different link types, which one pcap file cannot hold; run live for each`,
      );
    }
    const { fileSize, rotateSeconds, fileCount, snapshotLength } = this.options;
    const { say } = this;
    const place: CaptureNote = { kind: 'evidence', text: '', files: [] };
    let loss: CaptureNote | undefined;
    this.ring = new Ring(
      {
        path: this.path,
        linkType: first!.linkType,
        snaplen: snapshotLength,
        ...(fileSize === undefined ? {} : { bytes: fileSize }),
        ...(rotateSeconds === undefined ? {} : { seconds: rotateSeconds }),
        ...(fileCount === undefined ? {} : { count: fileCount }),
        ...(this.owner && { owner: this.owner }),
        changed(files) {
          place.files = [...files];
          place.text = `packets are kept in ${placeText(files)}`;
        },
        lost: (packets, why) => {
          if (loss === undefined) {
            say([`${why}; capturing goes on, but packets are not written for now`]);
            // Noted once, on one source: all interfaces share the files.
            loss = { kind: 'evidence-lost', text: '' };
            this.source?.note(loss);
          }
          loss.count = packets;
          loss.text = packets === 0 ? why : `${packets} packets could not be kept: ${why}`;
        },
        ended: () => session.stop(),
      },
      Math.floor(Date.now() / 1e3),
    );
    for (const source of sources) source.note(place);
  }
}

/**
 * `files` begins with the oldest. Both ends are named because the names of a ring that has wrapped do not show the
 * order.
 */
const placeText = (files: readonly string[]): string =>
  files.length === 1
    ? files[0]
    : `${files.length} files, of which ${files[0]} is the oldest and ${files.at(-1)} the newest`;
