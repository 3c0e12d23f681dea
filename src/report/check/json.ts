/** `{"schema_version": 1, "checks": [...]}`, with one object per capture, each on its own line. */
import { SCHEMA_VERSION } from '../documents.ts';
import { printableJson } from '../printable.ts';
import type { Outcome } from './outcome.ts';

export function* checkJson(outcomes: readonly Outcome[]): Generator<string> {
  yield `{"schema_version": ${SCHEMA_VERSION},\n"checks": [`;
  for (const [i, outcome] of outcomes.entries()) {
    // JSON.stringify leaves out `was` or `is` if undefined: the key is absent on that side.
    yield `${i === 0 ? '' : ','}\n${printableJson(outcome)}`;
  }
  yield '\n]}\n';
}
