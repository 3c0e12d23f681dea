/** Counts the packets of a capture. */
import { Reader } from '../../src/capture/reader.ts';
import { Slab } from '../../src/capture/slab.ts';
import { Locator } from '../../src/wire/locate.ts';

export async function countPackets(path: string): Promise<number> {
  const reader = await Reader.open([{ name: path, path }], new Locator());
  try {
    const slab = new Slab();
    while ((await reader.fill(slab, 1)) !== null);
    return reader.frames;
  } finally {
    reader.close();
  }
}
