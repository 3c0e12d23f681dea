/** All generated fixtures. `npm run fixtures` writes them. */
import { captures } from './situations/captures.ts';
import { healthy } from './situations/healthy.ts';
import { links } from './situations/links.ts';
import { nat } from './situations/nat.ts';
import { paws } from './situations/paws.ts';
import { resets } from './situations/resets.ts';
import { reuse } from './situations/reuse.ts';
import type { Situation } from './situations/situation.ts';
import { syns } from './situations/syns.ts';

export const situations: readonly Situation[] = [
  ...nat,
  ...reuse,
  ...resets,
  ...paws,
  ...syns,
  ...healthy,
  ...captures,
  ...links,
];
