/** `pawscope explain`: prints the page of a rule, or a finding with its packets as a ladder diagram and what to do. */
import { readFileSync } from 'node:fs';
import { similarWords } from '../base/did-you-mean.ts';
import { packageUrl } from '../base/module-url.ts';
import { detectors } from '../detect/index.ts';
import { columns } from '../report/columns.ts';
import { findingJson, findingText } from '../report/explain/finding-text.ts';
import { markdownText } from '../report/explain/markdown.ts';
import { printableJson } from '../report/printable.ts';
import { hideAddresses } from '../store/anonymized.ts';
import { close, openForReading } from '../store/database.ts';
import { guarded } from '../store/failures.ts';
import { readCaptures, readFindingsById } from '../store/reader.ts';
import { anonymizerOf } from './anonymize.ts';
import { Exit, UsageError } from './exit.ts';
import { oneFinding } from './one-finding.ts';
import type { AnonymizeOptions, ColorMode, EXPLAIN_FORMATS } from './options.ts';
import { writeOut } from './output.ts';
import { rules } from './rules.ts';
import { textStyle } from './text-style.ts';

export interface ExplainOptions extends AnonymizeOptions {
  db: string;
  format: (typeof EXPLAIN_FORMATS)[number];
  color: ColorMode | false;
}

/** The id of a finding, or the beginning of one. */
const ID = /^[0-9a-f]{4,16}$/i;
const MIN_PREFIX = 4;

export async function explain(word: string | undefined, options: ExplainOptions): Promise<number> {
  await writeOut([word === undefined ? listed(options) : explained(word, options)]);
  return Exit.DONE;
}

function listed({ format }: ExplainOptions): string {
  const all = rules();
  if (format === 'json') return `${printableJson(all)}\n`;
  if (format === 'md') return all.map(({ id, title }) => `- \`${id}\`: ${title}\n`).join('');
  const lines = columns(all.map(({ id, title }) => [id, title]));
  return `${lines.join('\n')}\n\nTheir pages: pawscope explain RULE. A finding: pawscope explain ID --db FILE\n`;
}

function explained(word: string, options: ExplainOptions): string {
  const detector = detectors.find(({ meta }) => meta.id === word);
  if (detector !== undefined) return pageOf(word, options);
  if (!ID.test(word)) throw new UsageError(unknown(word));
  return findingOf(word.toLowerCase(), options);
}

const page = (rule: string): string => readFileSync(packageUrl(import.meta.url, `docs/detectors/${rule}.md`), 'utf8');

function pageOf(rule: string, { format, color }: ExplainOptions): string {
  const text = page(rule);
  if (format === 'md') return text;
  if (format === 'text') return markdownText(text, textStyle(color, false));
  const { meta } = detectors.find(detector => detector.meta.id === rule)!;
  return `${printableJson({ ...meta, page: text })}\n`;
}

/**
 * The message for a word that is neither a rule nor an id: similar rule names, or else the rules whose pages mention
 * the word as a class, cause, hint or evidence key.
 */
function unknown(word: string): string {
  if (/^[0-9a-f]+$/.test(word))
    return `${word} is too short for a finding's id; give at least ${MIN_PREFIX} of its digits`;
  const known = rules().map(({ id }) => id);
  const near = similarWords(word, known);
  if (near.length > 0) return `there is no rule ${word}; did you mean ${near.join(' or ')}?`;
  const speaking = known.filter(id => page(id).includes(`\`${word}\``));
  if (speaking.length > 0) return `there is no rule ${word}, but the page of ${speaking.join(' and of ')} mentions it`;
  return `there is no rule ${word}, and a finding's id has 16 hexadecimal digits; the rules are ${known.join(', ')}`;
}

function findingOf(prefix: string, options: ExplainOptions): string {
  const { db: path, format, color } = options;
  if (format === 'md')
    throw new UsageError('a finding is written as text or json; --format md is for the page of a rule');
  const db = openForReading(path);
  try {
    return guarded(path, () => {
      const anonymizer = anonymizerOf(options);
      let found = readFindingsById(db, prefix);
      if (anonymizer !== undefined) {
        hideAddresses(db, anonymizer);
        // The id may be the one in the database, or one printed by an earlier --anonymize with the same key.
        const ids = new Set(found.map(({ id }) => anonymizer.id(id)));
        found = ids.size === 0 ? readFindingsById(db, prefix) : [...ids].flatMap(id => readFindingsById(db, id));
      }
      const finding = oneFinding(found, path, prefix);
      const captures = readCaptures(db, [finding.run_id]);
      return format === 'json'
        ? findingJson(finding, captures)
        : findingText(finding, captures, textStyle(color, false));
    });
  } finally {
    close(db);
  }
}
