/** Linux cooked captures (LINKTYPE_LINUX_SLL, LINKTYPE_LINUX_SLL2), from `any` and interfaces without a link layer. */
import type { Cursor } from './cursor.ts';
import { etherType } from './ethernet.ts';

const SLL_PROTOCOL = 14;
const SLL_HEADER = 16;
const SLL2_PROTOCOL = 0;
const SLL2_HEADER = 20;

export const sll = (c: Cursor): number => cooked(c, SLL_PROTOCOL, SLL_HEADER);
export const sll2 = (c: Cursor): number => cooked(c, SLL2_PROTOCOL, SLL2_HEADER);

/** Both versions have a protocol field with an ethertype, or 4 for LLC; the rest of the header is not needed. */
function cooked(c: Cursor, protocol: number, size: number): number {
  if (!c.has(size)) return c.missing(size);
  const type = c.view.getUint16(c.at + protocol);
  c.at += size;
  return etherType(c, type);
}
