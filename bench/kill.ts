/**
 * `kill -9` of a running `pawscope live` at random moments, under real traffic between two network namespaces: does the
 * database open each time, is it intact, and does it contain every finding older than 2 s? The expected findings come
 * from an analysis of what tcpdump captured at the same time. `--kills 20 --seconds 10`; needs root, ip and tcpdump.
 */
import { parseArgs } from 'node:util';
import { killAfter } from '../test/build/kill.ts';
import { pair } from '../test/build/netns.ts';
import { chatter, serveChat } from '../test/build/traffic.ts';
import { scoped } from './live/scope.ts';
import { keepResults } from './measure/captures.ts';
import { table } from './measure/numbers.ts';

const { values } = parseArgs({
  options: { kills: { type: 'string', default: '20' }, seconds: { type: 'string', default: '10' } },
});

await scoped(async (scope, scratch) => {
  const { client, server } = pair(scope);
  await serveChat(scope, server);
  const rows = [['killed after', 'stored', 'older than 2 s', 'of them missing', 'integrity']];
  const results: Record<string, unknown>[] = [];
  for (let kill = 0; kill < Number(values.kills); kill++) {
    const seconds = Math.random() * Number(values.seconds);
    const killed = await killAfter(scope, server, scratch, seconds, () => chatter(scope, client));
    const { stored, due, missing, streamedOnly, integrity } = killed;
    results.push({ seconds, ...killed });
    rows.push([`${seconds.toFixed(3)} s`, `${stored}`, `${due}`, `${missing.length}`, integrity]);
    if (missing.length + streamedOnly > 0 || integrity !== 'ok') process.exitCode = 1;
  }
  process.stdout.write(table(rows));
  keepResults('kill', results);
});
