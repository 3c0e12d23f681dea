/** Fixtures taken on real kernels, not built: `fixtures/lab-*.pcap`, and what happened there. */
export const lab: readonly { file: string; about: string }[] = [
  ['nat-older', 'A NAT gives a tuple in TIME_WAIT to a machine with an older clock; at the server.'],
  ['nat-older-any', 'The same at the gateway with `-i any` (LINUX_SLL2): each packet up to three times.'],
  ['nat-newer', 'The same with a newer clock: accepted.'],
  ['nat-meets-established', 'A NAT gives a tuple that is still established at the server to another machine.'],
  ['same-client-newer', 'One machine reuses its own port: accepted by newer timestamp.'],
  ['same-client-newer-any', 'The same at the gateway with `-i any`.'],
  ['ts0-seq-older', 'Reuse without timestamps, lower sequence number.'],
  ['accept-overflow', 'A full accept queue: SYN-ACKs are repeated, then connections reset.'],
  ['middlebox-reject', 'A firewall rejects established connections with RSTs in the name of the server.'],
  ['tw-assassination', 'RSTs end TIME_WAITs.'],
  ['recycle-two-hosts', 'A 4.10.17 server with tcp_tw_recycle=1 and two machines behind a NAT.'],
  ['recycle-listen-overflow', 'SYNs dropped by a full accept queue, not by tcp_tw_recycle.'],
  ['recycle-modern-host', 'A modern machine with an offset for each connection before the tcp_tw_recycle rule.'],
  ['bind-fixed', 'A client bound to one port takes its own TIME_WAIT over at once.'],
  ['tw-reuse', 'A client with tcp_tw_reuse=1 and few ports.'],
  [
    'tw-reuse-8-ports',
    'Eight ports, each taken over by tcp_tw_reuse a second after its close: 244 attempts found none.',
  ],
  ['max-tw-buckets', 'A server with tcp_max_tw_buckets=20; the FINs of its clients come after their ACKs.'],
  ['nat-two-clients', 'Two machines behind a NAT, each with a clock of its own.'],
].map(([name, about]) => ({ file: `lab-${name}.pcap`, about: about! }));
