/** `{"schema_version": 1, "checks": [...]}`: one object a capture, one line each. */
import { SCHEMA_VERSION } from '../documents.ts';
import { printableJson } from '../printable.ts';
import type { Outcome } from './outcome.ts';

export function* checkJson(outcomes: readonly Outcome[]): Generator<string> {
  yield `{"schema_version": ${SCHEMA_VERSION},\n"checks": [`;
  for (const [i, outcome] of outcomes.entries()) {
    // A key that is absent on one side is absent here.
    yield `${i === 0 ? '' : ','}\n${printableJson(outcome)}`;
  }
  yield '\n]}\n';
}
