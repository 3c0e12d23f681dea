/** Follows stories through the whole core in this thread, and says what came out in few words. */
import type { AnalyseOptions } from '../../src/analyse.ts';
import type { Finding } from '../../src/detect/finding.ts';
import { collect, type Outcome, type TimeWait } from '../build/collect.ts';
import { type Conversation, together } from '../build/conversation.ts';
import { frames, type Packet } from '../build/packet.ts';
import { BASE_TIME, pcap } from '../build/pcap.ts';

type Story = Conversation | readonly Packet[];

/** All stories as one nanosecond capture in time order, with flows. */
export const follow = (stories: Story | readonly Conversation[], options: AnalyseOptions = {}): Promise<Outcome> =>
  followFile(together(...((isMany(stories) ? stories : [stories]) as Story[])), options);

/** The packets in the order in which they are given. */
export const followFile = (packets: readonly Packet[], options: AnalyseOptions = {}): Promise<Outcome> =>
  collect([{ name: 'story.pcap', bytes: pcap(frames(packets), { nanos: true }) }], { flows: true, ...options });

const isMany = (stories: Story | readonly Conversation[]): stories is readonly Conversation[] =>
  Array.isArray(stories) && !isPacket(stories[0]);
const isPacket = (item: unknown): boolean => typeof item === 'object' && item !== null && 'flags' in item;

/** Evidence of the findings of one rule. */
export const evidence = ({ findings }: Outcome, rule: string): Finding['evidence'][] =>
  findings.filter(f => f.rule === rule).map(f => f.evidence);

/** Classes of the RSTs, in order. */
export const resets = (outcome: Outcome): unknown[] => evidence(outcome, 'reset-close').map(e => e.class);

/** The only reuse. */
export function reuse(outcome: Outcome): Finding['evidence'] {
  const all = evidence(outcome, 'port-reuse');
  if (all.length !== 1) throw new Error(`${all.length} findings of reuse`);
  return all[0];
}

/** TIME_WAITs as `address:port from–to endedBy`, with what a NAT may hide, by their start; seconds are the story's. */
export const timeWaits = ({ timeWaits: rows, origin }: Outcome): string[] =>
  rows
    .toSorted((a, b) => a.entered - b.entered || a.ownerPort - b.ownerPort)
    .map((row: TimeWait) => {
      const second = (at: number): string => (origin - BASE_TIME + at / 1e9).toFixed(3);
      const restarted = row.start === row.entered ? '' : ` restarted ${second(row.start)}`;
      const hidden = row.hiddenUntil === undefined ? '' : `, hidden to ${second(row.hiddenUntil)}`;
      const ended = `to ${second(row.end)} ${row.endedBy}${hidden}`;
      return `${row.owner}:${row.ownerPort} ${second(row.entered)}${restarted} ${ended}`;
    });

/** Flows as `port state history close`, oldest first. */
export const flows = ({ flows: rows }: Outcome): string[] =>
  rows
    .toSorted((a, b) => a.firstAt - b.firstAt || a.clientPort - b.clientPort)
    .map(row => `${row.clientPort} ${row.connState} ${row.history} ${row.close}`);
