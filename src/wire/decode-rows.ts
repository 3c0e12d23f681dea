/**
 * Decodes all rows of a slab that belong to one shard into segments, in one call. native/decode-rows.c does the same
 * where the addon is loaded; the TypeScript here defines the behaviour, and tests hold the two equal.
 */
import { SALT } from '../base/salt.ts';
import { addon, bound, type Native } from '../capture/native.ts';
import { SCOPE_IPV6, type Slab } from '../capture/slab.ts';
import { decode, decodeIPv6Hosts } from './decode.ts';
import { fingerprint, hashTuple } from './fingerprint.ts';
import type { Hosts } from './hosts.ts';
import { Segment } from './segment.ts';
import type { Segments } from './segments.ts';

const IPV6 = SCOPE_IPV6;

/** Appends to `segments`; returns the number of rows with an impossible TCP header. */
export type DecodeRows = (
  slab: Slab,
  rows: number,
  capture: number,
  shard: number,
  hosts: Hosts,
  segments: Segments,
) => number;

const segment = new Segment();

export const decodeRowsInTypeScript: DecodeRows = (slab, rows, capture, shard, hosts, segments) => {
  let bad = 0;
  for (let row = 0; row < rows; row++) {
    if (slab.shard[row] !== shard) continue;
    if (decode(slab, row, capture, hosts, segment)) segments.push(segment);
    else bad++;
  }
  return bad;
};

/** Results of a native call: rows in `segments` now, rows with an impossible header, IPv6 rows. */
const result = new Uint32Array(3);

export const decodeRowsWith =
  (native: Native): DecodeRows =>
  (slab, rows, capture, shard, hosts, segments) => {
    segments.reserve(rows);
    const { words, count } = segments;
    native.decodeRows(bound(native, slab.columns), rows, capture, shard, SALT, words, count, result);
    segments.count = result[0];
    if (result[2] > 0) nameHosts(slab, hosts, segments, count);
    return result[1];
  };

/** Gives the IPv6 hosts of rows from `from` on their numbers: the addon has no access to the table of hosts. */
function nameHosts(slab: Slab, hosts: Hosts, segments: Segments, from: number): void {
  for (let row = from; row < segments.count; row++) {
    segments.load(row, segment);
    if ((segment.scope & IPV6) === 0) continue;
    decodeIPv6Hosts(slab.view, segment.src, hosts, segment);
    hashTuple(segment);
    fingerprint(segment);
    segments.store(row, segment);
  }
}

export const decodeRows: DecodeRows = addon === undefined ? decodeRowsInTypeScript : decodeRowsWith(addon);
