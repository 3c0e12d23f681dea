/** The quality of the captures, in sentences: what is missing, what was left out, and what cannot be known. */
import { named } from '../../shard/tally.ts';
import type { CaptureRow, RunRow } from '../../store/rows.ts';
import { bothSidesText, caveatLines, factTexts } from '../summary/input.ts';
import { unfinishedText } from '../unfinished.ts';
import { counted, percent, skipReason, thousands } from '../words.ts';

export interface Remark {
  /** `bad` weakens the findings, `fair` is worth knowing, `good` is as it should be. */
  grade: 'good' | 'fair' | 'bad';
  text: string;
}

/** True for formats that record lost packets: pcapng has statistics blocks for them, pcap has no field. */
const tellsDrops = ({ format }: CaptureRow): boolean => format === 'live' || format.includes('pcapng');

/** `oneWay`: number of findings for which the other direction was never captured. */
export function qualityRemarks(
  run: RunRow,
  captures: readonly CaptureRow[],
  tally: Readonly<Record<string, number>>,
  oneWay: number,
): Remark[] {
  const remarks: Remark[] = [];
  const unfinished = unfinishedText(run, captures);
  if (unfinished !== undefined) remarks.push({ grade: 'bad', text: unfinished });
  for (const text of caveatLines(captures, tally)) remarks.push({ grade: 'bad', text: sentence(text) });
  for (const text of factTexts(captures)) remarks.push({ grade: 'fair', text: sentence(text) });
  if (oneWay > 0) {
    remarks.push({
      grade: 'bad',
      text: `Of ${counted(oneWay, 'finding')} only one direction was captured: what the other end answered is not known.`,
    });
  }
  const skipped = named(tally, 'skipped.');
  if (skipped.length > 0) {
    const frames = tally.frames ?? 0;
    const sum = skipped.reduce((total, [, n]) => total + n, 0);
    const reasons = skipped.map(([reason, n]) => `${thousands(n)} ${skipReason(reason)}`).join(', ');
    remarks.push({
      grade: skipped.some(([reason]) => WEAKENING.has(reason)) ? 'bad' : 'fair',
      text: `${thousands(sum)} of ${counted(frames, 'frame')} (${percent(sum, frames)}) were not used: ${reasons}.`,
    });
  }
  if (tally.duplicates) {
    const text = `${counted(tally.duplicates, 'segment')} captured twice (mirror ports, -i any) were left out.`;
    remarks.push({ grade: 'fair', text });
  }
  const bothSides = bothSidesText(tally);
  if (bothSides !== undefined) remarks.push({ grade: 'fair', text: sentence(bothSides) });
  if (!remarks.some(({ grade }) => grade === 'bad')) {
    remarks.unshift({ grade: 'good', text: 'Nothing is known to be missing from the captures.' });
  }
  if (captures.some(c => !tellsDrops(c)) && !tally['dropped.kernel']) {
    remarks.push({
      grade: 'fair',
      text: 'A pcap file cannot say whether the kernel dropped packets while it was written.',
    });
  }
  return remarks;
}

const WEAKENING: ReadonlySet<string> = new Set(['cut-short', 'bad-header', 'unsupported-link-type']);

const sentence = (text: string): string => (/[.!?]$/.test(text) ? text : `${text}.`);
