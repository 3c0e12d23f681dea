import assert from 'node:assert/strict';
import {
  closeSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { endianness } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { walkFrames } from '../../../src/capture/frame-walk.ts';
import { Ring, type RingOptions } from '../../../src/capture/live/ring.ts';
import { timedName } from '../../../src/capture/live/timed-name.ts';
import { Slab } from '../../../src/capture/slab.ts';
import { needsNamespaces } from '../../build/netns.ts';
import { smallDisk } from '../../build/small-disk.ts';
import { folder } from '../../build/store-sample.ts';

const ETHERNET = 1;
const PAYLOAD = 84;
const RECORD = 16 + PAYLOAD;
const HEADER = 24;
const START = 1_700_000_000;

/** Records as the addon writes them; each has its second in its time. */
function records(...seconds: number[]): Uint8Array {
  const bytes = new Uint8Array(seconds.length * RECORD);
  const view = new DataView(bytes.buffer);
  const little = endianness() === 'LE';
  for (const [i, s] of seconds.entries()) {
    for (const [field, value] of [s, 7, PAYLOAD, 1500].entries()) view.setUint32(i * RECORD + field * 4, value, little);
  }
  return bytes;
}

interface Told {
  files: readonly string[];
  lost: number;
  why: string[];
  ended: boolean;
}

function ringIn(cwd: string, options: Partial<RingOptions>, name = 'r'): { ring: Ring; told: Told } {
  const told: Told = { files: [], lost: 0, why: [], ended: false };
  const events: Pick<RingOptions, 'changed' | 'lost' | 'ended'> = {
    changed: files => (told.files = [...files]),
    lost: (packets, why) => {
      told.lost = packets;
      told.why.push(why);
    },
    ended: () => (told.ended = true),
  };
  return {
    ring: new Ring({ path: join(cwd, name), linkType: ETHERNET, snaplen: 128, ...events, ...options }, START),
    told,
  };
}

/** What this process has the file open as. */
function descriptorOf(file: string): number {
  const open = readdirSync('/proc/self/fd').find(fd => readlinkSync(`/proc/self/fd/${fd}`, 'utf8') === file);
  return Number(open);
}

async function secondsIn(file: string): Promise<number[]> {
  const seconds: number[] = [];
  const whole = await walkFrames(file, START, new Slab(), (frames, i) => seconds.push(Math.floor(frames.at[i] / 1e9)));
  assert.ok(whole, file);
  return seconds;
}

const after = (...seconds: number[]): Uint8Array => records(...seconds.map(s => START + s));

test('without sizes everything is in one file, which a reader takes as whole, for the owner alone', async t => {
  const cwd = folder(t);
  const { ring, told } = ringIn(cwd, {});
  ring.write(after(0, 1));
  ring.write(after(2));
  ring.close();
  assert.deepEqual(told.files, [join(cwd, 'r')]);
  assert.equal(statSync(join(cwd, 'r')).mode & 0o777, 0o600);
  assert.deepEqual(await secondsIn(join(cwd, 'r')), [0, 1, 2]);
});

test('a file larger than its size is followed by the next one in the middle of a block', async t => {
  const cwd = folder(t);
  const { ring } = ringIn(cwd, { bytes: HEADER + RECORD });
  ring.write(after(0, 1, 2, 3, 4));
  ring.close();
  assert.deepEqual(readdirSync(cwd).sort(), ['r', 'r1', 'r2']);
  assert.deepEqual(await secondsIn(join(cwd, 'r1')), [2, 3]);
});

test('a ring keeps so many files and replaces the oldest', async t => {
  const cwd = folder(t);
  const { ring, told } = ringIn(cwd, { bytes: HEADER, count: 11 });
  for (let s = 0; s < 13; s++) ring.write(after(s));
  ring.close();
  assert.equal(readdirSync(cwd).length, 11);
  assert.deepEqual([told.files[0], told.files.at(-1)], [join(cwd, 'r02'), join(cwd, 'r01')]);
  assert.deepEqual(await secondsIn(join(cwd, 'r01')), [12]);
  assert.deepEqual([told.lost, told.ended], [0, false]);
});

test('every file that root still creates belongs to the user who goes on with the ring', {
  skip: needsNamespaces,
}, t => {
  const cwd = folder(t);
  const owner = { uid: 65_534, gid: 65_534 };
  const { ring } = ringIn(cwd, { bytes: HEADER, count: 3, owner });
  for (let s = 0; s < 5; s++) ring.write(after(s));
  ring.close();
  const owners = readdirSync(cwd).map(name => statSync(join(cwd, name)));
  assert.deepEqual(
    owners.map(({ uid, gid }) => ({ uid, gid })),
    [owner, owner, owner],
  );
});

test('seconds of the packets begin files with that time in their names, and the last of so many ends it', async t => {
  const cwd = folder(t);
  const { ring, told } = ringIn(cwd, { seconds: 10, count: 2 }, 'r-%s');
  ring.write(after(0, 9, 10, 19));
  assert.equal(told.ended, false);
  ring.write(after(20, 21));
  ring.close();
  assert.equal(told.ended, true);
  assert.deepEqual(readdirSync(cwd).sort(), [`r-${START}`, `r-${START + 10}`]);
  assert.deepEqual(await secondsIn(join(cwd, `r-${START + 10}`)), [10, 19]);
});

test('names have the local time as strftime writes it', () => {
  const s = new Date(2024, 11, 31, 23, 5, 9).getTime() / 1e3;
  assert.equal(timedName('%F_%T-%j-%Y%m%d%H%M%S%%', s), '2024-12-31_23:05:09-366-20241231230509%');
});

test('what was there before is refused at the start and left alone', t => {
  for (const [name, options] of [
    ['r', {}],
    ['r', { bytes: 1000 }],
    ['r7', { bytes: 1000, count: 10 }],
    [`r-${START}`, { seconds: 5 }],
  ] as const) {
    const cwd = folder(t);
    writeFileSync(join(cwd, name), 'mine');
    assert.throws(
      () => ringIn(cwd, options, 'seconds' in options ? 'r-%s' : 'r'),
      /already exists; choose another name/,
    );
    assert.deepEqual([readdirSync(cwd), readFileSync(join(cwd, name), 'latin1')], [[name], 'mine']);
  }
});

test('a run that fails leaves no file without packets, and none that it did not write is removed', async t => {
  const cwd = folder(t);
  const { ring: empty } = ringIn(cwd, {});
  empty.discard();
  assert.deepEqual(readdirSync(cwd), []);
  const { ring: filled } = ringIn(cwd, {});
  filled.write(records(START));
  filled.discard();
  assert.deepEqual(readdirSync(cwd), ['r']);
  const { ring: replaced } = ringIn(cwd, {}, 's');
  rmSync(join(cwd, 's'));
  writeFileSync(join(cwd, 's'), 'mine');
  replaced.discard();
  assert.deepEqual(readdirSync(cwd), ['r', 's']);
});

test('a file that somebody put in the place of one of the ring is left alone, and the ring goes on behind it', async t => {
  const cwd = folder(t);
  const { ring, told } = ringIn(cwd, { bytes: HEADER, count: 2 });
  ring.write(after(0, 1));
  renameSync(join(cwd, 'r0'), join(cwd, 'kept'));
  writeFileSync(join(cwd, 'r0'), 'mine');
  ring.write(after(2));
  ring.write(after(3));
  ring.close();
  assert.equal(readFileSync(join(cwd, 'r0'), 'latin1'), 'mine');
  assert.deepEqual(await secondsIn(join(cwd, 'kept')), [0]);
  assert.deepEqual(await secondsIn(join(cwd, 'r1')), [3]);
  assert.equal(told.lost, 1);
  assert.match(told.why[0], /r0 already exists/);
  assert.deepEqual(told.files, [join(cwd, 'r1')]);
});

test('a full disk costs whole packets, which are counted, and writing goes on when there is room', {
  skip: needsNamespaces,
}, async t => {
  const cwd = smallDisk(t, '64k');
  const { ring, told } = ringIn(cwd, {});
  writeFileSync(join(cwd, 'ballast'), new Uint8Array(56 << 10));
  const block = Array.from({ length: 50 }, (_, i) => i);
  ring.write(after(...block));
  ring.write(after(...block));
  assert.deepEqual([told.lost, ring.missing], [50, 50]);
  assert.match(ring.trouble!, /no space left on the disk/);
  assert.match(told.why[0], /no space left on the disk/);
  assert.deepEqual(await secondsIn(join(cwd, 'r')), block);
  rmSync(join(cwd, 'ballast'));
  ring.write(after(99));
  ring.close();
  assert.equal(ring.trouble, undefined);
  assert.deepEqual(await secondsIn(join(cwd, 'r')), [...block, 99]);
});

test('a file that can be neither written nor cut off nor closed any more is told and counted, and never thrown', t => {
  const cwd = folder(t);
  const { ring, told } = ringIn(cwd, {});
  ring.write(after(0));
  closeSync(descriptorOf(join(cwd, 'r')));
  ring.write(after(1, 2));
  assert.deepEqual([told.lost, ring.missing], [2, 2]);
  ring.close();
  assert.equal(told.why.length, 2);
  for (const why of told.why) assert.match(why, /r cannot be written: /);
});

for (const options of [{}, { bytes: 10 * RECORD }, { bytes: 10 * RECORD, count: 3 }, { seconds: 60, count: 1 }]) {
  test(`a file that was removed is begun again, also when its folder comes back: ${JSON.stringify(options)}`, async t => {
    const cwd = join(folder(t), 'in');
    mkdirSync(cwd);
    const { ring, told } = ringIn(cwd, options);
    ring.write(after(0));
    const [file] = readdirSync(cwd);
    rmSync(join(cwd, file!));
    ring.write(after(1));
    assert.deepEqual([readdirSync(cwd), ring.trouble, told.lost], [[file], undefined, 0]);
    rmSync(cwd, { recursive: true });
    ring.write(after(2));
    ring.write(after(3));
    assert.match(ring.trouble!, /r0? cannot be written: there is no such file/);
    assert.deepEqual([told.lost, ring.missing], [2, 2]);
    mkdirSync(cwd);
    ring.write(after(4));
    ring.close();
    assert.deepEqual([readdirSync(cwd), ring.trouble, told.lost, told.ended], [[file], undefined, 2, false]);
    assert.deepEqual(await secondsIn(join(cwd, file!)), [4]);
  });
}
