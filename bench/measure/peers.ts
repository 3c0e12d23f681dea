/**
 * The programs that pawscope is compared with, as Debian packages them. Slow ones get only the beginning of a capture
 * and fewer runs, which their name in the table says. A shorter capture is in their favour, as their tables stay small.
 */
import { accessSync, closeSync, constants, existsSync, openSync, readSync, writeSync } from 'node:fs';
import { basename, delimiter, join } from 'node:path';
import { FILE_HEADER } from '../../src/capture/format/pcap-layout.ts';
import { walkerFor } from '../../src/capture/head.ts';
import { Frames } from '../../src/capture/walker.ts';
import { DATA } from './captures.ts';

export interface Peer {
  command: string;
  /** What the measured command does. */
  label: string;
  arguments(capture: string, packets: number): readonly string[];
  slow: boolean;
}

export const PEERS = {
  tcpdump: { command: 'tcpdump', label: 'tcpdump -w /dev/null', arguments: copy, slow: false },
  softflowd: { command: 'softflowd', label: 'softflowd, unbounded', arguments: flows, slow: false },
  argus: { command: 'argus', label: 'argus', arguments: capture => ['-r', capture, '-w', '/dev/null'], slow: false },
  tcptrace: { command: 'tcptrace', label: 'tcptrace -n -q', arguments: capture => ['-n', '-q', capture], slow: true },
  tshark: { command: 'tshark', label: 'tshark -z conv,tcp', arguments: conversations, slow: true },
} as const satisfies Record<string, Peer>;
export type PeerName = keyof typeof PEERS;

function copy(capture: string): readonly string[] {
  return ['-r', capture, '-w', '/dev/null'];
}

/** Options for a flow table in which no flow must make room for another, in the foreground, without a socket. */
function flows(capture: string, packets: number): readonly string[] {
  return ['-r', capture, '-m', String(packets), '-d', '-c', 'none'];
}

function conversations(capture: string): readonly string[] {
  return ['-q', '-z', 'conv,tcp', '-r', capture];
}

/** Whether the command is in PATH. Not tested by running it: some start to capture when called with --version. */
export function isInstalled(command: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some(folder => {
    try {
      accessSync(join(folder, command), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Number of packets that a slow peer gets. */
export const PREFIX = 1_000_000;

/** A file, made only once, with the first packets of a pcap. */
export function prefixOf(capture: string, packets: number): string {
  const path = join(DATA, `${basename(capture)}.first-${packets}`);
  if (!existsSync(path)) copyFirst(capture, path, packets);
  return path;
}

const BUFFER = 8 << 20;

function copyFirst(from: string, to: string, packets: number): void {
  const input = openSync(from, 'r');
  const output = openSync(to, 'w');
  const bytes = new Uint8Array(BUFFER);
  const view = new DataView(bytes.buffer);
  const frames = new Frames();
  readSync(input, bytes, 0, FILE_HEADER, 0);
  writeSync(output, bytes, 0, FILE_HEADER);
  const walker = walkerFor(bytes.subarray(0, FILE_HEADER), 0);
  for (let left = packets, position = FILE_HEADER; left > 0; ) {
    const filled = readSync(input, bytes, 0, BUFFER, position);
    let end = 0;
    while (left > 0) {
      const next = walker.walk(view, end, filled, frames);
      if (next === end || next > filled) break;
      end = frames.count > left ? frames.record[left] : next;
      left -= Math.min(left, frames.count);
    }
    if (end === 0) break;
    for (let at = 0; at < end; ) at += writeSync(output, bytes, at, end - at);
    position += end;
  }
  closeSync(input);
  closeSync(output);
}
