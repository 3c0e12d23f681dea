/**
 * Counts whether the hosts of --context occur in the capture at all. If one does not, its file most likely belongs to
 * another machine.
 */
import type { Observer } from '../../flow/events.ts';
import type { Flow } from '../../flow/flow.ts';
import type { Hosts } from '../../wire/hosts.ts';
import { identifiesHost } from './context.ts';

/**
 * One for each shard. `counts` are for the tally: the number of connections with an address of each context, numbered
 * from 0.
 */
export class ContextUse implements Observer {
  private readonly hosts: Hosts;
  private readonly owners = new Map<string, number[]>();
  private readonly flows: number[];

  constructor(addresses: readonly (readonly string[])[], hosts: Hosts) {
    this.hosts = hosts;
    this.flows = addresses.map(() => 0);
    for (const [context, own] of addresses.entries()) {
      for (const address of own.filter(identifiesHost)) {
        const owners = this.owners.get(address);
        if (owners === undefined) this.owners.set(address, [context]);
        else owners.push(context);
      }
    }
  }

  left(flow: Flow): void {
    for (const isB of [false, true]) {
      const owners = this.owners.get(this.hosts.text(flow.host(isB), flow.scope));
      for (const context of owners ?? []) this.flows[context]++;
    }
  }

  *counts(): Generator<[name: string, count: number]> {
    for (const [context, count] of this.flows.entries()) yield [`context.${context}`, count];
  }
}
