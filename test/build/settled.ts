/** The findings of a pcap file that must have been reported by a given time, whatever comes after it. */
import { readFileSync } from 'node:fs';
import { DEFAULT_MAX_FLOWS, DEFAULT_PORT_RANGE, DEFAULT_TIME_WAIT } from '../../src/base/limits.ts';
import { SECOND } from '../../src/base/time.ts';
import { Reader } from '../../src/capture/reader.ts';
import { Slab } from '../../src/capture/slab.ts';
import type { Finding } from '../../src/detect/finding.ts';
import { detectors } from '../../src/detect/index.ts';
import { Shard } from '../../src/shard/shard.ts';
import { Locator } from '../../src/wire/locate.ts';
import { Paced } from './paced.ts';

const FILE_HEADER = 24;
const RECORD_HEADER = 16;

/** Longest time that a live run may take from a packet to the finding, in seconds. */
const SOON = 1.9;
/** In seconds: never within a test. */
const JUDGE_EVERY = 3_600;

/** `path` is a little-endian nanosecond pcap file; `until` is in milliseconds since the epoch. */
export async function settledFindings(path: string, until: number): Promise<Finding[]> {
  const { bytes } = upTo(readFileSync(path), until);
  if (bytes.length <= FILE_HEADER) return [];
  const reader = await Reader.open([{ name: path, live: new Paced(new Uint8Array(bytes), SOON) }], new Locator());
  try {
    const shard = new Shard({
      shard: 0,
      origin: reader.origin,
      maxFlows: DEFAULT_MAX_FLOWS,
      timeWait: DEFAULT_TIME_WAIT * SECOND,
      flows: false,
      rules: detectors.map(({ meta }) => meta.id),
      maxFindings: 10_000,
      portRange: DEFAULT_PORT_RANGE,
      judgeEvery: JUDGE_EVERY * SECOND,
    });
    const slab = new Slab();
    const standing = new Map<string, Finding>();
    for (;;) {
      const batch = await reader.fill(slab, 1);
      // Neither finish() nor the last batch: findings reported because the capture ends need not come earlier.
      if (batch === null || batch.limit === Number.POSITIVE_INFINITY) return [...standing.values()];
      const { findings, stories } = shard.take(slab, batch);
      for (const id of stories?.gone ?? []) standing.delete(id);
      for (const finding of [...findings, ...(stories?.fresh ?? [])]) standing.set(finding.id, finding);
    }
  } finally {
    reader.close();
  }
}

/** Number of packets in such a file that were captured up to `until`. */
export const packetsUpTo = (path: string, until: number): number => upTo(readFileSync(path), until).packets;

/** The frames captured up to `until`, without an incomplete record at the end of the file. */
function upTo(bytes: Buffer, until: number): { bytes: Buffer; packets: number } {
  let end = FILE_HEADER;
  let packets = 0;
  while (end + RECORD_HEADER <= bytes.length) {
    const at = bytes.readUInt32LE(end) * 1e3 + bytes.readUInt32LE(end + 4) / 1e6;
    const next = end + RECORD_HEADER + bytes.readUInt32LE(end + 8);
    if (at > until || next > bytes.length) break;
    end = next;
    packets++;
  }
  return { bytes: bytes.subarray(0, end), packets };
}
