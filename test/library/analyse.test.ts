/** The library as a program uses it: sources, leaving, aborting, waiting, errors. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createReadStream, ReadStream, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import { rules } from '../../src/cli/rules.ts';
import { analyse, type Finding, type NamedSource, type Options, type Source } from '../../src/index.ts';
import { collect } from '../build/collect.ts';
import { fixtures } from '../build/fixtures.ts';
import { folder } from '../build/store-sample.ts';
import { fixture, ROOT } from '../cli/run.ts';

const COLLISION = fixture('time-wait-collision-one-second.pcap');
/** Inflated by one WebAssembly instance each, whose state must not be shared. */
const COMPRESSED = readdirSync(join(ROOT, 'test/capture/compression/samples'))
  .filter(name => /^stream-300\./.test(name))
  .map(name => join(ROOT, 'test/capture/compression/samples', name));
const BUSY = fixture('lab-recycle-two-hosts.pcap');

async function all(source: Source | NamedSource | readonly (Source | NamedSource)[], options: Options = {}) {
  const findings: Finding[] = [];
  const analysis = analyse(source, options);
  for await (const finding of analysis) findings.push(finding);
  return { findings, summary: await analysis.summary() };
}

async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** The same capture again and again, an hour later each time; `given` counts the bytes that were taken. */
function endless(path: string): { stream: Readable; given: () => number } {
  const capture = readFileSync(path);
  const header = capture.subarray(0, 24);
  let given = 0;
  async function* bytes(): AsyncGenerator<Uint8Array> {
    yield header;
    for (let round = 0; ; round++) {
      const body = Buffer.from(capture.subarray(24));
      for (let at = 0; at < body.length; at += 16 + body.readUInt32LE(at + 8)) {
        body.writeUInt32LE(body.readUInt32LE(at) + 3600 * round, at);
      }
      given += body.length;
      yield body;
    }
  }
  return { stream: Readable.from(bytes(), { objectMode: true }), given: () => given };
}

test('paths, URLs, buffers and streams of every kind give the same findings', async () => {
  const bytes = readFileSync(COLLISION);
  const expected = await all(COLLISION);
  assert.ok(expected.findings.length > 0);
  assert.deepEqual(expected.summary.captures[0].source, COLLISION);
  const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
  for (const [source, name] of [
    [pathToFileURL(COLLISION), COLLISION],
    [bytes, 'buffer'],
    [buffer, 'buffer'],
    [createReadStream(COLLISION, { highWaterMark: 100 }), 'stream'],
    [new Blob([bytes]).stream(), 'stream'],
    [pieces(bytes, 7), 'stream'],
    [Readable.from(pieces(gzipSync(bytes), 11)), 'stream'],
    [{ name: 'rack 4', source: pieces(bytes, 1000) }, 'rack 4'],
    [[{ name: 'rack 5', source: bytes }], 'rack 5'],
  ] as const) {
    const { findings, summary } = await all(source);
    assert.deepEqual(findings, expected.findings, name);
    assert.deepEqual(summary.tally, expected.summary.tally);
    assert.deepEqual([summary.status, summary.captures[0].source], ['done', name]);
  }
});

test('several sources are one stream in time order, and each bears its own name', async () => {
  const bytes = readFileSync(COLLISION);
  let cut = 24;
  for (let frame = 0; frame < 12; frame++) cut += 16 + bytes.readUInt32LE(cut + 8);
  const late = Buffer.concat([bytes.subarray(0, 24), bytes.subarray(cut)]);
  const { findings, summary } = await all([late, pieces(bytes.subarray(0, cut), 50)]);
  const whole = await all(bytes);
  assert.deepEqual(
    findings.map(({ id }) => id),
    whole.findings.map(({ id }) => id),
  );
  assert.deepEqual(
    summary.captures.map(({ source }) => source),
    ['buffer 1', 'stream 2'],
  );
});

test('findings are those of the command line, with times since the epoch', async () => {
  for (const { name, inputs } of fixtures()) {
    const core = await collect(inputs, { workers: 0 });
    const { findings, summary } = await all(inputs.map(input => (input as { path: string }).path));
    assert.deepEqual(
      findings.map(({ id, firstNs, evidence }) => [id, firstNs, evidence]),
      core.findings.map(f => [f.id, BigInt(core.origin) * 1_000_000_000n + BigInt(Math.round(f.firstAt)), f.evidence]),
      name,
    );
    assert.deepEqual(summary.tally, core.tally, name);
  }
});

