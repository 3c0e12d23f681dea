/** RSTs of a client whose SYN was the only other packet captured: how much it had sent, and when, shows an answer. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Conversation } from '../../build/conversation.ts';
import { told } from './told.ts';

const MIB = 2 ** 20;

/** The class of an RST so long after the SYN, so far beyond it. */
async function classOf(after: number, beyond: number, form: 'bareRst' | 'rstFrom'): Promise<unknown[]> {
  const c = new Conversation({ clientIsn: 1000 }).syn();
  c.now = after;
  const seq = (c.client.nxt + beyond) >>> 0;
  const [finding] = await told(c[form]('client', { seq, ...(form === 'rstFrom' ? { ack: 77_000 } : {}) }));
  const { evidence, severity } = finding!;
  return [evidence.class, severity, evidence.unfitting];
}

test('a client that had sent more than 4 MiB resets long after its SYN: that was answered, and nothing old was', async () => {
  const older = ['client-abort-syn', 'info', 'ack'];
  const used = ['no-state', 'info', undefined];
  assert.deepEqual(await classOf(0.5, 4 * MIB, 'bareRst'), used);
  assert.deepEqual(await classOf(0.5, 4 * MIB + 1, 'bareRst'), older);
  assert.deepEqual(await classOf(1.09, 4 * MIB + 1, 'bareRst'), older, 'an ACK of an older connection came, perhaps');
  assert.deepEqual(await classOf(1.11, 4 * MIB + 1, 'bareRst'), used, 'the SYN was not sent again');
  assert.deepEqual(await classOf(30, 3000 * MIB, 'bareRst'), used);
  assert.deepEqual(await classOf(30, 300 * MIB, 'rstFrom'), ['abort', 'info', undefined]);
});

test('an RST at a number of the SYN gives it up, however late it comes', async () => {
  for (const beyond of [0, -1]) {
    const given = ['client-abort-syn', 'info', undefined];
    assert.deepEqual(await classOf(30, beyond, 'bareRst'), given);
  }
});
