/**
 * Captures of other projects, each with what tshark 4.0 says of it beside it (FILE.truth.json). They may not be
 * published, so they live outside the repository: PAWSCOPE_CORPUS names their folder. Every difference is in a table
 * here and explained in docs/differences.md.
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { test } from 'node:test';
import { type Outcome, read } from './capture/read.ts';

const CORPUS = process.env.PAWSCOPE_CORPUS;
const skip = CORPUS === undefined || !existsSync(CORPUS) ? 'skipped: needs PAWSCOPE_CORPUS' : false;

interface Truth {
  frames: number;
  tcp_frames: number;
  rst_frames: number[];
  syn_frames: { frame: number; time: string; src: string; dst: string; sport: number; dport: number; ack: boolean }[];
}

/** Where we say something else than tshark. */
interface Difference {
  why: 'icmp-quoted' | 'sflow' | 'fragments' | 'xz' | 'refused';
  frames?: number;
  tcp?: number;
  rst?: number[];
  /** SYN frames that tshark counts and we do not. */
  syn?: number[];
  error?: RegExp;
}

const DIFFERENCES: Readonly<Record<string, Difference>> = {
  'LibtraceTeam+libtrace/100_packets.erf': { why: 'refused', error: /is not a pcap or pcapng capture/ },
  'OISF+suricata-verify/filestore-5408__input.pcap': { why: 'sflow', tcp: 125, syn: [116] },
  'OISF+suricata-verify/frag-ip-tcp-syn.pcap': { why: 'fragments', tcp: 0, syn: [3] },
  'dns-stats+compactor/dnscap.pcap.xz': { why: 'xz', frames: 8 },
  'mtottenh+pcapsql/nflog-ebtables.pcapng': { why: 'icmp-quoted', tcp: 6, syn: [26, 28] },
  'ntop+nDPI/6in4tunnel.pcap': { why: 'icmp-quoted', tcp: 75 },
  'rshk+python-pcapng/test006-fixed.ntar': { why: 'refused', error: /unsupported link type 2 / },
};

const filesUnder = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();

const TRUTH = '.truth.json';
const files = skip ? [] : filesUnder(CORPUS!);
const compared = files.filter(f => f.endsWith(TRUTH) && !f.startsWith('malformed')).map(f => f.slice(0, -TRUTH.length));
const malformed = files.filter(f => f.startsWith('malformed') && !/\.(tsv|json|md|txt)$/.test(f));

const readFile = (file: string): Promise<Outcome> => read([{ name: file, path: join(CORPUS!, file) }], 3);

/** `1055289978.756932000` as nanoseconds. */
const epoch = (time: string): bigint => BigInt(time.replace('.', ''));

/** Times further than this from the first frame are doubles beyond 2^53 (base/time.ts). */
const EXACT = 104n * 86_400n * 1_000_000_000n;

const text = (s: Truth['syn_frames'][number]): string => {
  const end = (address: string, port: number): string => `${address.includes(':') ? `[${address}]` : address}:${port}`;
  return `${end(s.src, s.sport)} > ${end(s.dst, s.dport)}`;
};

test('every difference from tshark is explained in docs/differences.md', () => {
  const page = readFileSync(new URL('../../docs/differences.md', import.meta.url), 'utf8');
  for (const [file, { why }] of Object.entries(DIFFERENCES)) {
    assert.ok(page.includes(`(\`${why}\`)`), why);
    assert.ok(page.includes(file.split('/').at(-1)!), file);
  }
});

test('corpus', { skip }, async t => {
  assert.ok(compared.length > 0, 'no truth files found');
  for (const file of compared) {
    await t.test(file, async () => {
      const truth = JSON.parse(readFileSync(join(CORPUS!, file + TRUTH), 'utf8')) as Truth;
      const difference = DIFFERENCES[file.split(sep).join('/')];
      if (difference?.error !== undefined) {
        await assert.rejects(readFile(file), difference.error);
        return;
      }
      const { rows, captures, skipped, origin } = await readFile(file);
      assert.equal(captures[0].frames, difference?.frames ?? truth.frames, 'frames');
      assert.equal(rows.length, difference?.tcp ?? truth.tcp_frames, 'TCP frames');
      const resets = rows.filter(r => / [A-Z]*R/.test(r.text)).map(r => r.frame);
      assert.deepEqual(resets, difference?.rst ?? truth.rst_frames, 'RST frames');

      const byFrame = new Map(rows.map(row => [row.frame, row]));
      for (const syn of truth.syn_frames) {
        if (difference?.syn?.includes(syn.frame)) continue;
        const row = byFrame.get(syn.frame)!;
        assert.equal(row.text, `${text(syn)} S${/ S(\w*)$/.exec(row.text)![1]}`, `SYN in frame ${syn.frame}`);
        const at = epoch(syn.time);
        const apart = at - BigInt(origin) * 1_000_000_000n;
        if (apart < EXACT && apart > -EXACT) assert.equal(row.at, at, `time of frame ${syn.frame}`);
      }
      const counted = Object.values(skipped).reduce((a, b) => a + b, 0);
      assert.equal(rows.length + counted, captures[0].frames, 'every frame is a row or a counted skip');
    });
  }
});

test('corpus: damaged captures and crashers of other tools', { skip }, async t => {
  assert.ok(malformed.length > 0, 'no malformed captures found');
  for (const file of malformed) {
    await t.test(file, { timeout: 5000 }, async () => {
      const outcome = await readFile(file).catch((error: Error) => {
        assert.equal(error.name, 'CaptureError', error.stack);
        return undefined;
      });
      if (outcome === undefined) return;
      const counted = Object.values(outcome.skipped).reduce((a, b) => a + b, 0);
      assert.equal(outcome.rows.length + counted, outcome.frames);
    });
  }
});
