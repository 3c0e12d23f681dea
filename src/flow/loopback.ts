/** Connections of a host with itself: there is no path between the ends on which a packet could be lost. */

import type { Hosts } from '../wire/hosts.ts';
import type { Ends } from './ends.ts';

/** Both ends in 127.0.0.0/8 or ::1 (RFC 1122 §3.2.1.3, RFC 4291 §2.5.3), or the same address at both ends. */
export const isLoopback = ({ client, server, scope }: Ends, hosts: Hosts): boolean =>
  client === server || (LOOPBACK.test(hosts.text(client, scope)) && LOOPBACK.test(hosts.text(server, scope)));

/** The condition of tcp_tw_reuse=2: a loopback address at either end (kernel: tcp_twsk_unique). */
export const hasLoopbackAddress = ({ client, server, scope }: Ends, hosts: Hosts): boolean =>
  LOOPBACK.test(hosts.text(client, scope)) || LOOPBACK.test(hosts.text(server, scope));

const LOOPBACK = /^(?:127\.|::1$)/;
