/** What `unanswered-syn` says of stories, and stories of SYNs without an answer. */
import assert from 'node:assert/strict';
import type { Finding } from '../../../src/detect/finding.ts';
import { Conversation, clientCloses, type Setup } from '../../build/conversation.ts';
import { follow } from '../../flow/follow.ts';

export const CLIENT = '192.0.2.10';

export const later = (at = 300): Conversation => new Conversation({ client: '192.0.2.99:5', at }).handshake();

export async function told(...stories: Conversation[]): Promise<Finding[]> {
  return (await follow(stories)).findings.filter(f => f.rule === 'unanswered-syn');
}

export async function only(...stories: Conversation[]): Promise<Finding> {
  const findings = await told(...stories);
  assert.equal(findings.length, 1, findings.map(f => f.title).join('\n'));
  return findings[0];
}

export const picked = ({ evidence: e, severity, confidence }: Finding): unknown[] => [
  e.cause,
  e.syns,
  e.schedule,
  severity,
  confidence,
];

/** SYNs at these seconds after the first. */
export function tries(times: readonly number[], setup: Setup = {}): Conversation {
  const attempt = new Conversation(setup).syn();
  const start = attempt.packets[0].t;
  for (const time of times) {
    attempt.now = start + time;
    attempt.synAgain();
  }
  return attempt;
}

export const accept = (attempt: Conversation): Conversation => attempt.synAck().ack('client').clientCloses();

/** Connections of the same client that go well, one a second. */
export const others = (from: number, count: number, setup: Setup = {}): Conversation[] =>
  Array.from({ length: count }, (_, i) => clientCloses({ clientPort: 50_000 + i, at: from + i, ...setup }));

/** A handshake whose server repeats its SYN-ACK. */
export function stalled(setup: Setup, requests: number, resumes: boolean): Conversation {
  const c = new Conversation(setup).handshake();
  const again = { seq: c.server.nxt - 1 };
  const first = c.client.nxt;
  if (requests > 0) c.send('client', 'PA', { payload: 10 });
  c.wait(1).send('server', 'SA', again).ack('client');
  for (let i = 1; i < requests; i++) c.wait(1).send('client', 'PA', { payload: 10, seq: first });
  return resumes ? c.ack('server') : c;
}

/** At the server: it sends its SYN-ACK so often, and the client's ACK never comes. */
export function withoutAck(synAcks: number, setup: Setup = {}): Conversation {
  const c = new Conversation({ clientPort: 40_002, at: 3, ...setup }).syn().synAck();
  const again = { seq: c.server.nxt - 1, tsecr: c.last.tsecr! };
  for (let i = 1; i < synAcks; i++) c.wait(2 ** (i - 1)).send('server', 'SA', again);
  return c;
}

/** SYN-ACKs that pass the capture point and are lost behind it, until the client's `tries`th SYN. */
export function unheard(tries: number, setup: Setup = {}): Conversation {
  const c = new Conversation(setup).syn().synAck({ lost: true });
  const again = { seq: c.server.nxt - 1, lost: true };
  for (let i = 1; i < tries; i++) c.wait(0.99).synAgain().send('server', 'SA', again);
  return c;
}
