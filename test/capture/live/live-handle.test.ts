import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Filled, LiveHandle } from '../../../src/capture/live/live-handle.ts';

const PORT = 34_517;
const DATAGRAM = Buffer.alloc(60_000, 1);
const MIB = 2 ** 20;

const isRoot = process.getuid?.() === 0;
const residentMib = (): number => process.memoryUsage.rss() / MIB;

async function until(holds: () => boolean, seconds: number, what: string): Promise<void> {
  for (let tries = 0; tries < seconds * 10; tries++) {
    if (holds()) return;
    await sleep(100);
  }
  assert.fail(what);
}

test('nothing is captured before it begins, however long that takes', {
  skip: isRoot ? false : 'skipped: needs root',
}, async t => {
  let received = 0;
  const handle = new LiveHandle(
    {
      device: 'lo',
      filter: `udp dst port ${PORT}`,
      snaplen: 128,
      bufferSize: MIB,
      promiscuous: false,
      immediate: true,
    },
    {
      filled: ({ packets, release }) => {
        received += packets;
        release();
      },
      ended() {},
    },
  );
  t.after(() => handle.close());
  const sender = createSocket('udp4');
  t.after(() => sender.close());
  const send = (times: number): Promise<unknown> =>
    Promise.all(
      Array.from({ length: times }, () => new Promise(resolve => sender.send('', PORT, '127.0.0.1', resolve))),
    );
  await send(5);
  handle.begin();
  await send(3);
  await until(() => received >= 3, 10, `${received} of 3 came`);
  await sleep(200);
  assert.equal(received, 3);
});

test('a ring that had packets before the filter stood gives none of before the beginning, which would be a step of the clock', {
  skip: isRoot ? false : 'skipped: needs root',
}, async t => {
  const flood = `const s = require('dgram').createSocket('udp4');
    const go = () => s.send('', ${PORT}, '127.0.0.1', go);
    for (let i = 0; i < 8; i++) go();
    process.send('flows');`;
  const sender = spawn(process.execPath, ['-e', flood], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  t.after(() => sender.kill('SIGKILL'));
  await once(sender, 'message');
  const times: number[] = [];
  const handle = new LiveHandle(
    {
      device: 'lo',
      // It takes libpcap some time to compile this, in which everything comes into the ring.
      filter: `udp dst port ${PORT} or ${Array.from({ length: 400 }, (_, i) => `tcp port ${i + 1}`).join(' or ')}`,
      snaplen: 128,
      bufferSize: 8 * MIB,
      promiscuous: false,
      immediate: false,
    },
    {
      filled: ({ bytes, release }) => {
        const view = new DataView(bytes.buffer, bytes.byteOffset);
        times.push(view.getUint32(0, true) * 1e3 + view.getUint32(4, true) / 1e6);
        release();
      },
      ended() {},
    },
  );
  t.after(() => handle.close());
  const begun = Date.now();
  handle.begin();
  await until(() => times.length > 0, 10, 'nothing came');
  assert.ok(times[0] >= begun, `the first came ${begun - times[0]} ms before the beginning`);
});

test('slots that a burst has filled give their memory back once they have been read, and can be filled again', {
  skip: isRoot ? false : 'skipped: needs root',
}, async t => {
  const waiting: Filled[] = [];
  let received = 0;
  const handle = new LiveHandle(
    {
      device: 'lo',
      filter: `udp dst port ${PORT}`,
      snaplen: 65_535,
      bufferSize: 64 * MIB,
      promiscuous: false,
      immediate: false,
    },
    {
      filled: filled => {
        received += filled.packets;
        waiting.push(filled);
      },
      ended() {},
    },
  );
  t.after(() => handle.close());
  handle.begin();
  const [receiver, sender] = [createSocket('udp4'), createSocket('udp4')];
  t.after(() => sender.close());
  t.after(() => receiver.close());
  await new Promise<void>(resolve => receiver.bind(PORT, '127.0.0.1', resolve));
  const burst = async (datagrams: number): Promise<void> => {
    const before = received;
    for (let i = 0; i < datagrams; i++) {
      await new Promise(resolve => sender.send(DATAGRAM, PORT, '127.0.0.1', resolve));
    }
    await until(() => received - before === datagrams, 10, `${received - before} of ${datagrams} came`);
  };

  await burst(320); // 18 MiB in slots of 512 KiB, eight in each
  assert.ok(waiting.length >= 35, `${waiting.length} slots`);
  const full = residentMib();
  for (const { release } of waiting.splice(0)) release();
  await until(() => residentMib() < full - 12, 25, `from ${full} to ${residentMib()} MiB`);

  await burst(16);
  for (const { bytes } of waiting) assert.equal(bytes.at(-1), 1);
});
