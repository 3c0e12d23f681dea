/** Reads captures through the reader and the locator, and says in words what stands in the rows. */
import { formatIPv4, formatIPv6 } from '../../src/base/address.ts';
import { epochNanos } from '../../src/base/time.ts';
import type { CaptureInfo, Input } from '../../src/capture/capture-info.ts';
import { Reader } from '../../src/capture/reader.ts';
import { type Batch, SCOPE_IPV6, SKIPS, type SkipReason, Slab } from '../../src/capture/slab.ts';
import { Locator } from '../../src/wire/locate.ts';
import { flagLetters } from '../../src/wire/tcp.ts';
import type { Frame } from '../build/packet.ts';
import { pcap } from '../build/pcap.ts';

export interface Row {
  capture: number;
  frame: number;
  /** Nanoseconds since the epoch. */
  at: bigint;
  /** `192.0.2.1:40000 > 198.51.100.80:80 S` */
  text: string;
  /** Segment length on the wire, TCP header included. */
  length: number;
  /** Captured bytes of it. */
  captured: number;
  /** VLAN and tunnel stack without the IPv6 bit. */
  scope: number;
  shard: number;
}

export interface Outcome {
  origin: number;
  rows: Row[];
  batches: Batch[];
  captures: readonly CaptureInfo[];
  frames: number;
  skipped: Partial<Record<SkipReason, number>>;
}

export const bytesOf = (bytes: Uint8Array, name = 'test.pcap'): Input => ({ name, bytes });

/** A stream that gives the bytes in pieces of `size`. */
export async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

export async function read(inputs: readonly Input[], shards = 1): Promise<Outcome> {
  const reader = await Reader.open(inputs, new Locator());
  const slab = new Slab();
  const rows: Row[] = [];
  const batches: Batch[] = [];
  try {
    for (let batch: Batch | null; (batch = await reader.fill(slab, shards)) !== null; ) {
      batches.push(batch);
      for (let i = 0; i < batch.rows; i++) rows.push(rowOf(slab, i, batch.capture, reader.origin));
    }
  } finally {
    reader.close();
  }
  const skipped: Outcome['skipped'] = {};
  for (const [code, count] of reader.skipped.entries()) if (count > 0) skipped[SKIPS[code]] = count;
  return { origin: reader.origin, rows, batches, captures: reader.captures, frames: reader.frames, skipped };
}

/** One capture of these bytes. */
export const readBytes = (bytes: Uint8Array): Promise<Outcome> => read([bytesOf(bytes)]);

/** One pcap of these frames. */
export const readFrames = (frames: readonly Frame[]): Promise<Outcome> => readBytes(pcap(frames));

function rowOf(slab: Slab, i: number, capture: number, origin: number): Row {
  const { view } = slab;
  const ip = slab.ipAt[i];
  const tcp = slab.tcpAt[i];
  const ipv6 = (slab.scope[i] & SCOPE_IPV6) !== 0;
  const word = (at: number): number => view.getUint32(ip + at);
  const address = (at: number): string =>
    ipv6 ? `[${formatIPv6(word(at), word(at + 4), word(at + 8), word(at + 12))}]` : formatIPv4(word(at));
  const [source, destination] = ipv6 ? [address(8), address(24)] : [address(12), address(16)];
  const [from, to] = [view.getUint16(tcp), view.getUint16(tcp + 2)];
  return {
    capture,
    frame: slab.frame[i],
    at: epochNanos(origin, slab.at[i]),
    text: `${source}:${from} > ${destination}:${to} ${flagLetters(slab.bytes[tcp + 13])}`,
    length: slab.length[i],
    captured: slab.end[i] - tcp,
    scope: slab.scope[i] & ~SCOPE_IPV6,
    shard: slab.shard[i],
  };
}
