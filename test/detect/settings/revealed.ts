/** What `revealed-setting` says of stories in which a server or client shows its settings. */
import type { Finding } from '../../../src/detect/finding.ts';
import { type Conversation, serverCloses } from '../../build/conversation.ts';
import { Host } from '../../build/host.ts';
import { follow } from '../../flow/follow.ts';

export const SERVER = '198.51.100.80';
export const newer = (): Host => new Host('192.0.2.10', { boot: 50_000_000 });
export const older = (): Host => new Host('192.0.2.10', { boot: 10_000_000 });

type Stories = Parameters<typeof follow>[0];

export const revealed = async (stories: Stories): Promise<Finding[]> =>
  (await follow(stories)).findings.filter(f => f.rule === 'revealed-setting');

export const settings = async (stories: Stories): Promise<string[]> =>
  (await revealed(stories)).map(f => `${f.evidence.setting} ${f.evidence.proof} ${f.evidence.count} ${f.confidence}`);

/** The server closed with one machine; another with an older clock behind the same address opens another port. */
export const behindNat = (after = 5): Conversation =>
  serverCloses({ client: newer() }).reopen(after, { client: older(), clientPort: 41_000 });

/** A server that declines timestamps. */
export const refusing = (): Host => new Host(SERVER, { timestamps: false });
