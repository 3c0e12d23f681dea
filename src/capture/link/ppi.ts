/** Per-packet information (LINKTYPE_PPI): fields to skip, then a frame with its own link type. */

import { Skip } from '../slab.ts';
import type { Cursor } from './cursor.ts';
import { LinkType, stripLink } from './link.ts';

const LENGTH = 2;
const LINK_TYPE = 4;
const MIN_HEADER = 8;

export function ppi(c: Cursor): number {
  if (!c.has(MIN_HEADER)) return c.missing(MIN_HEADER);
  const size = c.view.getUint16(c.at + LENGTH, true);
  const linkType = c.view.getUint32(c.at + LINK_TYPE, true);
  if (size < MIN_HEADER || linkType === LinkType.PPI) return -Skip.BAD_HEADER;
  if (!c.has(size)) return c.missing(size);
  c.at += size;
  const network = stripLink(c, linkType);
  // The capture's link type, PPI, is supported: an unsupported one inside concerns only this frame.
  return network === -Skip.UNSUPPORTED_LINK_TYPE ? -Skip.NOT_IP : network;
}
