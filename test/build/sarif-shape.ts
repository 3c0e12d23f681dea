/**
 * The part of the schema of SARIF 2.1.0 that our logs use: which properties an object must and may have, and of what
 * kind. Like the schema, it allows no others; `properties` bags hold anything.
 */
import assert from 'node:assert/strict';

type Shape = 'string' | 'integer' | 'boolean' | 'bag' | readonly string[] | { all: Shape } | ObjectShape;
/** A name that ends in `!` is required. */
interface ObjectShape {
  of: Readonly<Record<string, Shape>>;
}

const text: Shape = { of: { 'text!': 'string', markdown: 'string' } };
const level: Shape = ['none', 'note', 'warning', 'error'];
const artifactLocation: Shape = { of: { uri: 'string', index: 'integer' } };

const rule: Shape = {
  of: {
    'id!': 'string',
    name: 'string',
    shortDescription: text,
    fullDescription: text,
    help: text,
    properties: 'bag',
  },
};

const result: Shape = {
  of: {
    ruleId: 'string',
    ruleIndex: 'integer',
    level,
    'message!': { of: { 'text!': 'string' } },
    locations: {
      all: { of: { physicalLocation: { of: { artifactLocation, region: { of: { startLine: 'integer' } } } } } },
    },
    partialFingerprints: 'bag',
    baselineState: ['new', 'unchanged', 'updated', 'absent'],
    properties: 'bag',
  },
};

const invocation: Shape = {
  of: {
    'executionSuccessful!': 'boolean',
    toolExecutionNotifications: { all: { of: { level, 'message!': { of: { 'text!': 'string' } } } } },
  },
};

const run: Shape = {
  of: {
    'tool!': {
      of: {
        'driver!': { of: { 'name!': 'string', version: 'string', semanticVersion: 'string', rules: { all: rule } } },
      },
    },
    artifacts: { all: { of: { location: artifactLocation, roles: { all: ['analysisTarget'] } } } },
    results: { all: result },
    invocations: { all: invocation },
  },
};

const LOG: Shape = { of: { $schema: 'string', 'version!': ['2.1.0'], 'runs!': { all: run } } };

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

/** The log, when it is one. */
export function parseSarif(json: string): SarifLog {
  const log = JSON.parse(json) as SarifLog;
  conforms(log, LOG, 'log');
  for (const { tool, results } of log.runs) {
    for (const { ruleId, ruleIndex, locations = [] } of results) {
      if (ruleIndex !== undefined) assert.equal(tool.driver.rules[ruleIndex].id, ruleId);
      for (const { physicalLocation } of locations) assert.ok(physicalLocation.region.startLine >= 1);
    }
  }
  return log;
}

function conforms(value: unknown, shape: Shape, path: string): void {
  if (shape === 'string') assert.equal(typeof value, 'string', path);
  else if (shape === 'integer') assert.ok(Number.isInteger(value), path);
  else if (shape === 'boolean') assert.equal(typeof value, 'boolean', path);
  else if (shape === 'bag') assert.ok(typeof value === 'object' && value !== null && !Array.isArray(value), path);
  else if ('all' in shape) {
    assert.ok(Array.isArray(value), path);
    for (const [i, one] of value.entries()) conforms(one, shape.all, `${path}[${i}]`);
  } else if ('of' in shape) {
    const known = new Map(Object.entries(shape.of).map(([name, inner]) => [name.replace('!', ''), inner]));
    for (const [name, inner] of Object.entries(value as object)) {
      const expected = known.get(name);
      assert.ok(expected, `${path} has no property ${name}`);
      conforms(inner, expected, `${path}.${name}`);
    }
    for (const name of Object.keys(shape.of).filter(each => each.endsWith('!'))) {
      assert.ok(Object.hasOwn(value as object, name.slice(0, -1)), `${path}.${name} is missing`);
    }
  } else assert.ok(shape.includes(value as string), `${path}: ${value}`);
}
