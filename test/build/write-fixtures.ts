/** `npm run fixtures`: writes every situation and fixtures/README.md. The captures of lab.ts are not changed. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { lab } from './lab.ts';
import { situations } from './situations.ts';

const FOLDER = new URL('../../../fixtures/', import.meta.url);

for (const { file, make } of situations) {
  const path = new URL(file, FOLDER);
  mkdirSync(dirname(path.pathname), { recursive: true });
  writeFileSync(path, make());
}

const rows = [...situations, ...lab].map(({ file, about }) => `| \`${file}\` | ${about} |`);
writeFileSync(
  new URL('README.md', FOLDER),
  `# Fixtures

One situation a file. \`x.findings.json\` beside \`x.pcap\` is its golden: what \`analyze\` finds in it. A folder is a
rotated set that is analysed as one; its golden lies beside the folder. \`x.explain.txt\` is one of its findings as
\`explain\` tells it, 80 columns wide; \`test/build/explained.ts\` chooses.

- \`npm run fixtures\` writes the captures from \`test/build/situations/\`, byte for byte the same each time.
- \`npm run goldens\` writes the goldens anew. Read the diff before you commit it.
- \`lab-*.pcap\` were taken with tcpdump between network namespaces on Linux 6.18 (and 4.10.17 for tcp_tw_recycle).

| file | how it was made |
|---|---|
${rows.join('\n')}
`,
);
console.log(`${situations.length} fixtures written`);
