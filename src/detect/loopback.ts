/** Connections of a host with itself: no path lies between the ends on which a packet could be lost. */
import type { Ends } from '../flow/ends.ts';
import type { Hosts } from '../wire/hosts.ts';

/** 127.0.0.0/8 and ::1 (RFC 1122 §3.2.1.3, RFC 4291 §2.5.3), or an address that speaks to itself. */
export const isLoopback = ({ client, server, scope }: Ends, hosts: Hosts): boolean =>
  client === server || (LOOPBACK.test(hosts.text(client, scope)) && LOOPBACK.test(hosts.text(server, scope)));

/** What tcp_tw_reuse=2 goes by: a loopback address at either end (kernel: tcp_twsk_unique). */
export const hasLoopbackAddress = ({ client, server, scope }: Ends, hosts: Hosts): boolean =>
  LOOPBACK.test(hosts.text(client, scope)) || LOOPBACK.test(hosts.text(server, scope));

const LOOPBACK = /^(?:127\.|::1$)/;

/** For titles: what there is on a host itself. None of it shows in packets. */
export const localWords = (othersAccepted: boolean): string =>
  'on loopback there is no path to lose it on: a full accept or SYN queue, a local firewall, or an answer that the ' +
  `capture missed${othersAccepted ? '; the server takes others on this port meanwhile' : ''}`;
