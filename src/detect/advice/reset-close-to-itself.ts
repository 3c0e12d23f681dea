/** Advice on the RST of a socket that was connected to itself. */
import type { Row } from './advice.ts';

export const toItself: Row = {
  meaning:
    'A socket of {client} had connected to itself: most likely it tried again and again to reach port {server_port} of its host, ' +
    'where nothing listened, until connect() got that very port as its own (a simultaneous open, RFC 9293 §3.5). It then ' +
    'read what it had written, and kept the service from listening there.',
  checks: [
    {
      where: '{client}',
      command: 'sysctl net.ipv4.ip_local_port_range net.ipv4.ip_local_reserved_ports',
      expect: 'Port {server_port} lies in the range and is not reserved: connect() may choose it.',
    },
  ],
  change: [
    {
      what: 'net.ipv4.ip_local_reserved_ports={server_port}, or a port of the service outside the range.',
      risk: 'Each reserved port is one less for outgoing connections.',
    },
  ],
  askNext: 'The owner of the service on port {server_port}: why it was not listening.',
};
