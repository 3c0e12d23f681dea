/** JSON and NDJSON in pieces, with one finding per line in both: 200,000 findings must never be one string. */
import type { Tally } from '../../shard/tally.ts';
import type { CaptureRow, FindingRow, RunRow } from '../../store/rows.ts';
import { captureDocument, findingDocument, runDocument, SCHEMA_VERSION } from '../documents.ts';
import { printableJson } from '../printable.ts';

/** `run` of the document is the newest of `runs`; after `analyze` there is only one. */
export function* json(
  runs: readonly RunRow[],
  captures: readonly CaptureRow[],
  findings: Iterable<FindingRow>,
  tally: Readonly<Tally>,
): Generator<string> {
  const newest = runs.at(-1);
  yield `{"schema_version": ${SCHEMA_VERSION},\n"run": ${printableJson(newest ? runDocument(newest) : null)},\n`;
  if (runs.length > 1) yield `"runs": ${printableJson(runs.map(runDocument))},\n`;
  yield `"captures": ${printableJson(captures.map(captureDocument))},\n"findings": [`;
  let separator = '\n';
  for (const finding of findings) {
    yield separator + printableJson(findingDocument(finding));
    separator = ',\n';
  }
  yield `${separator === '\n' ? '' : '\n'}],\n"tally": ${printableJson(tally)}}\n`;
}

export function* ndjson(findings: Iterable<FindingRow>): Generator<string> {
  for (const finding of findings) yield `${printableJson(findingDocument(finding))}\n`;
}
