/** The commands that show the packets of a finding in tshark (4.0 and later, where sets are written with commas). */
import type { CaptureRow, PacketRow } from '../store/rows.ts';
import { printable } from './printable.ts';

/** One command for each capture that has some of the packets, in their order. */
export function tsharkCommands(packets: readonly PacketRow[], captures: readonly CaptureRow[]): string[] {
  const frames = new Map<number, Set<number>>();
  for (const { capture_id, frame } of packets) {
    const set = frames.get(capture_id) ?? new Set<number>();
    frames.set(capture_id, set.add(frame));
  }
  // A live capture has no file to read.
  const isLive = (id: number): boolean => captures.find(c => c.id === id)?.format === 'live';
  return [...frames]
    .filter(([id]) => !isLive(id))
    .map(([id, set]) => {
      const capture = captures.find(c => c.id === id);
      const filter = `'frame.number in {${[...set].sort((a, b) => a - b).join(', ')}}'`;
      if (!capture || capture.source === '-')
        return `tshark -r - -Y ${filter}   # the capture that was read from a pipe`;
      // tshark reads gzip, zstd and lz4 itself, but not xz.
      if (capture.format.startsWith('xz+')) return `xz -dc ${shellFile(capture.source)} | tshark -r - -Y ${filter}`;
      return `tshark -r ${shellFile(capture.source)} -Y ${filter}`;
    });
}

/** A file name quoted as one shell word that no tool takes for an option. */
export function shellFile(path: string): string {
  const name = path.startsWith('-') ? `./${path}` : path;
  if (/^[\w./:@%+,=-]+$/.test(name)) return name;
  // $'…' of bash and zsh is the only way to write a control character that is safe to paste.
  if (printable(name) !== name) return `$'${printable(name.replace(/[\\']/g, '\\$&'))}'`;
  return `'${name.replaceAll("'", "'\\''")}'`;
}
