/**
 * V8 gives objects with the same properties one type. An object literal that begins with a spread may get a type of its
 * own each time, and then every function that reads such objects searches anew (docs/speed.md).
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { generateFile } from '../bench/traffic/generate.ts';
import { PROFILES } from '../bench/traffic/traffic.ts';

/** Dependencies build up to 200 in one line while they are loaded. The capture has 900 connections that are reset. */
const MOST = 400;

test('no line of the program builds a type of object for each finding', () => {
  const folder = mkdtempSync(join(tmpdir(), 'pawscope-types-'));
  try {
    const capture = join(folder, 'troubled.pcap');
    generateFile({ ...PROFILES.troubled, packets: 100_000, connections: 10_000 }, capture);
    const log = join(folder, 'maps.log');
    const flags = ['--log-maps', '--no-logfile-per-isolate', `--logfile=${log}`];
    const program = fileURLToPath(new URL('../../bin/pawscope.js', import.meta.url));
    const options = ['--workers', '0', '--quiet', '--no-config', '--db', ':memory:'];
    execFileSync(process.execPath, [...flags, program, 'analyze', ...options, capture]);
    const types = new Map<string, number>();
    for (const line of readFileSync(log, 'utf8').split('\n')) {
      const [event, change, , , , , row, column] = line.split(',');
      if (event !== 'map') continue;
      const place = `${change} at ${row}:${column} of the joined module`;
      types.set(place, (types.get(place) ?? 0) + 1);
    }
    assert.ok(types.size > 100, 'types were logged');
    assert.deepEqual(
      [...types].filter(([, count]) => count > MOST),
      [],
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
});
