/** Findings as SARIF results. */
import { rfc3339 } from '../../base/time.ts';
import { isCaveat, noteText } from '../../capture/capture-info.ts';
import { adviceFor } from '../../detect/advice/index.ts';
import type { CaptureRow, FindingRow, RunRow } from '../../store/rows.ts';
import { type FindingLocation, locator } from './finding-location.ts';
import { SARIF_LEVEL, type SarifNote, type SarifResult, sarifLog } from './sarif-log.ts';

/** `findings` must be sorted worst first, as later ones may not fit. `version`: that of this program. */
export function sarif(
  findings: Iterable<FindingRow>,
  captures: readonly CaptureRow[],
  runs: readonly RunRow[],
  version: string,
): Generator<string> {
  const placeOf = locator(captures);
  return sarifLog({
    version,
    files: [...new Set(captures.map(({ source }) => source))],
    items: findings,
    resultOf: finding => resultOf(finding, placeOf(finding)),
    notes: captures.flatMap(notesOf),
    isComplete: runs.every(({ status }) => status === 'done' || status === 'damaged'),
  });
}

const resultOf = (finding: FindingRow, place: FindingLocation | undefined): SarifResult => ({
  rule: finding.rule,
  level: SARIF_LEVEL[finding.severity],
  text: `${finding.title}. ${adviceFor(finding).meaning}`,
  file: place?.source,
  frame: place?.frame,
  fingerprint: finding.id,
  properties: {
    severity: finding.severity,
    confidence: finding.confidence,
    time: rfc3339(finding.first_ns),
    client: finding.client,
    client_port: finding.client_port,
    server: finding.server,
    server_port: finding.server_port,
    evidence: finding.evidence,
    frames: finding.packets.map(({ frame }) => frame),
  },
});

const notesOf = ({ source, note }: CaptureRow): SarifNote[] =>
  note.filter(isCaveat).map(one => ({ level: 'warning', text: noteText(source, one) }));
