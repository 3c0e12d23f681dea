/**
 * SARIF 2.1.0 (OASIS), written while the results arrive: the run with its rules first, then the results, then the
 * notes. The limits are those of GitHub's code scanning, which refuses a run of more than 25,000 results.
 */

import type { Meta } from '../../detect/detector.ts';
import type { Severity } from '../../detect/finding.ts';
import { detectors } from '../../detect/index.ts';
import { printableJson } from '../printable.ts';
import { thousands } from '../words.ts';

const SCHEMA = 'https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json';
export const MOST_RESULTS = 25_000;

export const SARIF_LEVEL = {
  critical: 'error',
  error: 'error',
  warning: 'warning',
  notice: 'note',
  info: 'note',
} as const satisfies Record<Severity, string>;

type SarifLevel = (typeof SARIF_LEVEL)[Severity];

export interface SarifResult {
  rule: string;
  level: SarifLevel;
  text: string;
  /** Name of the capture; `frame` is written as the line number. */
  file: string | undefined;
  frame: number | undefined;
  /** Identifies the same result in the next run. */
  fingerprint: string;
  baselineState?: 'new' | 'absent' | 'updated';
  properties: Readonly<Record<string, unknown>>;
}

export interface SarifNote {
  level: 'warning' | 'error';
  text: string;
}

interface SarifRun<T> {
  version: string;
  /** Names of the captures. */
  files: readonly string[];
  /** Worst first, as later ones may not fit; `resultOf` is called only for those that do. */
  items: Iterable<T>;
  resultOf: (item: T) => SarifResult;
  notes: readonly SarifNote[];
  isComplete: boolean;
  /** Rules in addition to those of the findings. */
  rules?: readonly Pick<Meta, 'id' | 'title' | 'why' | 'fix'>[];
}

export function* sarifLog<T>(run: SarifRun<T>): Generator<string> {
  const { version, files, items, resultOf, notes, isComplete, rules = [] } = run;
  const all = [...detectors.map(({ meta }) => ruleOf(meta)), ...rules.map(ruleOf)];
  const driver = { name: 'Pawscope', version, semanticVersion: version, rules: all };
  yield `{"$schema": "${SCHEMA}",\n"version": "2.1.0",\n"runs": [{\n"tool": ${printableJson({ driver })},\n`;
  yield `"artifacts": ${printableJson(files.map(file => ({ location: { uri: uri(file) }, roles: ['analysisTarget'] })))},\n`;
  yield '"results": [';
  const indexes = new Map(all.map(({ id }, index) => [id, index]));
  let count = 0;
  for (const item of items) {
    if (++count > MOST_RESULTS) continue;
    const result = resultOf(item);
    yield `${count === 1 ? '' : ','}\n${printableJson(resultObject(result, indexes.get(result.rule)))}`;
  }
  const left: SarifNote[] = [];
  if (count > MOST_RESULTS) {
    left.push({ level: 'warning', text: `${thousands(count - MOST_RESULTS)} more results were left out` });
  }
  const notifications = [...notes, ...left].map(({ level, text }) => ({ level, message: { text: literal(text) } }));
  const invocation = { executionSuccessful: isComplete, toolExecutionNotifications: notifications };
  yield `${count === 0 ? '' : '\n'}],\n"invocations": [${printableJson(invocation)}]\n}]}\n`;
}

function resultObject(result: SarifResult, ruleIndex: number | undefined): object {
  const { rule, level, text, file, frame, fingerprint, baselineState, properties } = result;
  return {
    ruleId: rule,
    ...(ruleIndex === undefined ? {} : { ruleIndex }),
    level,
    message: { text: literal(text) },
    ...(file === undefined ? {} : { locations: [location(file, frame)] }),
    // Code scanning reads only the second one.
    partialFingerprints: { 'pawscope/v1': fingerprint, primaryLocationLineHash: `${fingerprint}:1` },
    ...(baselineState === undefined ? {} : { baselineState }),
    properties,
  };
}

const location = (file: string, frame: number | undefined): object => ({
  physicalLocation: { artifactLocation: { uri: uri(file) }, region: { startLine: frame ?? 1 } },
});

const ruleOf = ({ id, title, why, fix, ...more }: Pick<Meta, 'id' | 'title' | 'why' | 'fix'> & Partial<Meta>) => {
  const sections: [string, string][] = [
    ['What to change', fix],
    ['What not to do', more.doNot ?? ''],
    ['References', more.references?.join('; ') ?? ''],
  ];
  const filled = sections.filter(([, text]) => text !== '');
  return {
    id,
    name: id.replace(/(?:^|-)(\w)/g, (_, letter: string) => letter.toUpperCase()),
    shortDescription: { text: literal(title) },
    fullDescription: { text: literal(why) },
    help: {
      text: literal([why, ...filled.map(([head, text]) => `${head}: ${text}`)].join('\n\n')),
      markdown: [why, ...filled.map(([head, text]) => `**${head}:** ${text}`)].join('\n\n'),
    },
    properties: { tags: ['network', 'tcp'] },
  };
};

/** Escapes text for a message (§3.11), where braces mark arguments and square brackets links. */
const literal = (text: string): string => text.replace(/[{}]/g, '$&$&').replace(/[\\[\]]/g, '\\$&');

/** A relative reference, or a file URI for an absolute path. Standard input is `-`. */
const uri = (file: string): string => {
  const path = file
    .replace(/\p{Cs}/gu, '\ufffd')
    .split('/')
    .map(encodeURIComponent)
    .join('/');
  return path.startsWith('/') ? `file://${path}` : path;
};
