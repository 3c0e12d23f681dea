/** ARCNET as Linux captures it (LINKTYPE_ARCNET_LINUX): IPv4 by RFC 1051, or by RFC 1201 with a longer header. */

import { Skip } from '../slab.ts';
import { type Cursor, Network } from './cursor.ts';

const PROTOCOL = 4;
const RFC1051_IP = 240;
const RFC1201_IP = 212;
const RFC1051_HEADER = 5;
const RFC1201_HEADER = 8;

export function arcnet(c: Cursor): number {
  if (!c.has(RFC1051_HEADER)) return c.missing(RFC1051_HEADER);
  const protocol = c.bytes[c.at + PROTOCOL];
  if (protocol !== RFC1051_IP && protocol !== RFC1201_IP) return -Skip.NOT_IP;
  const size = protocol === RFC1051_IP ? RFC1051_HEADER : RFC1201_HEADER;
  if (!c.has(size)) return c.missing(size);
  c.at += size;
  return Network.IPV4;
}
