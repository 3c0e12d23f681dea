/** What `reset-close` says of a story: its findings, the hints of the first, and the advice on it. */
import assert from 'node:assert/strict';
import { adviceFor } from '../../../src/detect/advice/index.ts';
import type { Finding } from '../../../src/detect/finding.ts';
import { type Conversation, exchange } from '../../build/conversation.ts';
import { follow } from '../../flow/follow.ts';

export const told = async (story: Conversation): Promise<Finding[]> =>
  (await follow(story)).findings.filter(f => f.rule === 'reset-close');

export const hints = async (story: Conversation): Promise<readonly string[]> => {
  const [finding, ...more] = await told(story);
  assert.equal(more.filter(f => f.evidence.class !== 'repeat').length, 0);
  return finding!.evidence.hints as string[];
};

export const resetAt = (c: Conversation, from: 'client' | 'server', distance: number): Conversation =>
  c.bareRst(from, { seq: c[from].nxt + distance });

/** A SYN as Linux sends it, with MPTCP (RFC 8684): to join a connection (subtype 1), or to begin one (subtype 0). */
export const mptcp = (subtype: number): { options: number[] } => ({
  options: [
    2,
    4,
    5,
    180,
    4,
    2,
    8,
    10,
    0,
    1,
    2,
    3,
    0,
    0,
    0,
    0,
    1,
    3,
    3,
    10,
    30,
    12,
    subtype << 4,
    1,
    7,
    7,
    7,
    7,
    9,
    9,
    9,
    9,
  ],
});

/** The finding of the first RST of a story, and what is advised about it. */
export async function advised(story: Conversation): Promise<{ finding: Finding; said: string; changes: string }> {
  const [finding] = await told(story);
  const advice = adviceFor(finding!);
  const checks = advice.checks.map(({ where, command }) => `${where}: ${command}`).join('; ');
  const changes = advice.change.map(({ what }) => what).join('; ');
  return { finding: finding!, said: `${advice.meaning} ${checks} ${changes} ${advice.askNext}`, changes };
}

/** A server closes and is gone while a request and the FIN of the client are under way: each is answered by itself. */
export const closedAndGone = (requests: number): Conversation => {
  const c = exchange();
  const seen = { ack: c.client.rcvNxt };
  c.send('server', 'PA', { payload: 31 }).fin('server');
  for (let i = 0; i < requests; i++) c.send('client', 'PA', { payload: 94, ...seen, lost: true });
  return c.bareRst('server', { seq: seen.ack });
};
