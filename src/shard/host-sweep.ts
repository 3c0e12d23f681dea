/** Removes IPv6 hosts to which no flow, host pair or waiting segment refers. */
import { SCOPE_IPV6 } from '../capture/slab.ts';
import { layout } from '../flow/layout.ts';
import type { Tracker } from '../flow/tracker.ts';
import type { Hosts } from '../wire/hosts.ts';
import type { Segments } from '../wire/segments.ts';

const { L, FlowBit } = layout;

export function retainHosts(hosts: Hosts, tracker: Tracker, waiting: Segments): void {
  const { table, pairs, pending } = tracker;
  const used = new Uint8Array(hosts.capacity);
  const mark = (host: number, scope: number): void => {
    if ((scope & SCOPE_IPV6) !== 0) used[host] = 1;
  };
  for (let slot = 0; slot < table.slots; slot++) {
    const base = slot * L.FLOW_WORDS;
    if ((table.words[base + L.STATE] & (FlowBit.INDEXED | FlowBit.KEPT)) === 0) continue;
    mark(table.words[base + L.HOST_A], table.words[base + L.SCOPE]);
    mark(table.words[base + L.HOST_B], table.words[base + L.SCOPE]);
  }
  pairs.forEachHost(mark);
  pending.lone.forEachHost(mark);
  tracker.hooks.forEachHost(mark);
  waiting.forEachHost(mark);
  hosts.retain(used);
  tracker.forgetHosts();
}
