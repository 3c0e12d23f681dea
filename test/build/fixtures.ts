/** The fixtures for tests: inputs to analyse, each with a golden next to it. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Input } from '../../src/capture/capture-info.ts';
import type { Finding } from '../../src/detect/finding.ts';

const FOLDER = fileURLToPath(new URL('../../../fixtures', import.meta.url));
const CAPTURE = /\.(pcap|pcapng)(\.(gz|zst|lz4|xz))?$/;

export interface Fixture {
  /** Path within the folder: of a capture, or of a folder that is one rotated set. */
  name: string;
  /** The capture, or the set's captures in order of their names. */
  inputs: Input[];
  golden: string;
}

/** Every capture, including those in folders, and every folder as a set. */
export function fixtures(): Fixture[] {
  const found: Fixture[] = [];
  for (const entry of readdirSync(FOLDER, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (entry.isDirectory()) {
      const parts = captures(entry.name);
      found.push(fixture(entry.name, parts), ...parts.map(part => fixture(part, [part])));
    } else if (CAPTURE.test(entry.name)) found.push(fixture(entry.name, [entry.name]));
  }
  return found;
}

const captures = (folder: string): string[] =>
  readdirSync(join(FOLDER, folder))
    .filter(name => CAPTURE.test(name))
    .sort()
    .map(name => `${folder}/${name}`);

const fixture = (name: string, parts: readonly string[]): Fixture => ({
  name,
  inputs: parts.map(part => ({ name: part, path: join(FOLDER, part) })),
  golden: join(FOLDER, `${name.replace(CAPTURE, '')}.findings.json`),
});

/** Bytes of the fixture's first capture. */
export function bytesOf(fixture: Fixture): Uint8Array {
  const [input] = fixture.inputs;
  if (input === undefined || !('path' in input)) throw new Error(`${fixture.name} has no capture`);
  return readFileSync(input.path as string);
}

/** The fixture of that name, or one sentence that says it is missing. */
export function fixtureNamed(name: string): Fixture {
  const found = fixtures().find(f => f.name === name);
  if (found === undefined) throw new Error(`fixtures/${name} is missing; write it with: npm run fixtures`);
  return found;
}

/** Rules with findings in a fixture's golden; undefined when there is no golden. */
export const goldenRules = (fixture: Fixture): Set<string> | undefined =>
  existsSync(fixture.golden)
    ? new Set((JSON.parse(readFileSync(fixture.golden, 'utf8')) as Finding[]).map(f => f.rule))
    : undefined;

/** The evidence of a rule's findings in a fixture's golden. */
export const goldenEvidence = (fixture: Fixture, rule: string): Finding['evidence'][] =>
  existsSync(fixture.golden)
    ? (JSON.parse(readFileSync(fixture.golden, 'utf8')) as Finding[]).filter(f => f.rule === rule).map(f => f.evidence)
    : [];