test('a loop that is left closes its stream and its threads, and says interrupted', async () => {
  for (const workers of [0, 2]) {
    const { stream } = endless(COLLISION);
    const analysis = analyse(stream, { workers });
    for await (const finding of analysis) {
      assert.ok(finding.id);
      break;
    }
    assert.equal(stream.destroyed, true);
    const { status, captures } = await analysis.summary();
    assert.deepEqual([status, captures[0].notes], ['interrupted', []], 'what we leave is not cut short');
    for await (const finding of analysis) assert.fail(`${finding.id} after the loop was left`);
  }
});

test('an error of the loop comes out of it, after the clean-up', async () => {
  const { stream } = endless(COLLISION);
  await assert.rejects(async () => {
    for await (const finding of analyse(stream, { workers: 1 })) throw new RangeError(finding.rule);
  }, RangeError);
  assert.equal(stream.destroyed, true);
});

test('a signal ends an analysis wherever it stands: silent streams, a full queue, threads at work', async () => {
  const reason = new Error('enough');
  const silent = (): PassThrough => new PassThrough();
  const begun = (): PassThrough => {
    const stream = new PassThrough();
    stream.write(readFileSync(COLLISION));
    return stream;
  };
  const web = (): ReadableStream<Uint8Array> => new ReadableStream({ start: c => c.enqueue(readFileSync(COLLISION)) });
  for (const open of [silent, begun, web, () => endless(COLLISION).stream]) {
    for (const workers of [0, 1]) {
      const abort = new AbortController();
      const source = open();
      const analysis = analyse(source, { workers, signal: abort.signal });
      const loop = (async () => {
        for await (const finding of analysis) await turn(finding);
      })();
      await new Promise(resolve => setTimeout(resolve, 20));
      abort.abort(reason);
      await assert.rejects(loop, reason);
      await assert.rejects(analysis.summary(), reason);
      if (source instanceof Readable) assert.equal(source.destroyed, true);
    }
  }
});

test('a signal that was given before opens nothing', async () => {
  const { stream, given } = endless(COLLISION);
  await assert.rejects(analyse(stream, { signal: AbortSignal.abort() }).summary(), { name: 'AbortError' });
  assert.equal(given(), 0);
});

test('who takes no finding makes no reading: memory is bounded', async () => {
  for (const workers of [0, 2]) {
    const { stream, given } = endless(COLLISION);
    const findings = analyse(stream, { workers, maxFindings: Number.MAX_SAFE_INTEGER })[Symbol.asyncIterator]();
    await findings.next();
    let before = -1;
    for (let still = 0; still < 20; before = given()) {
      await new Promise(resolve => setTimeout(resolve, 10));
      still = given() === before ? still + 1 : 0;
    }
    assert.ok(given() < 64 << 20, `${given()} bytes were read`);
    const taken = given();
    for (let i = 0; i < 200_000 && given() === taken; i++) await findings.next();
    assert.ok(given() > taken, 'and it goes on when findings are taken');
    await findings.return();
  }
});

test('a program that takes no more findings and has nothing else to do ends', () => {
  const script = `
    import { analyse } from '${new URL('../../src/index.js', import.meta.url)}';
    import { readFileSync } from 'node:fs';
    const capture = readFileSync(process.argv[1]);
    async function* endless() {
      yield capture.subarray(0, 24);
      for (;;) yield capture.subarray(24);
    }
    const findings = analyse(endless(), { maxFindings: 1e9 })[Symbol.asyncIterator]();
    console.log((await findings.next()).value.rule);`;
  const args = ['--input-type=module', '-e', script, COLLISION];
  const { status, stdout } = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 30_000 });
  assert.deepEqual([status, stdout.trim()], [0, 'port-reuse']);
});

