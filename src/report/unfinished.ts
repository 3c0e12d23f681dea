/** Describes a run that did not finish: what is stored need not be all there was to find. */
import { rfc3339 } from '../base/time.ts';
import type { CaptureRow, RunRow } from '../store/rows.ts';
import { printable } from './printable.ts';
import { counted } from './words.ts';

const HOW: Readonly<Record<RunRow['status'], string | undefined>> = {
  running: 'The run has not ended (or was killed): this is what it had stored.',
  failed: 'The run failed before its end: this is what it had stored.',
  interrupted: 'The run was interrupted: not all of the input was read.',
  damaged: undefined,
  done: undefined,
};

/** How the run ended and how far it had come, according to its captures; undefined if it finished. */
export function unfinishedText(run: RunRow, captures: readonly CaptureRow[]): string | undefined {
  const how = HOW[run.status];
  return how === undefined ? undefined : `${how} ${progressText(captures)}`;
}

function progressText(captures: readonly CaptureRow[]): string {
  const read = captures.filter(({ frames }) => frames > 0);
  const last = read.at(-1);
  if (last === undefined) return 'No frame is noted as read.';
  const frames = read.reduce((sum, capture) => sum + capture.frames, 0);
  const until = read.reduce<bigint | null>((latest, { last_ns: at }) => later(latest, at), null);
  const which =
    captures.length === 1
      ? ''
      : `, the last of them in ${printable(last.source)} (capture ${captures.indexOf(last) + 1} of ${captures.length})`;
  return `It had come to ${until === null ? 'no time' : rfc3339(until)}, with ${counted(frames, 'frame')} read${which}.`;
}

const later = (a: bigint | null, b: bigint | null): bigint | null => (a === null || (b !== null && b > a) ? b : a);
