/**
 * Where tshark says "TCP Port numbers reused" of a SYN, there is a finding of port-reuse, or the capture itself says why
 * not. The classes are those of docs/differences.md; the test tells them from the segments of the tuple alone.
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { MILLISECOND, type Nanos } from '../src/base/time.ts';
import { Reader } from '../src/capture/reader.ts';
import { SKIPS, Slab } from '../src/capture/slab.ts';
import { GRACE, TIME_WAIT } from '../src/flow/time-wait.ts';
import { decode } from '../src/wire/decode.ts';
import { Hosts } from '../src/wire/hosts.ts';
import { Locator } from '../src/wire/locate.ts';
import { Segment } from '../src/wire/segment.ts';
import { Flag } from '../src/wire/tcp.ts';
import { collect } from './build/collect.ts';

const CORPUS = process.env.PAWSCOPE_CORPUS;
const skip = CORPUS === undefined || !existsSync(CORPUS) ? 'skipped: needs PAWSCOPE_CORPUS' : false;
const TRUTH = '.truth.json';

interface Truth {
  reused_ports_frames?: number[];
  syn_frames: { frame: number; ack: boolean }[];
}

/** Why a SYN that tshark flags is no finding of port-reuse. */
const CLASSES = ['icmp-quoted', 'duplicate', 'retransmission', 'no-state-before', 'long-ago', 'other-path'] as const;
type Class = (typeof CLASSES)[number];

interface Seen {
  frame: number;
  at: Nanos;
  /** Both ends, and the VLAN and tunnel. */
  tuple: string;
  path: number;
  from: string;
  flags: number;
  seq: number;
  ack: number;
  ipId: number;
}

/** TCP of a capture in file order, and whether ICMP errors quote more of it. */
async function segmentsOf(path: string): Promise<{ seen: Seen[]; quoted: boolean }> {
  const reader = await Reader.open([{ name: path, path }], new Locator());
  const [slab, hosts, s] = [new Slab(), new Hosts(), new Segment()];
  const seen: Seen[] = [];
  for (let batch = await reader.fill(slab, 1); batch !== null; batch = await reader.fill(slab, 1)) {
    for (let row = 0; row < batch.rows; row++) {
      if (!decode(slab, row, batch.capture, hosts, s)) continue;
      const from = `${hosts.text(s.src, s.scope)} ${s.ports >>> 16}`;
      const to = `${hosts.text(s.dst, s.scope)} ${s.ports & 0xffff}`;
      const { frame, at, flags, ipId } = s;
      const tuple = from < to ? `${from} ${to}` : `${to} ${from}`;
      seen.push({ frame, at, tuple, path: s.scope, from, flags, seq: s.seq >>> 0, ack: s.ack >>> 0, ipId });
    }
  }
  reader.close();
  return { seen, quoted: (reader.skipped[SKIPS.indexOf('icmp-quoted')] ?? 0) > 0 };
}

const isSyn = ({ flags }: Seen): boolean => (flags & (Flag.SYN | Flag.ACK | Flag.RST)) === Flag.SYN;
const isReset = ({ flags }: Seen): boolean => (flags & Flag.RST) !== 0;

/** Copies of a SYN come within this, and with the same IPv4 identification. */
const COPY: Nanos = 50 * MILLISECOND;

/** The class of a SYN; undefined when the capture gives no reason for silence. */
function explain(frame: number, { seen, quoted }: { seen: readonly Seen[]; quoted: boolean }): Class | undefined {
  const syn = seen.find(s => s.frame === frame);
  if (syn === undefined) return quoted ? 'icmp-quoted' : undefined;
  const onTuple = seen.filter(s => s.frame < frame && s.tuple === syn.tuple);
  const before = onTuple.filter(s => s.path === syn.path);
  if (before.length === 0) return onTuple.length > 0 ? 'other-path' : undefined;

  const repeats = (s: Seen): boolean => isSyn(s) && s.from === syn.from && s.seq === syn.seq;
  if (before.some(s => repeats(s) && s.ipId === syn.ipId && syn.at - s.at <= COPY)) return 'duplicate';
  if (repeats(before.at(-1)!)) return 'retransmission';

  const spoken = before.findLastIndex(s => !isSyn(s) && !isReset(s));
  if (spoken < 0) return 'no-state-before';
  return endedLongAgo(before, spoken, syn.at) ? 'long-ago' : undefined;
}

/** The last connection that was more than an attempt is closed, or half of it is not in the capture; and silent since. */
function endedLongAgo(before: readonly Seen[], spoken: number, at: Nanos): boolean {
  const opened = before.slice(0, spoken).findLastIndex(isSyn);
  const next = before.findIndex((s, i) => i > spoken && isSyn(s));
  const old = before.slice(Math.max(opened, 0), next < 0 ? before.length : next);
  const closed = old.some(s => isReset(s) || (s.flags & Flag.FIN) !== 0);
  const oneSided = old.every(({ from }) => from === old[0].from);
  return (closed || oneSided) && at - old.at(-1)!.at >= TIME_WAIT + GRACE;
}

/** SYNs that tshark says reuse ports. */
function flagged(file: string): number[] {
  const truth = JSON.parse(readFileSync(file, 'utf8')) as Truth;
  const syns = new Set(truth.syn_frames.filter(({ ack }) => !ack).map(({ frame }) => frame));
  return (truth.reused_ports_frames ?? []).filter(frame => syns.has(frame));
}

const captures = skip
  ? []
  : readdirSync(CORPUS!, { recursive: true, withFileTypes: true })
      .filter(entry => entry.isFile() && entry.name.endsWith(TRUTH) && !entry.parentPath.includes('malformed'))
      .map(entry => join(entry.parentPath, entry.name))
      .sort();

test('every class is explained in docs/differences.md', () => {
  const page = readFileSync(new URL('../../docs/differences.md', import.meta.url), 'utf8');
  const section = page.split(/^## /m).find(part => part.startsWith('Reused ports\n')) ?? '';
  for (const name of CLASSES) assert.ok(section.includes(`(\`${name}\`)`), name);
});

test('SYNs on reused ports', { skip }, async t => {
  const reusing = captures.filter(file => flagged(file).length > 0);
  assert.ok(reusing.length > 0, 'no truth file with reused ports found');
  for (const file of reusing) {
    const path = file.slice(0, -TRUTH.length);
    await t.test(path.slice(CORPUS!.length + 1), async () => {
      const { findings } = await collect([{ name: path, path }], { maxFlows: 65_536 });
      const raised = new Set(findings.filter(({ rule }) => rule === 'port-reuse').map(({ frame }) => frame));
      const segments = await segmentsOf(path);
      const silent = flagged(file).filter(frame => !raised.has(frame));
      assert.deepEqual(
        silent.filter(frame => explain(frame, segments) === undefined),
        [],
        'frames without a finding and without a reason',
      );
    });
  }
});