test('analyses at the same time give what they give alone', async t => {
  const gzip = join(folder(t), 'x.pcap.gz');
  writeFileSync(gzip, gzipSync(readFileSync(BUSY)));
  const several: [Source, Options][] = [
    [BUSY, {}],
    [COLLISION, { workers: 2 }],
    [gzip, { timeWait: 120 }],
    [fixture('ipv6-collision.pcap'), { workers: 1, rules: ['port-reuse'] }],
    [COLLISION, { profile: 'linux-3.10', sysctls: { tcp_tw_recycle: 1 } }],
    [readFileSync(BUSY), { workers: 2, portRange: [1024, 65_535] }],
    ...COMPRESSED.flatMap(path =>
      [1, 2].map((): [Source, Options] => [createReadStream(path, { highWaterMark: 999 }), {}]),
    ),
  ];
  const together = await Promise.all(several.map(([source, options]) => all(source, options)));
  for (const [i, [source, options]] of several.entries()) {
    const again = source instanceof ReadStream ? createReadStream(source.path) : source;
    assert.deepEqual(together[i], await all(again, options));
  }
});

test('without a loop the summary reads everything; nothing is opened before it is asked for', async () => {
  const analysis = analyse('no such file.pcap');
  await turn();
  await assert.rejects(analysis.summary(), { name: 'CaptureError' });
  assert.equal((await analyse(BUSY).summary()).tally.frames, (await all(BUSY)).summary.tally.frames);
});

test('a capture that is cut short is no error; the summary says damaged and why', async () => {
  const { findings, summary } = await all(readFileSync(COLLISION).subarray(0, -20));
  assert.ok(findings.length > 0);
  assert.equal(summary.status, 'damaged');
  assert.equal(summary.captures[0].notes[0].kind, 'truncated');
});

test('what cannot be read is a CaptureError with its source, and its cause where there is one', async () => {
  const broken = new Error('the line is dead');
  const failing = Readable.from(
    (async function* () {
      yield readFileSync(COLLISION).subarray(0, 100);
      throw broken;
    })(),
  );
  const text = Readable.from(['a', 'b']);
  for (const [source, about] of [
    ['no such file.pcap', { source: 'no such file.pcap', message: /there is no such file/ }],
    [new Uint8Array(64), { source: 'buffer', message: /not a pcap or pcapng/ }],
    [failing, { source: 'stream', message: /the line is dead/, cause: broken }],
    [text, { source: 'stream', message: /yields text, not bytes/ }],
    [fixture(''), { message: /folder/ }],
  ] as const) {
    await assert.rejects(all(source), { name: 'CaptureError', code: 'ERR_PAWSCOPE_CAPTURE', ...about });
  }
});

test('what cannot be is an OptionError at once, and guesses the mistake', () => {
  const bad = (source: unknown, options: unknown, option: string, message: RegExp): void =>
    assert.throws(() => analyse(source as Source, options as Options), {
      name: 'OptionError',
      code: 'ERR_PAWSCOPE_OPTION',
      option,
      message,
    });
  bad('x', { timewait: 1 }, 'timewait', /there is no option timewait; did you mean timeWait\?$/);
  bad('x', { timeWait: '60' }, 'timeWait', /number of seconds/);
  bad('x', { rules: ['port-resue'] }, 'rules', /there is no rule port-resue; did you mean port-reuse\?$/);
  bad('x', { rules: 'port-reuse' }, 'rules', /a list of rules/);
  bad('x', { portRange: [2, 1] }, 'portRange', /two ports/);
  bad('x', { workers: 1.5 }, 'workers', /whole number from 0 to 64/);
  bad('x', { profile: 'linux-9' }, 'profile', /there is no profile linux-9/);
  bad('x', { sysctls: { tcp_rfc1337: 2 } }, 'sysctls', /a number from 0 to 1/);
  bad('x', { contexts: [{}] }, 'contexts', /pawscope collect/);
  bad('x', { signal: new AbortController() }, 'signal', /AbortSignal/);
  bad('x', null, 'options', /options are an object/);
  bad(42, {}, 'source', /not 42$/);
  bad({ name: 'x', source: {} }, {}, 'source', /not an object of type Object \(x\)$/);
  bad(new URL('https://example.com/x.pcap'), {}, 'source', /only file: URLs/);
});

test('progress is told while captures are read', async () => {
  const told: number[] = [];
  await analyse(BUSY, { onProgress: ({ consumed, total }) => told.push(consumed / total) }).summary();
  assert.equal(told.at(-1), 1);
});

test('the rules of the options are those of the command line', async () => {
  const ids = rules().map(({ id }) => id);
  const { summary } = await all(BUSY, { rules: ids as Options['rules'] });
  assert.deepEqual(summary.tally, (await all(BUSY)).summary.tally);
});
