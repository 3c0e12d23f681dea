/** docs/api.md runs as it stands. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { runOptions } from '../../src/options.ts';
import { compiled, consumer } from '../build/consumer.ts';
import { fixture, ROOT } from '../cli/run.ts';

const PAGE = readFileSync(join(ROOT, 'docs', 'api.md'), 'utf8');
const examples = [...PAGE.matchAll(/^```(js|ts)\n([\s\S]*?)^```/gm)].map(([, language, text]) => ({
  language,
  text: text!,
}));

/** What each of them prints, in the order of the page. */
const PRINTED = [
  /^warning port-reuse Port 40000 used again[\s\S]*\ndone 25 2\n$/,
  /^office\.pcapng: 25 frames\nbuffer: 25 frames\nstream: 25 frames\nstream: 25 frames\nrack 4: 25 frames\nrotated-1\.pcap: 25 frames, rotated-2\.pcap: \d+ frames\n$/,
  /^192\.0\.2\.10:40000 waited 1\.01 s\n[\s\S]*answer-to-old-ack/,
  /^2023-11-14T22:13:\S+Z \{"id":"[0-9a-f]{16}"[\s\S]*"firstNs":"1700000030\d+"/,
  /^done\nTimeoutError\n$/,
  /^holiday\.jpg - holiday\.jpg: is not a pcap or pcapng capture \(byte 0\)\n$/,
];

test('every example of the page runs and prints what it should', async t => {
  const project = consumer(t);
  copyFileSync(fixture('time-wait-collision-one-second.pcap'), join(project, 'office.pcapng'));
  copyFileSync(fixture('time-wait-collision-one-second.pcap'), join(project, 'rotated-1.pcap'));
  copyFileSync(fixture('healthy-traffic.pcap'), join(project, 'rotated-2.pcap'));
  writeFileSync(join(project, 'holiday.jpg'), new Uint8Array(100).fill(0xff));
  assert.equal(examples.length, PRINTED.length);
  for (const [i, { language, text }] of examples.entries()) {
    const file = join(project, `x${i}.${language === 'ts' ? 'ts' : 'mjs'}`);
    writeFileSync(file, text);
    if (language === 'ts') {
      const options = {
        module: 'NodeNext',
        target: 'ES2022',
        types: ['node'],
        noEmit: false,
        rootDir: project,
        outDir: join(project, 'out'),
      };
      assert.equal(compiled(project, options), '');
    }
    // Its standard input is a pipe that says nothing.
    const run = await promisify(execFile)(process.execPath, [file.replace(/x(\d+)\.ts$/, 'out/x$1.js')], {
      cwd: project,
    });
    assert.equal(run.stderr, '', text);
    assert.match(run.stdout, PRINTED[i], text);
  }
});

test('the page tells every option that there is, and no other', () => {
  const table = PAGE.slice(PAGE.indexOf('## Options'), PAGE.indexOf('## Leaving'));
  const told = [...table.matchAll(/^\| ((?:`\w+`(?:, )?)+) \|/gm)].flatMap(([, names]) => names!.match(/\w+/g)!);
  assert.throws(
    () => runOptions({ nothingLikeIt: 1 } as object),
    (error: Error) => {
      assert.deepEqual(/there are (.*)$/.exec(error.message)![1].split(', ').sort(), told.sort());
      return true;
    },
  );
});
