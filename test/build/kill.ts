/**
 * Kills `live` in the middle of traffic, and compares its database with the packets that it had captured (-w), which must
 * be those that tcpdump captured at the same time. Packets on two processors can reach two sockets in either order, and
 * where each connection has a TSval clock of its own, the order decides which TSval is the newest; so the findings are
 * those of what `live` has seen.
 */
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Finding } from '../../src/detect/finding.ts';
import { Database } from '../../src/store/sqlite.ts';
import { Live } from './live.ts';
import type { Namespace, Scope } from './netns.ts';
import { packetsUpTo, settledFindings } from './settled.ts';

/** Findings settled this long before the kill must be in the database. */
const OLD_MS = 2_000;
/** Two sockets may give a packet times that are so far apart. */
const STAMPED_MS = 1;

export interface Killed {
  /** Findings in the database. */
  stored: number;
  /** Number of findings that must be in the database, and those of them that are missing. */
  due: number;
  missing: string[];
  /** Number of findings that were streamed but are not in the database. */
  streamedOnly: number;
  /** The result of SQLite's integrity check; `ok` if the file is intact. */
  integrity: string;
}

/** `traffic` begins when both are capturing; the kill comes `seconds` later, then traffic ends. The device is eth0. */
export async function killAfter(
  t: Scope,
  server: Namespace,
  cwd: string,
  seconds: number,
  traffic: () => () => void,
): Promise<Killed> {
  const dumped = join(cwd, `${seconds}.pcap`);
  const own = join(cwd, `${seconds}.own.pcap`);
  const path = join(cwd, `${seconds}.db`);
  const nano = ['--time-stamp-precision=nano', '-U', '--immediate-mode'];
  const dump = server.spawn('tcpdump', ['-i', 'eth0', ...nano, '-s', '128', '-w', dumped, 'tcp']);
  t.after(() => dump.kill('SIGKILL'));
  const dumpEnded = once(dump, 'exit');
  await once(dump.stderr!, 'data');
  const live = new Live(t, server, cwd, ['-i', 'eth0', '--db', path, '-Z', 'root', '-w', own, 'tcp']);
  await live.listening();
  const quiet = traffic();
  await sleep(seconds * 1e3);
  const killed = Date.now();
  await live.end('SIGKILL');
  quiet();
  dump.kill('SIGINT');
  await dumpEnded;
  const database = new Database(path);
  try {
    const integrity = String(database.pragma('integrity_check'));
    const rows = database.prepare('SELECT * FROM finding').all() as Row[];
    const ids = new Set(rows.map(({ id }) => id));
    const findingKeys = rows.map(row => findingKey(row.rule, row.client, row.client_port, row.server, row.server_port));
    const held = new Map<string, number>();
    for (const one of findingKeys) held.set(one, (held.get(one) ?? 0) + 1);
    const due = await settledFindings(own, killed - OLD_MS);
    const unheard = packetsUpTo(dumped, killed - OLD_MS - STAMPED_MS) - packetsUpTo(own, killed - OLD_MS);
    const missing = unheard > 0 ? [`${unheard} packets`] : [];
    for (const one of due.map(gistOf)) {
      const left = held.get(one) ?? 0;
      if (left === 0) missing.push(one);
      else held.set(one, left - 1);
    }
    const streamedOnly = live.findings.filter(({ id }) => !ids.has(id)).length;
    return { stored: rows.length, due: due.length, missing, streamedOnly, integrity };
  } finally {
    database.close();
  }
}

interface Row {
  id: string;
  rule: string;
  client: string;
  client_port: number;
  server: string;
  server_port: number;
}

const findingKey = (rule: string, client: string, clientPort: number, server: string, serverPort: number): string =>
  `${rule} ${client}:${clientPort} ${server}:${serverPort}`;
const gistOf = ({ rule, client, clientPort, server, serverPort }: Finding): string =>
  findingKey(rule, client, clientPort, server, serverPort);
