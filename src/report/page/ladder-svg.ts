/**
 * The ladder of a finding as SVG: client on the left, server on the right, time downwards, broken at a long silence.
 * Arrows of the old connection are dashed, that of the raising packet is heavy, and numbers that decided have a
 * coloured background. The font is monospaced, so that the background is as wide as its number.
 *
 * This file runs in Node and in the page (script.ts), so besides types it can import only its neighbours.
 */
import type { LadderModel, Rung } from '../explain/ladder-model.ts';
import { type Element, h, type Tree } from './tree.ts';

const WIDTH = 700;
/** Right edge of the frame numbers. */
const FRAME = 104;
const LEFT = 190;
const RIGHT = 692;
const CHARACTER = 6.63;
const LINE = 15;
const MIDDLE = (LEFT + RIGHT) / 2;
/** Characters that fit between the two ends. */
const ROOM = Math.floor((RIGHT - LEFT - 24) / CHARACTER);

export function ladderSvg({ client, server, rungs }: LadderModel): Element {
  const drawn: Tree[] = [];
  let y = 46;
  for (const rung of rungs) {
    if (rung.silence !== '') {
      drawn.push(silence(rung.silence, y));
      y += 34;
    }
    const { trees, height } = drawRung(rung, y);
    drawn.push(...trees);
    y += height;
  }
  const title = `${rungs.length} packets between client ${client} and server ${server}`;
  return h(
    'svg',
    { viewBox: `0 0 ${WIDTH} ${y + 6}`, class: 'ladder', role: 'img', 'aria-label': title },
    h('line', { x1: LEFT, x2: LEFT, y1: 34, y2: y, class: 'post' }),
    h('line', { x1: RIGHT, x2: RIGHT, y1: 34, y2: y, class: 'post' }),
    text(LEFT, 13, 'client', 'dim'),
    text(RIGHT, 13, 'server', 'dim end'),
    text(LEFT, 28, client, 'strong'),
    text(RIGHT, 28, server, 'strong end'),
    text(FRAME, 28, 'frame', 'dim end'),
    text(LEFT - 10, 28, 'time', 'dim end'),
    ...drawn,
  );
}

function text(x: number, y: number, content: string, look: string): Element {
  return h('text', { x, y, class: look }, content);
}

/** A break of both posts, with its length. The background hides the posts. */
function silence(said: string, y: number): Element {
  const gap = (x: number): Element =>
    h('path', { d: `M${x - 6} ${y + 12}l12 -6M${x - 6} ${y + 20}l12 -6`, class: 'gap' });
  return h(
    'g',
    {},
    h('rect', { x: LEFT - 3, y: y + 9, width: 6, height: 8, class: 'ground' }),
    h('rect', { x: RIGHT - 3, y: y + 9, width: 6, height: 8, class: 'ground' }),
    gap(LEFT),
    gap(RIGHT),
    text(MIDDLE, y + 17, `┄ ${said} ┄`, 'dim middle'),
  );
}

function drawRung(rung: Rung, top: number): { trees: Tree[]; height: number } {
  const arrow = top + 18;
  const look = `${rung.era}${rung.raised ? ' raised' : ''}`;
  const [from, to] = rung.fromClient ? [LEFT, RIGHT] : [RIGHT, LEFT];
  const head = rung.fromClient ? -9 : 9;
  const lines = [...figureLines(rung), ...wrapped(rung.note).map((note): [string, boolean][] => [[note, false]])];
  const figures = figureLines(rung).length;
  const trees: Tree[] = [
    text(8, arrow + 4, rung.era === 'one' ? '' : rung.era, 'dim'),
    text(FRAME, arrow + 4, String(rung.frame), 'end'),
    text(LEFT - 10, arrow + 4, rung.time, rung.raised ? 'strong end' : 'end'),
    text(MIDDLE, arrow - 6, rung.flags, `flags middle ${look}`),
    h('path', { d: `M${from} ${arrow}H${to + head / 3}`, class: `arrow ${look}` }),
    h('path', { d: `M${to} ${arrow}l${head} -5v10z`, class: `head ${look}` }),
    ...lines.flatMap((parts, i) => lineAt(parts, arrow + LINE * (i + 1), i < figures ? 'figure' : 'note')),
  ];
  return { trees, height: 30 + LINE * lines.length };
}

/** Words, each with whether it decided: `seq 12 (+0)  TSval [34]`. */
function figureLines({ numbers, clock }: Rung): [string, boolean][][] {
  const parts = (figures: Rung['numbers']): [string, boolean][] =>
    figures.flatMap(({ name, value, relative, marked }, i): [string, boolean][] => [
      [`${i > 0 ? '  ' : ''}${name} `, false],
      [value, marked],
      [relative === '' ? '' : ` (${relative})`, false],
    ]);
  const first = parts(numbers);
  const second: [string, boolean][] = clock.length === 0 ? [['no timestamps', false]] : parts(clock);
  const size = (all: [string, boolean][]): number => all.reduce((sum, [word]) => sum + word.length, 0);
  return size(first) + 2 + size(second) <= ROOM ? [[...first, ['  ', false], ...second]] : [first, second];
}

function lineAt(parts: [string, boolean][], y: number, look: string): Tree[] {
  const grounds: Tree[] = [];
  const words: Tree[] = [];
  const start = LEFT + 14;
  let at = 0;
  for (const [word, marked] of parts) {
    if (word.trim() === '') {
      at += word.length;
      continue;
    }
    if (marked) {
      const x = start + at * CHARACTER - 2;
      grounds.push(
        h('rect', { x, y: y - 11, width: word.length * CHARACTER + 4, height: 14, rx: 2, class: 'decided' }),
      );
    }
    // SVG drops leading spaces, so they become an offset.
    const indent = word.length - word.trimStart().length;
    words.push(h('tspan', { x: start + (at + indent) * CHARACTER, class: marked ? 'decided' : '' }, word.trim()));
    at += word.length;
  }
  return [...grounds, h('text', { y, class: look }, ...words)];
}

function wrapped(note: string): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of note.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > ROOM) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return line === '' ? lines : [...lines, line];
}
