/** Says what was read, how much of it was TCP, and what could not be used: nothing is left out silently. */
import { rfc3339 } from '../../base/time.ts';
import { type CaptureNote, isCaveat, noteText } from '../../capture/capture-info.ts';
import type { Rule } from '../../detect/evidence.ts';
import { named, type Tally } from '../../shard/tally.ts';
import type { CaptureRow } from '../../store/rows.ts';
import { columns, wrap } from '../columns.ts';
import { printable } from '../printable.ts';
import type { TextStyle } from '../text-style.ts';
import { bytes, counted, linkType, percent, skipReason, sourceText, span, thousands } from '../words.ts';
import { evictionTexts } from './evictions.ts';

/** Most captures listed, as a rotated set can have hundreds of files; the database has all. */
const MAX_CAPTURES = 10;

export function inputLines(captures: readonly CaptureRow[], tally: Readonly<Tally>, style: TextStyle): string[] {
  const shown = style.verbose ? captures : captures.slice(0, MAX_CAPTURES);
  const lines = columns(
    shown.map(c => [
      printable(sourceText(c.source)),
      [c.format, ...new Set(c.link_types.map(linkType))].join(', '),
      counted(c.frames, 'frame'),
      bytes(c.bytes),
    ]),
    ['left', 'left', 'right', 'right'],
  );
  if (shown.length < captures.length) lines.push(`  and ${counted(captures.length - shown.length, 'more capture')}`);
  const texts = [...usedLines(tally), ...factTexts(captures)];
  lines.push(timeLine(captures), ...texts.flatMap(line => wrap(line, style.width, '  ')));
  return lines;
}

/** Frames of pcapng may have no time (simple packets), and times before 1970 or after 2262 are not taken. */
const isTimeless = ({ frames, first_ns: first }: CaptureRow): boolean => frames > 0 && first === null;

function timeLine(captures: readonly CaptureRow[]): string {
  const first = extreme(
    captures.map(c => c.first_ns),
    (a, b) => a < b,
  );
  const last = extreme(
    captures.map(c => c.last_ns),
    (a, b) => a > b,
  );
  if (first === undefined || last === undefined) {
    return captures.some(isTimeless) ? '  no frame has a usable time' : '  no frames';
  }
  return `  ${rfc3339(first)} to ${rfc3339(last)}, ${span(last - first)}`;
}

function usedLines(tally: Readonly<Tally>): string[] {
  const frames = tally.frames ?? 0;
  const segments = tally.segments ?? 0;
  const lines = [
    `TCP: ${counted(segments, 'segment')} in ${counted(tally.flows ?? 0, 'flow')}` +
      ` (${percent(segments, frames)} of ${counted(frames, 'frame')})`,
  ];
  const skipped = named(tally, 'skipped.').map(([reason, n]) => `${thousands(n)} ${skipReason(reason)}`);
  if (skipped.length > 0) lines.push(`Skipped frames: ${skipped.join(', ')}`);
  if (tally.duplicates) {
    lines.push(`Left out: ${counted(tally.duplicates, 'segment')} captured twice (mirror ports, -i any)`);
  }
  const bothSides = bothSidesText(tally);
  if (bothSides !== undefined) lines.push(bothSides);
  return [...lines, ...loneSynLines(tally)];
}

/** A sentence if connections were captured on both sides of a NAT, and their findings told twice; else undefined. */
export function bothSidesText(tally: Readonly<Tally>): string | undefined {
  const twice = tally['both-sides.findings'];
  if (!twice) return undefined;
  return (
    `Told twice: at least ${counted(twice, 'finding')}, with the same sequence numbers and TSvals on other addresses or ports. ` +
    'Both sides of a NAT or balancer were captured (-i any on a gateway, merged captures)'
  );
}

/**
 * A sentence if the captures show packets at two points of a path (docs/rules.md D0.3), else undefined. If only packets
 * of one direction come again, the path has duplicated them.
 */
export function twoPointsText(tally: Readonly<Tally>): string | undefined {
  const syns = tally['second-point.syns'];
  const synAcks = tally['second-point.syn-acks'];
  if (!syns || !synAcks) return undefined;
  return (
    `Captured twice, at two points of the path: ${counted(syns, 'SYN')} and ${counted(synAcks, 'SYN-ACK')} came again later than a ` +
    'mirror shows them. They were left out, and copies of other packets as far as they can be told from what is sent again; ' +
    'times and TTLs mix what two points saw. ' +
    'Analyse the captures of one point at a time'
  );
}

