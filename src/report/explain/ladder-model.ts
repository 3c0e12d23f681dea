/**
 * The packets of a finding as rungs of a ladder diagram, independent of how it is drawn: on the terminal (ladder.ts) or
 * on the page of an incident. Times are relative to the packet that raised the finding. A long silence is noted before
 * the packet that ends it.
 */
import { duration, SECOND } from '../../base/time.ts';
import type { CaptureRow, FindingRow, PacketRow } from '../../store/rows.ts';
import { printable } from '../printable.ts';
import { endpoint } from '../words.ts';
import type { Decision, Field } from './decision.ts';
import { type Era, type Eras, raisedBy } from './eras.ts';

/** A silence of this length breaks the time axis. */
const BREAK_NS = 500_000_000n;

/** One number of a packet, as shown. */
interface Figure {
  /** `seq`, `ack`, `len`, `TSval`, `TSecr`. */
  name: string;
  value: string;
  /** Its distance from the first number of its direction, such as `+1`; empty if that has no meaning. */
  relative: string;
  /** True if a decision compares it. */
  marked: boolean;
}

/** For example `seq *1000* (+1)`. */
export const figureText = ({ name, value, relative, marked }: Figure): string =>
  `${name} ${marked ? `*${value}*` : value}${relative === '' ? '' : ` (${relative})`}`;

export interface Rung {
  /** For example `30.0 s later` if the time axis is broken before this packet, else empty. */
  silence: string;
  era: Era;
  frame: number;
  /** For example `-30.010 s`, `0` or `+5.0 ms`. */
  time: string;
  fromClient: boolean;
  /** For example `SYN,ACK`. */
  flags: string;
  /** True for the packet that raised the finding. */
  raised: boolean;
  numbers: Figure[];
  /** TSval and TSecr; empty without the timestamp option. */
  clock: Figure[];
  note: string;
}

export interface LadderModel {
  client: string;
  server: string;
  rungs: Rung[];
}

export function ladderModel(
  finding: FindingRow,
  captures: readonly CaptureRow[],
  eras: Eras,
  decisions: readonly Decision[],
): LadderModel {
  const { packets } = finding;
  const raised = raisedBy(finding);
  const marks = new Set(decisions.flatMap(d => d.marks.map(([packet, field]) => `${packet.ordinal} ${field}`)));
  const bases = basesOf(packets, eras);
  const rung = (packet: PacketRow, before: PacketRow | undefined): Rung => {
    const era = eras.of(packet);
    return {
      silence: before === undefined ? '' : silenceText(packet.ts_ns - before.ts_ns),
      era,
      frame: packet.frame,
      time: timeText(packet, raised),
      fromClient: packet.from_client === 1,
      flags: flagNames(packet.flags),
      raised: packet === raised,
      ...figures(packet, era, marks, bases),
      note: noteText(finding, captures, packet),
    };
  };
  return {
    client: endpoint(finding.client, finding.client_port),
    server: endpoint(finding.server, finding.server_port),
    rungs: packets.map((packet, i) => rung(packet, packets[i - 1])),
  };
}

const silenceText = (silence: bigint): string => (silence < BREAK_NS ? '' : `${duration(Number(silence))} later`);

function timeText(packet: PacketRow, raised: PacketRow | undefined): string {
  const since = Number(packet.ts_ns - (raised ?? packet).ts_ns);
  const size = Math.abs(since);
  if (since === 0) return '0';
  return `${since < 0 ? '-' : '+'}${size < SECOND ? duration(size) : `${(size / SECOND).toFixed(3)} s`}`;
}

/**
 * The number from which relative numbers count, for each direction of each connection: the ISN if it was seen,
 * otherwise the first number.
 */
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

function figures(
  packet: PacketRow,
  era: Era,
  marks: ReadonlySet<string>,
  bases: ReadonlyMap<string, number>,
): Pick<Rung, 'numbers' | 'clock'> {
  const figure = (name: string, field: Field, relative = ''): Figure => ({
    name,
    value: String(packet[field]),
    relative,
    marked: marks.has(`${packet.ordinal} ${field}`),
  });
  const relative = (value: number, fromClient: number): string => {
    // Packets of other ports may belong to several connections, so distances between them have no meaning.
    const base = era === 'other' ? undefined : bases.get(`${era} ${fromClient}`);
    return base === undefined ? '' : signed((value - base) | 0);
  };
  const numbers = [figure('seq', 'seq', relative(packet.seq, packet.from_client))];
  if (packet.flags.includes('A')) numbers.push(figure('ack', 'ack', relative(packet.ack, 1 - packet.from_client)));
  if (packet.length > 0) numbers.push({ name: 'len', value: String(packet.length), relative: '', marked: false });
  const clock = packet.tsval === null ? [] : [figure('TSval', 'tsval'), figure('TSecr', 'tsecr')];
  return { numbers, clock };
}

const signed = (n: number): string => (n < 0 ? String(n) : `+${n}`);

/** The stored note, with the name of the capture if the finding has packets of several. */
function noteText(finding: FindingRow, captures: readonly CaptureRow[], packet: PacketRow): string {
  const note = printable(packet.note);
  const several = new Set(finding.packets.map(p => p.capture_id)).size > 1;
  const capture = several ? captures.find(c => c.id === packet.capture_id) : undefined;
  return capture ? `${note} (in ${shortened(printable(capture.source))})` : note;
}

/** Longest name of a capture in the lane. Of a longer one the end is shown, which is more informative. */
const LONGEST_NAME = 36;

const shortened = (name: string): string => (name.length <= LONGEST_NAME ? name : `…${name.slice(1 - LONGEST_NAME)}`);
