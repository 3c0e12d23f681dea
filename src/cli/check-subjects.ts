/**
 * Finds what `check` compares: captures and their goldens, by name. The golden of `x.pcap`, and of `x.pcapng.gz`, is
 * `x.findings.json` beside it. A folder with a golden beside it is one rotated capture; its files are also compared
 * separately if they have goldens of their own.
 */
import { lstatSync } from 'node:fs';
import { basename, relative, resolve, sep } from 'node:path';
import { CaptureError } from '../base/errors.ts';
import type { Input } from '../capture/capture-info.ts';
import { UsageError } from './exit.ts';
import { existing, isCapture, matching, namesIn, naturalOrder, type Path, pathOf, STDIN, statOf } from './inputs.ts';

export interface Subject {
  /**
   * Relative to the working directory if the file is below it, so that no output depends on where a checkout is;
   * otherwise as given.
   */
  name: string;
  /** One capture, or those of a folder in order; empty for a golden without a capture. */
  inputs: Input[];
  golden: Path;
  goldenName: string;
}

const GOLDEN = '.findings.json';
/**
 * The part of a capture's name that its golden's name leaves out. Files numbered by `tcpdump -C` (x.pcap1) keep the
 * whole name.
 */
const EXTENSION = /\.(pcap|pcapng|cap|dmp|ntar)(\.(gz|zst|lz4|xz))?$/i;

export async function findSubjects(names: readonly string[]): Promise<Subject[]> {
  const subjects = new Map<string, Subject>();
  for (const given of names.length > 0 ? names : ['.']) {
    if (given === STDIN) throw new UsageError('standard input has no golden beside it; name files or folders');
    for (const subject of statOf(given)?.isDirectory() ? searched(given) : await named(given)) {
      const key = identity(subject.golden);
      const other = subjects.get(key);
      if (other && resolve(other.name) !== resolve(subject.name)) {
        throw new UsageError(`${other.name} and ${subject.name} would share ${subject.goldenName}; rename one of them`);
      }
      subjects.set(key, subject);
    }
  }
  return [...subjects.values()];
}

async function named(given: string): Promise<Subject[]> {
  return (await matching(given)).map(path => {
    if (existing(path).isFile()) return captureSubject(path);
    throw new CaptureError(nameOf(path), 'is not a file, so there can be no golden beside it');
  });
}

function searched(folder: string): Subject[] {
  const found = [...below(folder)];
  if (found.length > 0) return found;
  throw new CaptureError(nameOf(folder), 'there is no capture in this folder or below it');
}

function* below(folder: Path): Generator<Subject> {
  const { captures, goldens, folders } = contents(folder);
  const set = captures.length > 0 ? goldenOfFolder(folder) : undefined;
  const isSet = set !== undefined && isFile(set);
  const subjects = captures.map(captureSubject);
  if (isSet) {
    const parts = subjects.flatMap(({ inputs }) => inputs);
    yield { name: `${nameOf(folder)}/`, inputs: parts, golden: set, goldenName: nameOf(set) };
  }
  for (const subject of subjects) if (!isSet || isFile(subject.golden)) yield subject;
  const sets = folders.filter(inner => contents(inner).captures.length > 0).map(goldenOfFolder);
  const known = new Set([...subjects.map(({ golden }) => golden), ...sets].map(identity));
  for (const golden of goldens) {
    if (known.has(identity(golden))) continue;
    yield { name: nameOf(golden), inputs: [], golden, goldenName: nameOf(golden) };
  }
  for (const inner of folders) yield* below(inner);
}

/** The content of a folder, each list in natural order. Links to folders are not followed: they may lead back up. */
function contents(folder: Path): { captures: Path[]; goldens: Path[]; folders: Path[] } {
  const paths = namesIn(folder).map(name => pathOf(folder, name));
  paths.sort((a, b) => naturalOrder(String(a), String(b)));
  const files = paths.filter(isFile);
  return {
    captures: files.filter(path => !isGolden(path) && isCapture(path)),
    goldens: files.filter(isGolden),
    folders: paths.filter(path => !isForeign(path) && lstatSync(path).isDirectory()),
  };
}

const isFile = (path: Path): boolean => statOf(path)?.isFile() === true;
const isGolden = (path: Path): boolean => String(path).endsWith(GOLDEN);
/** Files and folders of git, editors and other packages. */
const isForeign = (path: Path): boolean => /^\.|^node_modules$/.test(basename(String(path)));

const captureSubject = (path: Path): Subject => {
  const name = nameOf(path);
  const golden = bytewise(path, text => text.replace(EXTENSION, '') + GOLDEN);
  return { name, inputs: [{ name, path }], golden, goldenName: nameOf(golden) };
};

function goldenOfFolder(folder: Path): Path {
  if (typeof folder !== 'string') return bytewise(folder, text => text + GOLDEN);
  const given = folder.replace(/\/+$/, '');
  // `.` and `..` do not say the folder's name; its full path does.
  return (/^\.{0,2}$/.test(basename(given)) ? resolve(folder) : given) + GOLDEN;
}

function nameOf(path: Path): string {
  const seen = relative('', String(path));
  return seen === '..' || seen.startsWith(`..${sep}`) ? String(path) : seen || '.';
}

const identity = (path: Path): string => (typeof path === 'string' ? resolve(path) : path.toString('latin1'));

/** Changes ASCII characters of a path and keeps all other bytes, also of a name that is not UTF-8. */
const bytewise = (path: Path, change: (text: string) => string): Path =>
  typeof path === 'string' ? change(path) : Buffer.from(change(path.toString('latin1')), 'latin1');
