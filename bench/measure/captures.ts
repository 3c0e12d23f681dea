/** The captures that are measured: where they are, and how they are made. */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Format } from '../traffic/frames.ts';
import { generateFile } from '../traffic/generate.ts';
import { PROFILES, type Profile } from '../traffic/traffic.ts';

/** The repository, relative to dist/bench/measure/. */
export const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
export const PAWSCOPE = join(ROOT, 'bin/pawscope.js');
export const DATA = join(ROOT, 'bench/data');
const RESULTS = join(DATA, 'results.json');

export const pathOf = (profile: Profile, format: Format = 'pcap'): string => join(DATA, `${profile}.${format}`);

/** The capture of a profile, made when it is missing. */
export function captureOf(profile: Profile, format: Format = 'pcap'): string {
  const path = pathOf(profile, format);
  if (!existsSync(path)) {
    process.stderr.write(`generating ${path}\n`);
    // It gets its name only when it is complete.
    generateFile(PROFILES[profile], `${path}.part`, format);
    renameSync(`${path}.part`, path);
  }
  return path;
}

/** Stores a bench's results with those of the others, and with the machine on which they were measured. */
export function keepResults(name: string, results: object, path = RESULTS): void {
  mkdirSync(dirname(path), { recursive: true });
  const all: Record<string, unknown> = existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : {};
  const machine = { node: process.version, cpu: cpus()[0]?.model, cores: availableParallelism() };
  all[name] = { measured: new Date().toISOString(), machine, ...results };
  writeFileSync(path, `${JSON.stringify(all, null, 2)}\n`);
}