/**
 * Sentences about packets that the captures lack, although an acknowledgement shows that their receiver had them
 * (docs/rules.md D0.7).
 */
export function unseenTexts(tally: Readonly<Tally>): string[] {
  const flows = counted(tally.flows ?? 0, 'flow');
  const texts: string[] = [];
  const directions = tally['unseen.directions'];
  if (directions) {
    texts.push(
      `In ${thousands(directions)} of ${flows} only one direction was captured, though packets of the other were answered: they ` +
        'took another way, or a mirror or a filter left them out. What that end said is not known',
    );
  }
  const acknowledged = tally['unseen.acknowledged'];
  if (acknowledged) {
    const fragments = tally['skipped.fragment'];
    texts.push(
      `In ${thousands(acknowledged)} of ${flows} more data was acknowledged than was captured: the capture lost packets, or they ` +
        'took another way, or a filter left them out' +
        (fragments
          ? `, or they are later fragments, which are not put together (${thousands(fragments)} left out)`
          : '') +
        '. What is said to be missing there may have been sent',
    );
  }
  return texts;
}

/** Rules that look at a SYN even if it was sent only once. */
const OF_LONE_SYNS: readonly Rule[] = ['recycle-signature', 'timestamp-regress', 'recycle-hazard', 'port-reuse'];

/** Lines about the attempts that `unanswered-syn` only counts. Other rules may have findings about the same SYNs. */
function loneSynLines(tally: Readonly<Tally>): string[] {
  const lone = tally['syns.unanswered'];
  const synAcks = tally['synacks.unanswered'];
  const rejected = tally['synacks.rejected'];
  const lines = synAcks
    ? [
        `In ${counted(synAcks, 'connection')} the SYN-ACK was sent three times or more and never answered; unanswered-syn only ` +
          'counts them, as their clients completed no other connection (floods, scans, or a path that drops SYN-ACKs or ACKs)' +
          (rejected ? `. ICMP errors quote the SYN-ACKs of ${thousands(rejected)}: see \`icmp || icmpv6\`` : ''),
      ]
    : [];
  if (!lone) return lines;
  const others = OF_LONE_SYNS.filter(rule => tally[`findings.${rule}`]);
  return [
    ...lines,
    `${counted(lone, 'SYN')} ${lone === 1 ? 'was' : 'were'} sent once and got no answer; unanswered-syn only counts ` +
      `${lone === 1 ? 'it' : 'them'} ` +
      (others.length === 0
        ? '(scans, floods, dead hosts, or too near the end)'
        : `(${others.join(', ')} may report ${lone === 1 ? 'it' : 'some'})`),
  ];
}

/** What weakens the result, one sentence for each. */
export function caveatLines(captures: readonly CaptureRow[], tally: Readonly<Tally>): string[] {
  const lines: string[] = [];
  const twoPoints = twoPointsText(tally);
  if (twoPoints !== undefined) lines.push(twoPoints);
  lines.push(...unseenTexts(tally));
  lines.push(...noteTexts(captures, isCaveat));
  for (const { source } of captures.filter(isTimeless)) {
    lines.push(
      `${printable(sourceText(source))}: no frame has a usable time, so no age, delay or order in time can be trusted`,
    );
  }
  const dropped = tally['dropped.kernel'];
  if (dropped && !captures.some(c => c.note.some(note => note.kind === 'dropped')))
    lines.push(`The kernel dropped ${counted(dropped, 'packet')}: whatever they said is missing here`);
  for (const [rule, n] of named(tally, 'failed.')) {
    lines.push(`Rule ${rule} failed at ${counted(n, 'event')}, a fault of pawscope: findings of it may be missing`);
  }
  return [...lines, ...evictionTexts(tally)];
}

/** What the captures say of themselves without casting doubt on them: comments, and where `live -w` keeps packets. */
export const factTexts = (captures: readonly CaptureRow[]): string[] => noteTexts(captures, note => !isCaveat(note));

const noteTexts = (captures: readonly CaptureRow[], isWanted: (note: CaptureNote) => boolean): string[] =>
  captures.flatMap(({ source, note }) => note.filter(isWanted).map(one => printable(noteText(source, one))));

function extreme(times: readonly (bigint | null)[], better: (a: bigint, b: bigint) => boolean): bigint | undefined {
  let best: bigint | undefined;
  for (const time of times) if (time !== null && (best === undefined || better(time, best))) best = time;
  return best;
}
