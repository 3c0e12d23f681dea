/**
 * The packets of a finding as a ladder: client left, server right, time from top to bottom, relative to the packet that
 * raised it. The old connection's arrows are broken lines, the raising packet's is a heavy one; a long silence breaks
 * the time axis. Numbers that decide stand between asterisks, with or without colour.
 */
import { duration, SECOND } from '../../base/time.ts';
import type { CaptureRow, FindingRow, PacketRow } from '../../store/rows.ts';
import { wrap } from '../columns.ts';
import { printable } from '../printable.ts';
import type { TextStyle } from '../summary.ts';
import { endpoint } from '../words.ts';
import type { Decision, Field } from './decision.ts';
import { type Era, type Eras, raisedBy } from './eras.ts';

/** A silence this long is drawn as a break. */
const BREAK_NS = 500_000_000n;
/** Wider lanes only move the ends apart. */
const MAX_LANE = 92;
const MARKED = /\*\d+\*/g;

const LINE: Readonly<Record<Era, string>> = { old: '╌', other: '┈', new: '─', one: '─' };
const RAISED_LINE = '━';

interface Ladder {
  finding: FindingRow;
  captures: readonly CaptureRow[];
  eras: Eras;
  raised: PacketRow | undefined;
  /** `ordinal field` of the numbers that decide. */
  marks: ReadonlySet<string>;
  bases: ReadonlyMap<string, number>;
  lane: number;
  /** Widths of the columns left of the lane. */
  gutter: { era: number; frame: number; time: number };
  style: TextStyle;
}

export function ladderLines(
  finding: FindingRow,
  captures: readonly CaptureRow[],
  eras: Eras,
  decisions: readonly Decision[],
  style: TextStyle,
): string[] {
  const { packets } = finding;
  if (packets.length === 0) return [];
  const raised = raisedBy(finding);
  const gutter = {
    era: Math.max(...packets.map(p => eraName(eras.of(p)).length)),
    frame: Math.max('frame'.length, ...packets.map(p => String(p.frame).length)),
    time: Math.max('time'.length, ...packets.map(p => timeText(p, raised).length)),
  };
  const ladder: Ladder = {
    finding,
    captures,
    eras,
    raised,
    marks: new Set(decisions.flatMap(d => d.marks.map(([packet, field]) => `${packet.ordinal} ${field}`))),
    bases: basesOf(packets, eras),
    lane: Math.min(MAX_LANE, style.width - (gutterText(gutter, '', '', '').length + 2)),
    gutter,
    style,
  };
  const lines = [...headLines(ladder)];
  for (const [i, packet] of packets.entries()) {
    if (i > 0) lines.push(...silenceLines(ladder, packet.ts_ns - packets[i - 1].ts_ns));
    lines.push(...packetLines(ladder, packet));
  }
  return lines;
}

const eraName = (era: Era): string => (era === 'one' ? '' : era);

function gutterText(gutter: Ladder['gutter'], era: string, frame: string, time: string): string {
  const named = gutter.era === 0 ? '' : `${era.padEnd(gutter.era)}  `;
  return `  ${named}${frame.padStart(gutter.frame)}  ${time.padStart(gutter.time)}  `;
}

/** `-30.010 s`, `0`, `+5.0 ms`. */
function timeText(packet: PacketRow, raised: PacketRow | undefined): string {
  const since = Number(packet.ts_ns - (raised ?? packet).ts_ns);
  const size = Math.abs(since);
  if (since === 0) return '0';
  return `${since < 0 ? '-' : '+'}${size < SECOND ? duration(size) : `${(size / SECOND).toFixed(3)} s`}`;
}

/** The first number of each direction of each connection: relative numbers count from it, from the ISN where it is seen. */
function basesOf(packets: readonly PacketRow[], eras: Eras): Map<string, number> {
  const bases = new Map<string, number>();
  const learn = (key: string, value: number): void => {
    if (!bases.has(key)) bases.set(key, value);
  };
  for (const packet of packets) {
    const era = eras.of(packet);
    const isStateless = packet.flags.includes('R') && packet.seq === 0;
    if (!isStateless) learn(`${era} ${packet.from_client}`, packet.seq);
    if (packet.flags.includes('A')) learn(`${era} ${1 - packet.from_client}`, packet.ack);
  }
  return bases;
}

function headLines({ finding, gutter, lane, style }: Ladder): string[] {
  const client = endpoint(finding.client, finding.client_port);
  const server = endpoint(finding.server, finding.server_port);
  const left = gutterText(gutter, '', '', '');
  const columns = gutterText(gutter, '', 'frame', 'time');
  const width = lane + 2;
  const both = (a: string, b: string): string => a + b.padStart(width - a.length);
  const ends =
    client.length + server.length + 2 <= width
      ? [left + both(client, server)]
      : [left + client, left + server.padStart(width)];
  return [
    left + style.dim(both('client', 'server')),
    ...ends.map(style.bold),
    `${style.dim(columns)}│${' '.repeat(lane)}│`,
  ];
}

