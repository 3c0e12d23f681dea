/**
 * Validates SARIF logs with the schema of SARIF 2.1.0 that @microsoft/jest-sarif ships. In JSON Schema draft-04 an
 * object may have properties that are not listed unless the schema forbids it, which this one always does.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { AnySchemaObject } from 'ajv';
import { default as Ajv } from 'ajv-draft-04';
import { default as addFormats } from 'ajv-formats';

const SCHEMA = createRequire(import.meta.url).resolve('@microsoft/jest-sarif/lib/schemas/sarif-2.1.0-rtm.5.json');

// Both are CommonJS modules, whose default export is a property `default` in Node. The schema has a pattern that is not
// valid with the flag u.
const ajv = new Ajv.default({ allErrors: true, strict: false, unicodeRegExp: false });
addFormats.default(ajv as never);
const isSarif = ajv.compile(JSON.parse(readFileSync(SCHEMA, 'utf8')) as AnySchemaObject);

export interface SarifLog {
  runs: {
    tool: { driver: { rules: { id: string; help: { text: string } }[] } };
    artifacts: { location: { uri: string } }[];
    results: {
      ruleId: string;
      ruleIndex?: number;
      level: string;
      message: { text: string };
      locations: { physicalLocation: { artifactLocation: { uri: string }; region: { startLine: number } } }[];
      partialFingerprints: Record<string, string>;
      baselineState?: string;
    }[];
    invocations: { executionSuccessful: boolean; toolExecutionNotifications: { message: { text: string } }[] }[];
  }[];
}

/** Parses a log; throws if it does not conform to the schema. */
export function parseSarif(json: string): SarifLog {
  const log = JSON.parse(json) as SarifLog;
  assert.ok(isSarif(log), ajv.errorsText(isSarif.errors));
  for (const { tool, results } of log.runs) {
    for (const { ruleId, ruleIndex } of results) {
      if (ruleIndex !== undefined) assert.equal(tool.driver.rules[ruleIndex].id, ruleId);
    }
  }
  return log;
}
