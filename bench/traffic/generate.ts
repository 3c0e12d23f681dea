/** Generates the capture of a traffic piece by piece or as a file. The same traffic gives the same bytes. */
import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { concurrent } from './concurrent.ts';
import { Connections } from './connections.ts';
import { flood } from './flood.ts';
import { type Format, FrameWriter, type Write } from './frames.ts';
import { problemWith, type Traffic } from './traffic.ts';

/** 2026-11-21T07:02:07Z: capture time 0. */
const START = 1_795_244_527;

export interface Generated {
  packets: number;
  bytes: number;
}

/** `write` receives pieces that are valid only during the call. Throws a RangeError for impossible traffic. */
export function generate(traffic: Traffic, write: Write, format: Format = 'pcap'): Generated {
  refuseImpossible(traffic);
  const out = new FrameWriter(write, traffic.snapLength, START, format);
  if (traffic.mode === 'flood') flood(traffic, out);
  else if (traffic.mode === 'concurrent') concurrent(traffic, out);
  else new Connections(traffic, out).run();
  out.flush();
  return { packets: out.packets, bytes: out.bytes };
}

function refuseImpossible(traffic: Traffic): void {
  const problem = problemWith(traffic);
  if (problem !== undefined) throw new RangeError(problem);
}

export const STDOUT = '-';

export function generateFile(traffic: Traffic, path: string, format: Format = 'pcap'): Generated {
  // Before the file is opened: a capture of that name would be emptied.
  refuseImpossible(traffic);
  mkdirSync(dirname(path), { recursive: true });
  // Not process.stdout, which would make the descriptor non-blocking.
  const file = path === STDOUT ? 1 : openSync(path, 'w');
  try {
    return generate(
      traffic,
      bytes => {
        for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
      },
      format,
    );
  } finally {
    if (path !== STDOUT) closeSync(file);
  }
}