function silenceLines({ gutter, lane, style }: Ladder, silence: bigint): string[] {
  if (silence < BREAK_NS) return [];
  const left = gutterText(gutter, '', '', '');
  const said = `${duration(Number(silence))} later`;
  const before = Math.floor((lane - said.length) / 2);
  return [style.dim(`${left}┆${' '.repeat(before)}${said}${' '.repeat(lane - before - said.length)}┆`)];
}

function packetLines(ladder: Ladder, packet: PacketRow): string[] {
  const { eras, raised, gutter, lane, style } = ladder;
  const era = eras.of(packet);
  const isRaised = packet === raised;
  const shade = era === 'old' || era === 'other' ? style.dim : (text: string) => text;
  const lead = gutterText(gutter, eraName(era), String(packet.frame), timeText(packet, raised));
  const left = gutterText(gutter, '', '', '');
  const arrow = arrowText(packet, isRaised ? RAISED_LINE : LINE[era], lane);
  const body = [...numberLines(ladder, packet, era), ...wrap(noteText(ladder, packet), lane - 4, '')];
  return [
    `${isRaised ? style.bold(lead) : shade(lead)}│${isRaised ? style.bold(arrow) : shade(arrow)}│`,
    ...body.map((text, i) => {
      const isNote = i >= body.length - wrap(noteText(ladder, packet), lane - 4, '').length;
      const painted = isNote ? style.dim(text) : highlight(text, shade, style);
      return `${left}│  ${painted}${' '.repeat(Math.max(0, lane - 2 - text.length))}│`;
    }),
  ];
}

/** `── SYN ───▶` to the right, `◀── SYN,ACK ───` to the left. */
function arrowText(packet: PacketRow, line: string, lane: number): string {
  const label = ` ${flagNames(packet.flags)} `;
  const isRight = packet.from_client === 1;
  const before = Math.floor((lane - label.length) / 2) - (isRight ? 0 : 1);
  const after = lane - label.length - before - 1;
  return isRight
    ? `${line.repeat(before)}${label}${line.repeat(after)}▶`
    : `◀${line.repeat(before)}${label}${line.repeat(after)}`;
}

const NAMES: Readonly<Record<string, string>> = {
  S: 'SYN',
  F: 'FIN',
  R: 'RST',
  P: 'PSH',
  A: 'ACK',
  U: 'URG',
  E: 'ECE',
  C: 'CWR',
};

const flagNames = (flags: string): string =>
  flags === '' ? 'no flags' : [...flags].map(letter => NAMES[letter] ?? letter).join(',');

/** Sequence numbers, then timestamps: on one line where there is room. */
function numberLines(ladder: Ladder, packet: PacketRow, era: Era): string[] {
  const number = (field: Field): string => {
    const value = packet[field];
    return ladder.marks.has(`${packet.ordinal} ${field}`) ? `*${value}*` : String(value);
  };
  const relative = (value: number, fromClient: number): string => {
    // Packets of other ports may be of several connections: their distances would mean nothing.
    const base = era === 'other' ? undefined : ladder.bases.get(`${era} ${fromClient}`);
    return base === undefined ? '' : ` (${signed((value - base) | 0)})`;
  };
  const numbers = [`seq ${number('seq')}${relative(packet.seq, packet.from_client)}`];
  if (packet.flags.includes('A')) numbers.push(`ack ${number('ack')}${relative(packet.ack, 1 - packet.from_client)}`);
  if (packet.length > 0) numbers.push(`len ${packet.length}`);
  const clock = packet.tsval === null ? ['no timestamps'] : [`TSval ${number('tsval')}`, `TSecr ${number('tsecr')}`];
  const whole = [...numbers, ...clock].join('  ');
  return whole.length <= ladder.lane - 4 ? [whole] : [numbers.join('  '), clock.join('  ')];
}

const signed = (n: number): string => (n < 0 ? String(n) : `+${n}`);

/** As stored, with the capture where there are several. */
function noteText({ finding, captures }: Ladder, packet: PacketRow): string {
  const note = printable(packet.note);
  const several = new Set(finding.packets.map(p => p.capture_id)).size > 1;
  const capture = several ? captures.find(c => c.id === packet.capture_id) : undefined;
  return capture ? `${note} (in ${shortened(printable(capture.source))})` : note;
}

/** Of a name that is too long for the lane the end tells more. */
const LONGEST_NAME = 36;

const shortened = (name: string): string => (name.length <= LONGEST_NAME ? name : `…${name.slice(1 - LONGEST_NAME)}`);

/** Marked numbers stand out, the rest has the shade of its connection. */
function highlight(text: string, shade: (text: string) => string, style: TextStyle): string {
  let painted = '';
  let at = 0;
  for (const { 0: number, index } of text.matchAll(MARKED)) {
    painted += shade(text.slice(at, index)) + style.mark(number);
    at = index + number.length;
  }
  return painted + (at < text.length ? shade(text.slice(at)) : '');
}
