/**
 * What `check` compares: captures with their goldens, found by name. The golden of `x.pcap`, and of `x.pcapng.gz`, is
 * `x.findings.json` beside it; a folder with a golden beside it is one rotated capture, whose parts are compared
 * alone too where they have goldens of their own.
 */
import { lstatSync } from 'node:fs';
import { basename, relative, resolve, sep } from 'node:path';
import { CaptureError } from '../base/errors.ts';
import type { Input } from '../capture/capture-info.ts';
import { UsageError } from './exit.ts';
import { existing, isCapture, look, matching, namesIn, naturalOrder, type Path, pathOf, STDIN } from './inputs.ts';

export interface Subject {
  /**
   * As seen from the folder one is in, where it lies below that: nothing that is told depends on where a checkout lies.
   * Elsewhere as it was given.
   */
  name: string;
  /** One, or those of a folder in order; none where a golden was left behind. */
  inputs: Input[];
  golden: Path;
  goldenName: string;
}

const GOLDEN = '.findings.json';
/** Left away in the name of the golden. What `tcpdump -C` numbers (x.pcap1) keeps its whole name. */
const EXTENSION = /\.(pcap|pcapng|cap|dmp|ntar)(\.(gz|zst|lz4|xz))?$/i;

export async function findSubjects(names: readonly string[]): Promise<Subject[]> {
  const subjects = new Map<string, Subject>();
  for (const given of names.length > 0 ? names : ['.']) {
    if (given === STDIN) throw new UsageError('standard input has no golden beside it; name files or folders');
    for (const subject of look(given)?.isDirectory() ? searched(given) : await named(given)) {
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
    throw new CaptureError(nameOf(path), 'it is no file, so no golden can lie beside it');
  });
}

function searched(folder: string): Subject[] {
  const found = [...below(folder)];
  if (found.length > 0) return found;
  throw new CaptureError(nameOf(folder), 'neither the folder nor one below it holds a capture');
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

/** Each in natural order. Links to folders are not followed: they may lead back up. */
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

const isFile = (path: Path): boolean => look(path)?.isFile() === true;
const isGolden = (path: Path): boolean => String(path).endsWith(GOLDEN);
/** Of git, of an editor, of other packages. */
const isForeign = (path: Path): boolean => /^\.|^node_modules$/.test(basename(String(path)));

const captureSubject = (path: Path): Subject => {
  const name = nameOf(path);
  const golden = bytewise(path, text => text.replace(EXTENSION, '') + GOLDEN);
  return { name, inputs: [{ name, path }], golden, goldenName: nameOf(golden) };
};

function goldenOfFolder(folder: Path): Path {
  if (typeof folder !== 'string') return bytewise(folder, text => text + GOLDEN);
  const given = folder.replace(/\/+$/, '');
  // The folder one is in has a name only in full.
  return (/^\.{0,2}$/.test(basename(given)) ? resolve(folder) : given) + GOLDEN;
}

function nameOf(path: Path): string {
  const seen = relative('', String(path));
  return seen === '..' || seen.startsWith(`..${sep}`) ? String(path) : seen || '.';
}

const identity = (path: Path): string => (typeof path === 'string' ? resolve(path) : path.toString('latin1'));

/** Changes ASCII in a path and leaves the other bytes of a name that is no UTF-8 as they are. */
const bytewise = (path: Path, change: (text: string) => string): Path =>
  typeof path === 'string' ? change(path) : Buffer.from(change(path.toString('latin1')), 'latin1');
