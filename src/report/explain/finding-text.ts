/** One finding as text: the verdict, its packets as a ladder, the numbers that decided it, and what to do. */
import { rfc3339 } from '../../base/time.ts';
import { adviceFor } from '../../detect/advice/index.ts';
import type { ContextEvidence, LossEvidence } from '../../detect/evidence.ts';
import type { LaterWhatIf, SynWhatIf } from '../../detect/what-if/what-if.ts';
import type { CaptureRow, FindingRow } from '../../store/rows.ts';
import { wrap } from '../columns.ts';
import { findingDocument, SCHEMA_VERSION } from '../documents.ts';
import { printable, printableJson } from '../printable.ts';
import type { TextStyle } from '../text-style.ts';
import { tsharkCommands } from '../tshark.ts';
import { whatIfSentence } from '../what-if-text.ts';
import { evidenceText } from '../words.ts';
import { adviceLines } from './advice-text.ts';
import type { Decision } from './decision.ts';
import { erasOf, raisedBy } from './eras.ts';
import { ladderLines } from './ladder.ts';
import { decisionsOf } from './what-decided.ts';

const INDENT = '  ';
/** Longest lines of prose, which is hard to read in longer ones. The ladder and commands use the whole width. */
const MAX_PROSE = 100;
const DROPPED =
  'Packets were dropped by the capture in between, or may have been: what seems never to have come may be among them.';

export function findingText(finding: FindingRow, captures: readonly CaptureRow[], style: TextStyle): string {
  const eras = erasOf(finding);
  const decisions = decisionsOf(finding, eras);
  const prose = { ...style, width: Math.min(MAX_PROSE, style.width) };
  const ladder = ladderLines(finding, captures, eras, decisions, style);
  const lines = [
    ...headLines(finding, captures, prose),
    ...(ladder.length > 0 ? ['', ...ladder] : []),
    ...decisionLines(decisions, prose),
    ...addedLines(finding, prose),
    ...evidenceLines(finding, prose),
    ...adviceLines(adviceFor(finding), prose),
  ];
  if (finding.packets.length > 0) {
    const commands = tsharkCommands(finding.packets, captures).map(command => INDENT + style.code(command));
    if (commands.length > 0) lines.push('', style.bold('See the packets'), ...commands);
  }
  lines.push('', style.dim(`The rule: pawscope explain ${finding.rule}`));
  return `${lines.join('\n')}\n`;
}

function headLines(finding: FindingRow, captures: readonly CaptureRow[], style: TextStyle): string[] {
  const head = `${finding.severity}, ${evidenceText(finding)}: ${finding.rule}`;
  const raised = raisedBy(finding);
  const capture = captures.find(c => c.id === raised?.capture_id);
  const where = raised && capture ? `, frame ${raised.frame} of ${printable(capture.source)}` : '';
  return [
    `${style.severity(finding.severity, head)}  ${style.dim(finding.id)}`,
    ...wrap(printable(finding.title), style.width, '').map(style.bold),
    style.dim(`${rfc3339(finding.first_ns)}${where}`),
  ];
}

function decisionLines(decisions: readonly Decision[], style: TextStyle): string[] {
  if (decisions.length === 0) return [];
  const lines = decisions.flatMap(({ text, source }) => [
    ...wrap(text, style.width, INDENT),
    ...wrap(source, style.width, `${INDENT}${INDENT}`).map(style.dim),
  ]);
  return ['', style.bold('What decided'), ...lines];
}

/** What the evidence of any rule may have besides that of its packets. */
type Added = ContextEvidence & LossEvidence & (SynWhatIf | LaterWhatIf);

/** Lines about what was known besides the packets: the context of a host, and the what-if machine. */
function addedLines({ evidence }: FindingRow, style: TextStyle): string[] {
  const lines: string[] = evidence.dropped_between === true ? ['', ...wrap(DROPPED, style.width, '')] : [];
  const { context, what_if: whatIf } = evidence as Added;
  if (context !== undefined) {
    const { host, end, says, why } = context;
    lines.push('', style.bold(`What the ${end} says (${printable(host)})`));
    lines.push(...wrap(`${says}: ${printable(why)}`, style.width, INDENT));
  }
  if (whatIf !== undefined) {
    const { profile, ...said } = whatIf;
    lines.push('', style.bold(`What if: ${printable(profile)}`));
    lines.push(...wrap(whatIfSentence(said), style.width, INDENT));
  }
  return lines;
}

const keysOf = (values: Readonly<Record<string, unknown>>): string =>
  Object.entries(values)
    .map(([key, value]) => `${key}=${printableJson(value).replace(/^"|"$/g, '')}`)
    .join(' ');

function evidenceLines({ evidence }: FindingRow, style: TextStyle): string[] {
  const { context: _, what_if: __, dropped_between: ___, ...packets } = evidence as Added;
  const said = keysOf(packets);
  return said === '' ? [] : ['', style.bold('Evidence'), ...wrap(said, style.width, INDENT)];
}

/** The finding as in the other machine-readable formats, with what `explain` adds. */
export function findingJson(finding: FindingRow, captures: readonly CaptureRow[]): string {
  const decisions = decisionsOf(finding, erasOf(finding)).map(({ text, source, marks }) => ({
    text,
    source,
    numbers: marks.map(([{ ordinal }, field]) => ({ ordinal, field })),
  }));
  const document = {
    schema_version: SCHEMA_VERSION,
    finding: findingDocument(finding),
    decisions,
    advice: adviceFor(finding),
    tshark: tsharkCommands(finding.packets, captures),
  };
  return `${printableJson(document)}\n`;
}
