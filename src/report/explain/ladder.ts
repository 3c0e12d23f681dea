/**
 * Draws the packets of a finding as a ladder: client on the left, server on the right, time from top to bottom,
 * relative to the packet that raised it. Arrows of the old connection are dashed, that of the raising packet is heavy,
 * and a long silence breaks the time axis. Numbers that decide are between asterisks, with or without colour.
 */
import type { CaptureRow, FindingRow } from '../../store/rows.ts';
import { wrap } from '../columns.ts';
import type { TextStyle } from '../text-style.ts';
import type { Decision } from './decision.ts';
import type { Era, Eras } from './eras.ts';
import { figureText, type LadderModel, ladderModel, type Rung } from './ladder-model.ts';

/** Widest lane; more width would only move the two ends apart. */
const MAX_LANE = 92;
const MARKED = /\*\d+\*/g;

const LINE: Readonly<Record<Era, string>> = { old: '╌', other: '┈', new: '─', one: '─' };
const RAISED_LINE = '━';

interface Ladder extends LadderModel {
  lane: number;
  /** Widths of the columns to the left of the lane. */
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
  const model = ladderModel(finding, captures, eras, decisions);
  const { rungs } = model;
  if (rungs.length === 0) return [];
  const gutter = {
    era: Math.max(...rungs.map(({ era }) => eraName(era).length)),
    frame: Math.max('frame'.length, ...rungs.map(({ frame }) => String(frame).length)),
    time: Math.max('time'.length, ...rungs.map(({ time }) => time.length)),
  };
  const lane = Math.min(MAX_LANE, style.width - (gutterText(gutter, '', '', '').length + 2));
  const ladder: Ladder = { ...model, lane, gutter, style };
  return [
    ...headLines(ladder),
    ...rungs.flatMap(rung => [...silenceLines(ladder, rung.silence), ...rungLines(ladder, rung)]),
  ];
}

const eraName = (era: Era): string => (era === 'one' ? '' : era);

function gutterText(gutter: Ladder['gutter'], era: string, frame: string, time: string): string {
  const named = gutter.era === 0 ? '' : `${era.padEnd(gutter.era)}  `;
  return `  ${named}${frame.padStart(gutter.frame)}  ${time.padStart(gutter.time)}  `;
}

function headLines({ client, server, gutter, lane, style }: Ladder): string[] {
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

function silenceLines({ gutter, lane, style }: Ladder, said: string): string[] {
  if (said === '') return [];
  const left = gutterText(gutter, '', '', '');
  const before = Math.floor((lane - said.length) / 2);
  return [style.dim(`${left}┆${' '.repeat(before)}${said}${' '.repeat(lane - before - said.length)}┆`)];
}

function rungLines({ gutter, lane, style }: Ladder, rung: Rung): string[] {
  const { era, frame, time, raised, note } = rung;
  const shade = era === 'old' || era === 'other' ? style.dim : (text: string) => text;
  const lead = gutterText(gutter, eraName(era), String(frame), time);
  const left = gutterText(gutter, '', '', '');
  const arrow = arrowText(rung, raised ? RAISED_LINE : LINE[era], lane);
  const body = [
    ...numberLines(rung, lane).map(text => [text, highlight(text, shade, style)]),
    ...wrap(note, lane - 4, '').map(text => [text, style.dim(text)]),
  ];
  return [
    `${raised ? style.bold(lead) : shade(lead)}│${raised ? style.bold(arrow) : shade(arrow)}│`,
    ...body.map(([text, painted]) => `${left}│  ${painted}${' '.repeat(Math.max(0, lane - 2 - text.length))}│`),
  ];
}

/** `── SYN ───▶` from the client, `◀── SYN,ACK ───` from the server. */
function arrowText({ flags, fromClient }: Rung, line: string, lane: number): string {
  const label = ` ${flags} `;
  const before = Math.floor((lane - label.length) / 2) - (fromClient ? 0 : 1);
  const after = lane - label.length - before - 1;
  return fromClient
    ? `${line.repeat(before)}${label}${line.repeat(after)}▶`
    : `◀${line.repeat(before)}${label}${line.repeat(after)}`;
}

/** Sequence numbers, then timestamps; on one line if there is room. */
function numberLines({ numbers, clock }: Rung, lane: number): string[] {
  const first = numbers.map(figureText);
  const second = clock.length === 0 ? ['no timestamps'] : clock.map(figureText);
  const whole = [...first, ...second].join('  ');
  return whole.length <= lane - 4 ? [whole] : [...inLane(first, lane), ...inLane(second, lane)];
}

/** Figures on as few lines as fit in the lane: relative numbers, too, may have ten digits. */
function inLane(figures: readonly string[], lane: number): string[] {
  const whole = figures.join('  ');
  return whole.length <= lane - 4 ? [whole] : [...figures];
}

/** Highlights marked numbers; the rest has the colour of its connection. */
function highlight(text: string, shade: (text: string) => string, style: TextStyle): string {
  let painted = '';
  let at = 0;
  for (const { 0: number, index } of text.matchAll(MARKED)) {
    painted += shade(text.slice(at, index)) + style.mark(number);
    at = index + number.length;
  }
  return painted + (at < text.length ? shade(text.slice(at)) : '');
}
