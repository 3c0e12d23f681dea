/** Says what it means that there are no findings: what was looked for, and what these captures could not have shown. */
import { DEFAULT_TIME_WAIT } from '../../base/limits.ts';
import { hasEvictions, named } from '../../shard/tally.ts';
import { wrap } from '../columns.ts';
import { unfinishedText } from '../unfinished.ts';
import { counted, span } from '../words.ts';
import type { Summary } from './summary.ts';

/** The part of a run that decides what it could not have shown. */
type SearchedRun = Pick<Summary, 'run' | 'captures' | 'tally' | 'rules'>;

export function absenceLines(summary: SearchedRun, width: number): string[] {
  const { tally, rules, run, captures } = summary;
  const unfinished = unfinishedText(run, captures);
  // An unfinished run has no tally: it is written at the end.
  if (unfinished !== undefined && !tally.segments) {
    return wrap(`${unfinished} That nothing is stored does not mean that nothing was there to find.`, width, '  ');
  }
  if (!tally.segments) return ['  None: there is no TCP segment in what was read, so there was nothing to judge.'];
  const sought = rules.map(rule => `${lowerFirst(rule.title)} (${rule.id})`).join('; ');
  const flows = counted(tally.flows ?? 0, 'flow');
  const lines = wrap(`None in ${flows}. Looked for: ${sought}.`, width, '  ');
  if (unfinished !== undefined) lines.push(...wrap(unfinished, width, '  '));
  for (const limit of limits(summary)) lines.push(...wrap(limit, width, '  '));
  return lines;
}

function limits({ captures, tally, run }: SearchedRun): string[] {
  const texts: string[] = [];
  const times = captures.flatMap(c => (c.first_ns === null || c.last_ns === null ? [] : [c.first_ns, c.last_ns]));
  const length =
    times.length === 0 ? 0n : times.reduce((a, b) => (a > b ? a : b)) - times.reduce((a, b) => (a < b ? a : b));
  const timeWait = typeof run.options.time_wait === 'number' ? run.options.time_wait : DEFAULT_TIME_WAIT;
  if (Number(length) < timeWait * 1e9) {
    texts.push(
      `The captures span ${span(length)}, less than one TIME_WAIT of ${timeWait} s: the reuse of a port that was ` +
        'closed before they begin cannot be seen in them.',
    );
  }
  if (tally['skipped.cut-short'] || tally['skipped.fragment']) {
    texts.push('Frames without their TCP header (cut short, later fragments) could not be judged.');
  }
  const isNoted = captures.some(c =>
    c.note.some(n => n.kind === 'truncated' || n.kind === 'damaged' || n.kind === 'dropped'),
  );
  if (isNoted || named(tally, 'unseen.').length > 0) {
    texts.push('The captures are not complete: see above.');
  }
  if (hasEvictions(tally)) texts.push('Not everything could be kept in memory: see above.');
  return texts;
}

const lowerFirst = (text: string): string =>
  /^(?:[A-Z][a-z]|A )/.test(text) ? text[0].toLowerCase() + text.slice(1) : text;
