/** `npm run goldens`: writes the golden of every fixture, or of the fixtures with the given names. Review the diff. */
import { writeFileSync } from 'node:fs';
import { goldenDocument, goldenText } from '../../src/report/check/golden.ts';
import { collect } from './collect.ts';
import { EXPLAINED, explained, explainedFile } from './explained.ts';
import { fixtures } from './fixtures.ts';

const wanted = process.argv.slice(2);

for (const fixture of fixtures()) {
  if (wanted.length > 0 && !wanted.includes(fixture.name)) continue;
  const { findings, origin } = await collect(fixture.inputs);
  writeFileSync(fixture.golden, goldenText(goldenDocument(findings, origin)));
  console.log(`${fixture.name}: ${findings.length} findings`);
}

for (const [name, rule] of EXPLAINED) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  writeFileSync(explainedFile(name), await explained(name, rule));
}
