/**
 * Two real hosts behind a NAT with few ports, which both close first: what their kernels hold lies within the band that
 * the packets outside give, though the NAT gives each port on at once.
 */
import assert from 'node:assert/strict';
import { join as path } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { GRACE } from '../src/flow/time-wait.ts';
import { collect } from './build/collect.ts';
import { join, Namespace, needsNft, needsTcpdump } from './build/netns.ts';
import { folder } from './build/store-sample.ts';
import { tcpdump } from './build/tcpdump.ts';

const SERVER = '10.83.0.2';
const OUTSIDE = '10.83.0.1';
const CONNECTIONS = 25;

/** What `ss -Htan state time-wait | wc -l` counts. */
const held = (host: Namespace): number => Number(/ tw (\d+)/.exec(host.run('cat', ['/proc/net/sockstat']))![1]);

test('what hosts behind a NAT hold lies in the band, though it gives their ports on', {
  skip: needsNft || needsTcpdump,
}, async t => {
  const [server, nat, ...clients] = ['server', 'nat', 'a', 'b'].map(label => new Namespace(t, label));
  for (const [i, client] of clients.entries()) {
    join(nat!, `lan${i}`, client, 'eth0', 81 + i);
    client.ip('route', 'add', 'default', 'via', `10.${81 + i}.0.1`);
  }
  join(nat!, 'wan', server!, 'eth0', 83);
  nat!.run('sysctl', ['-qw', 'net.ipv4.ip_forward=1']);
  const rule = 'oifname "wan" meta l4proto tcp masquerade to :40000-40007';
  nat!.run('nft', ['-f', '-'], `table ip nat { chain post { type nat hook postrouting priority 100\n${rule}\n}\n}\n`);
  nat!.run('sysctl', ['-qw', 'net.netfilter.nf_conntrack_tcp_timeout_time_wait=1']);
  await server!.serve(t, SERVER, 80, 'wait');

  const file = path(folder(t), 'server.pcap');
  const capture = await tcpdump(t, server!, file);
  const runs = clients.map(client => client.connectingMany(SERVER, 80, CONNECTIONS));
  assert.deepEqual(await Promise.all(runs), ['closed', 'closed']);
  const holding = (): number => clients.reduce((sum, client) => sum + held(client), 0);
  // The last FIN of the server is on its way when its client has closed, and the capture is some milliseconds behind.
  for (let i = 0; i < 50 && holding() < 2 * CONNECTIONS; i++) await sleep(100);
  await sleep(200);
  const kernel = holding();
  await capture.end();
  assert.equal(kernel, 2 * CONNECTIONS);

  const { timeWaits, curve, captures, origin } = await collect([{ name: 'server.pcap', path: file }]);
  const rows = timeWaits.filter(row => row.owner === OUTSIDE);
  const at = Number(captures[0].lastNs! - BigInt(origin) * 1_000_000_000n);
  const open = rows.filter(row => row.end > at).length;
  const hidden = rows.filter(row => row.hiddenUntil !== undefined && row.hiddenUntil + GRACE > at).length;
  assert.ok(open <= 8 && hidden > 0, `${open} open, ${hidden} hidden`);
  assert.equal(open + hidden, kernel);
  const series = curve.find(({ owner, peerPort }) => owner === OUTSIDE && peerPort === 80)!;
  assert.equal(Math.max(...series.hidden.count), hidden);
});
