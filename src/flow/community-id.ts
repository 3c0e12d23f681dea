/** Community ID v1 of a flow (seed 0), the key by which Zeek, Suricata and Arkime name the same connection. */
import { createHash } from 'node:crypto';
import { SCOPE_IPV6 } from '../capture/slab.ts';
import type { Hosts } from '../wire/hosts.ts';
import type { Flow } from './flow.ts';

const PROTOCOL_TCP = 6;

/** Community ID v1 with seed 0: SHA-1 over seed, addresses, protocol and ports, the smaller endpoint first. */
export function communityId(hosts: Hosts, flow: Flow): string {
  const size = (flow.scope & SCOPE_IPV6) === 0 ? 4 : 16;
  const ends = [false, true].map(isB => {
    const words = new Int32Array(4);
    hosts.copyWords(flow.host(isB), flow.scope, words, 0);
    const bytes = Buffer.alloc(size + 2);
    for (let i = 0; i < size / 4; i++) bytes.writeInt32BE(words[i], i * 4);
    bytes.writeUInt16BE(flow.port(isB), size);
    return bytes;
  });
  ends.sort(Buffer.compare);
  const [low, high] = ends as [Buffer, Buffer];
  const sum = createHash('sha1')
    .update(Buffer.from([0, 0]))
    .update(low.subarray(0, size))
    .update(high.subarray(0, size))
    .update(Buffer.from([PROTOCOL_TCP, 0]))
    .update(low.subarray(size))
    .update(high.subarray(size))
    .digest('base64');
  return `1:${sum}`;
}
