/** One finding in full, as plain text for the page and for the ticket. */
import { rfc3339 } from '../../base/time.ts';
import { type Advice, adviceFor } from '../../detect/advice/index.ts';
import type { CaptureRow, FindingRow } from '../../store/rows.ts';
import { erasOf, raisedBy } from '../explain/eras.ts';
import { type LadderModel, ladderModel } from '../explain/ladder-model.ts';
import { decisionsOf } from '../explain/what-decided.ts';
import { printable, printableJson } from '../printable.ts';
import { shellFile, tsharkCommands } from '../tshark.ts';
import { evidenceText, sourceText } from '../words.ts';

export interface FindingDetails {
  id: string;
  rule: string;
  severity: string;
  /** For example `proved by its packets`. */
  confidence: string;
  title: string;
  /** Time as RFC 3339, and where the packet that raised the finding is. */
  at: string;
  where: string;
  client: string;
  server: string;
  ladder: LadderModel;
  decisions: { text: string; source: string }[];
  evidence: [key: string, value: string][];
  advice: Advice;
  /** The commands that show its packets, and the one that explains it in a terminal. */
  commands: string[];
}

export function detailsOf(finding: FindingRow, captures: readonly CaptureRow[], database: string): FindingDetails {
  const eras = erasOf(finding);
  const decisions = decisionsOf(finding, eras);
  const ladder = ladderModel(finding, captures, eras, decisions);
  const raised = raisedBy(finding);
  const capture = captures.find(c => c.id === raised?.capture_id);
  return {
    id: finding.id,
    rule: finding.rule,
    severity: finding.severity,
    confidence: evidenceText(finding),
    title: printable(finding.title),
    at: rfc3339(finding.first_ns),
    where: raised && capture ? `frame ${raised.frame} of ${sourceName(capture.source)}` : '',
    client: ladder.client,
    server: ladder.server,
    ladder,
    decisions: decisions.map(({ text, source }) => ({ text, source })),
    evidence: Object.entries(finding.evidence).map(([key, value]) => [key, valueText(value)]),
    advice: adviceFor(finding),
    commands: [...tsharkCommands(finding.packets, captures), explainCommand(finding.id, database)],
  };
}

export const explainCommand = (id: string, database: string): string =>
  `pawscope explain ${id} --db ${shellFile(database)}`;

export const sourceName = (source: string): string => printable(sourceText(source));

const valueText = (value: unknown): string => (typeof value === 'string' ? printable(value) : printableJson(value));
