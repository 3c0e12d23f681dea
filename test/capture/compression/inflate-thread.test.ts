import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { InflateError } from '../../../src/capture/compression/chunks.ts';
import { InflateThread } from '../../../src/capture/compression/inflate-thread.ts';

/** Longer than the ring, and of no period that a slot has. */
const PLAIN = Uint8Array.from({ length: 9_000_001 }, (_, i) => (i * i) >>> 7);
const PACKED = gzipSync(PLAIN, { level: 1 });

async function* pieces(bytes: Uint8Array, size = 100_003): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** What it gives until it ends, and what it throws. */
async function drain(thread: InflateThread): Promise<{ bytes: Uint8Array; error: unknown }> {
  const parts: Uint8Array[] = [];
  try {
    for (;;) {
      const { done, value } = await thread.next();
      if (done) return { bytes: Buffer.concat(parts), error: undefined };
      parts.push(value.slice());
    }
  } catch (error) {
    return { bytes: Buffer.concat(parts), error };
  } finally {
    await thread.return();
  }
}

test('a stream that is longer than the ring comes out whole, whatever the size of its pieces', async () => {
  for (const size of [1_000, 100_003, PACKED.length]) {
    const { bytes, error } = await drain(new InflateThread('gzip', pieces(PACKED, size)));
    assert.equal(error, undefined);
    assert.ok(Buffer.from(PLAIN).equals(bytes));
  }
});

test('of a stream that is damaged or cut short, what came before is delivered first', async () => {
  const damaged = PACKED.slice();
  damaged.fill(0xff, PACKED.length >> 1, (PACKED.length >> 1) + 64);
  for (const [kind, packed] of [
    ['damaged', damaged],
    ['truncated', PACKED.subarray(0, PACKED.length >> 1)],
  ] as const) {
    const { bytes, error } = await drain(new InflateThread('gzip', pieces(packed)));
    assert.ok(error instanceof InflateError && error.kind === kind, String(error));
    // Damage may look like something else before it is noticed.
    const sure = PLAIN.length >> 2;
    assert.ok(bytes.length > sure, `${kind}: ${bytes.length}`);
    assert.ok(Buffer.from(PLAIN.buffer, 0, sure).equals(bytes.subarray(0, sure)));
  }
});

test('what the source throws comes through', async () => {
  async function* broken(): AsyncGenerator<Uint8Array> {
    yield PACKED.subarray(0, 5_000);
    throw new Error('the disk is gone');
  }
  const { error } = await drain(new InflateThread('gzip', broken()));
  assert.match(String(error), /the disk is gone/);
});

test('what a silent pipe has sent so far is given, and closing lets go of whoever waits for more', {
  timeout: 20_000,
}, async () => {
  let close = (): void => {};
  async function* silent(): AsyncGenerator<Uint8Array> {
    yield PACKED.subarray(0, 50_000);
    await new Promise<void>(resolve => {
      close = resolve;
    });
  }
  const thread = new InflateThread('gzip', silent());
  const first = await thread.next();
  assert.ok(!first.done && first.value.length > 0);
  const waiting = (async () => {
    for (;;) if ((await thread.next()).done) return;
  })();
  const closing = thread.return();
  await waiting;
  close();
  await closing;
});
