/** Connections of a host with itself: there is no path between the ends on which a packet could be lost. */
import { isLoopbackAddress } from '../base/address.ts';
import type { Hosts } from '../wire/hosts.ts';
import type { Ends } from './ends.ts';

/** Loopback addresses at both ends, or the same address. */
export const isLoopback = ({ client, server, scope }: Ends, hosts: Hosts): boolean =>
  client === server || (isLoopbackAddress(hosts.text(client, scope)) && isLoopbackAddress(hosts.text(server, scope)));

/** The condition of tcp_tw_reuse=2: a loopback address at either end (kernel: tcp_twsk_unique). */
export const hasLoopbackAddress = ({ client, server, scope }: Ends, hosts: Hosts): boolean =>
  isLoopbackAddress(hosts.text(client, scope)) || isLoopbackAddress(hosts.text(server, scope));
