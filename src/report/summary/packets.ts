/**
 * The packets that prove a finding, as a table: one line per packet, the client on the left. If a line would be wider
 * than the terminal, notes are put below their packets, as a table whose lines are broken is unreadable.
 */
import type { CaptureRow, FindingRow, PacketRow } from '../../store/rows.ts';
import { columns, wrap } from '../columns.ts';
import { printable } from '../printable.ts';

const HEADER = ['frame', 'seconds', '', 'flags', 'seq', 'ack', 'TSval', 'TSecr', 'len', 'note'];
const ALIGN = ['right', 'right', 'left', 'left', 'right', 'right', 'right', 'right', 'right', 'left'] as const;

/** Seconds count from the first frame of the packet's capture, as in tshark. */
export function packetLines(
  finding: FindingRow,
  captures: readonly CaptureRow[],
  indent: string,
  width: number,
): string[] {
  const several = new Set(finding.packets.map(p => p.capture_id)).size > 1;
  const rows = finding.packets.map(packet => {
    const capture = captures.find(c => c.id === packet.capture_id);
    return packetCells(packet, capture, several);
  });
  const whole = columns([HEADER, ...rows], ALIGN, indent);
  if (whole.every(line => line.length <= width)) return whole;
  const [header, ...lines] = columns(
    [HEADER, ...rows].map(row => row.slice(0, -1)),
    ALIGN,
    indent,
  );
  return [header, ...lines.flatMap((line, i) => [line, ...wrap(rows[i].at(-1)!, width, `${indent}      `)])];
}

function packetCells(packet: PacketRow, capture: CaptureRow | undefined, several: boolean): string[] {
  const since = packet.ts_ns - (capture?.first_ns ?? packet.ts_ns);
  const note = printable(packet.note);
  return [
    String(packet.frame),
    secondsText(since),
    packet.from_client ? '→' : '←',
    packet.flags || '-',
    String(packet.seq),
    String(packet.ack),
    packet.tsval === null ? '-' : String(packet.tsval),
    packet.tsecr === null ? '-' : String(packet.tsecr),
    String(packet.length),
    several && capture ? `${note} (in ${printable(capture.source)})` : note,
  ];
}

/** Seconds with nine decimals, exact: after a week a double would lose the last ones. */
function secondsText(ns: bigint): string {
  const size = ns < 0n ? -ns : ns;
  return `${ns < 0n ? '-' : ''}${size / 1_000_000_000n}.${String(size % 1_000_000_000n).padStart(9, '0')}`;
}
