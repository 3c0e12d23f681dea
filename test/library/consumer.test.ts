/** The package as another project has it: its types under every way to resolve them, and that they are true. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { detectors } from '../../src/detect/index.ts';
import { analyse, type Finding } from '../../src/index.ts';
import { compiled, consumer } from '../build/consumer.ts';
import { fixtures } from '../build/fixtures.ts';
import { fixture, ROOT } from '../cli/run.ts';

const NODE = { module: 'NodeNext', target: 'ES2022', lib: ['ES2023'], types: ['node'] };
const BUNDLER = { module: 'ESNext', moduleResolution: 'Bundler', target: 'ES2022' };

const PROGRAM = `
import { analyse, type Analysis, type EvidenceOf, type Finding, type FindingOf, type Rule, type Summary } from 'pawscope';

export async function use(bytes: Uint8Array, signal: AbortSignal): Promise<Summary> {
  const analysis: Analysis = analyse([bytes, 'x.pcap', { name: 'y', source: bytes }], { rules: ['port-reuse'], signal });
  for await (const finding of analysis) {
    const times: bigint = finding.lastNs - finding.firstNs + (finding.packets[0]?.tsNs ?? 0n);
    if (finding.rule === 'port-reuse') {
      const owner: 'client' | 'server' | 'both' | 'none' = finding.evidence.owner;
      const narrowed: FindingOf<'port-reuse'> = finding;
      const verdict: string | undefined = finding.evidence.verdict;
      console.log(owner, narrowed, verdict, times);
      // @ts-expect-error: of another rule
      console.log(finding.evidence.occupancy);
    }
    // @ts-expect-error: which evidence there is depends on the rule
    console.log(finding.evidence.owner);
    console.log(finding.evidence.context?.says);
  }
  return analysis.summary();
}

/** Every rule is told apart: nothing is left. */
export function told(finding: Finding): number | string {
  switch (finding.rule) {
${detectors.map(({ meta }) => `    case '${meta.id}':`).join('\n')}
      return finding.rule;
    default: {
      const none: never = finding;
      return none;
    }
  }
}

export const delta = (evidence: EvidenceOf['timestamp-regress']): number => evidence.delta;
export const rule: Rule = 'idle-timer';

// @ts-expect-error: no such rule
analyse('x', { rules: ['port-resue'] });
// @ts-expect-error: no such option
analyse('x', { timewait: 60 });
// @ts-expect-error: a source is no number
analyse(42);
declare const web: ReadableStream<Uint8Array>;
analyse(web);
analyse(new URL('file:///x.pcap'));
`;

const literal = (value: unknown): string =>
  JSON.stringify(value, (_, each) => (typeof each === 'bigint' ? `bigint:${each}` : each)).replace(
    /"bigint:(-?\d+)"/g,
    '$1n',
  );

/** One finding for each set of keys that the evidence of a rule may have. */
async function examples(): Promise<Finding[]> {
  const found = new Map<string, Finding>();
  for (const { inputs } of fixtures()) {
    const paths = inputs.map(input => (input as { path: string }).path);
    for (const machine of [{}, { profile: 'linux-3.10', sysctls: { tcp_tw_recycle: 1 } }]) {
      for await (const finding of analyse(paths, machine)) {
        found.set(`${finding.rule} ${Object.keys(finding.evidence)}`, finding);
      }
    }
  }
  return [...found.values()];
}

test('the types hold in another project, for Node as for a bundler, and are those of what is found', async t => {
  const project = consumer(t);
  writeFileSync(join(project, 'program.ts'), PROGRAM);
  const all = await examples();
  assert.equal(new Set(all.map(({ rule }) => rule)).size, detectors.length, 'every rule is found in some fixture');
  const list = `import type { Finding } from 'pawscope';\nexport const all: Finding[] = [\n${all.map(literal).join(',\n')}\n];\n`;
  writeFileSync(join(project, 'all.ts'), list);
  for (const options of [NODE, BUNDLER, { ...NODE, exactOptionalPropertyTypes: true }]) {
    assert.equal(compiled(project, options), '', JSON.stringify(options));
  }
  writeFileSync(join(project, 'all.ts'), list.replace('"evidence":{', '"evidence":{"unheard_of":1,'));
  assert.match(compiled(project, BUNDLER), /all\.ts.*unheard_of.* does not exist/, 'and a key too many would show');
});

test('the installed package runs, and exports one function', t => {
  const project = consumer(t);
  const script = `
    import * as pawscope from 'pawscope';
    const { tally } = await pawscope.analyse(process.argv[1], { workers: 1 }).summary();
    console.log(JSON.stringify([Object.keys(pawscope), tally.frames]));`;
  const args = ['--input-type=module', '-e', script, fixture('time-wait-collision-one-second.pcap')];
  const output = execFileSync(process.execPath, args, { cwd: project, encoding: 'utf8' });
  assert.deepEqual(JSON.parse(output), [['analyse'], 25]);
  const installed = join(project, 'node_modules', 'pawscope');
  const bin = join(installed, 'bin', 'pawscope.js');
  const { version, man } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  for (const file of [man, 'docs/pawscope.config.schema.json', 'docs/api.md']) {
    assert.ok(existsSync(join(installed, file)), `${file} is packed`);
  }
  assert.equal(execFileSync(process.execPath, [bin, '--version'], { encoding: 'utf8' }), `${version}\n`);
});
