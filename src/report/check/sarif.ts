/** `check` as SARIF: a result for each difference, whose kind `baselineState` says. */
import { type SarifResult, sarifLog } from '../list/sarif-log.ts';
import type { Change } from './golden-diff.ts';
import { type Outcome, problemOf } from './outcome.ts';
import { keyText, updateCommand } from './text.ts';

const GOLDEN = {
  id: 'golden',
  title: 'A capture cannot be compared with its golden',
  why: 'A capture without a golden, or a golden without its capture, is checked by nobody.',
  fix: 'Write the golden with pawscope check --update, read it, and commit it.',
} as const;

const STATE = { added: 'new', gone: 'absent', moved: 'updated', changed: 'updated' } as const;

/** `version`: that of this program. */
export const checkSarif = (outcomes: readonly Outcome[], version: string): Generator<string> =>
  sarifLog({
    version,
    files: outcomes.filter(({ verdict }) => verdict !== 'no-capture').map(({ capture }) => capture),
    items: results(outcomes),
    resultOf: result => result,
    notes: [],
    isComplete: outcomes.every(({ verdict }) => verdict !== 'unreadable' && verdict !== 'failed'),
    rules: [GOLDEN],
  });

function* results(outcomes: readonly Outcome[]): Generator<SarifResult> {
  for (const outcome of outcomes) {
    const { capture, golden, verdict } = outcome;
    if (verdict === 'differs') {
      for (const change of outcome.changes) yield changeResult(change, capture, golden);
      continue;
    }
    const text = problemOf(outcome, updateCommand(outcome));
    if (text === undefined) continue;
    const properties = { golden, verdict };
    yield { rule: GOLDEN.id, level: 'error', text, file: capture, frame: undefined, fingerprint: capture, properties };
  }
}

function changeResult(change: Change, file: string, golden: string): SarifResult {
  const { kind, finding } = change;
  const keys = change.kind === 'changed' ? `: ${change.keys.map(keyText).join('; ')}` : '';
  return {
    rule: String(finding.rule),
    level: 'error',
    text: `${kind}: ${finding.title}${keys}`,
    file,
    frame: undefined,
    fingerprint: `${finding.id}:${kind}`,
    baselineState: STATE[kind],
    properties: { golden, id: finding.id, ...(change.kind === 'changed' ? { keys: change.keys } : {}) },
  };
}
