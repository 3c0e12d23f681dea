/**
 * A SYN flood of five million tuples, captured live, with two real connections in its middle, the second of which meets
 * the TIME_WAIT of the first: does memory stay below the limit of the service, are evictions counted, and is the real
 * finding still reported? `--rate 100000 --max-flows 1000000 [FILE]`; needs root, ip and cc.
 */
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Database } from '../src/store/sqlite.ts';
import { cable, cpuOf, memoryOf } from './live/measuring.ts';
import { scoped } from './live/scope.ts';
import { captureOf, keepResults, PAWSCOPE } from './measure/captures.ts';
import { table } from './measure/numbers.ts';

/** MemoryMax of systemd/pawscope.service in MiB. */
const CAP = 2048;
const TUPLES = 5_000_000;
const SERVER = '10.71.0.2';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rate: { type: 'string', default: '100000' },
    'max-flows': { type: 'string', default: '1000000' },
    workers: { type: 'string', default: '2' },
  },
});

await scoped(async (scope, scratch) => {
  const capture = positionals[0] ?? captureOf('flood');
  const rate = Number(values.rate);
  const { sender, capturer, replay } = cable(scope, scratch);
  await capturer.serve(scope, SERVER, 80, 'end');
  const path = join(scratch, 'flood.db');
  const command = ['live', '-i', 'eth0', '-Z', 'root', '--db', path, '--max-flows', values['max-flows']];
  const live = capturer.spawn(process.execPath, [PAWSCOPE, ...command, '--workers', values.workers, 'tcp']);
  scope.after(() => live.kill('SIGKILL'));
  live.stdout!.resume();
  const ended = once(live, 'close');
  await once(live.stderr!, 'data');
  const before = cpuOf(live);
  const begun = performance.now();
  const flood = replay(capture, rate, 0);
  await sleep((TUPLES / rate / 2) * 1e3);
  const became = [1, 2].map(() => sender.connect(SERVER, 80, 40_000));
  const sent = await flood;
  const seconds = (performance.now() - begun) / 1e3;
  await sleep(1_500);
  const cpu = cpuOf(live) - before;
  const memory = memoryOf(live, 'VmHWM');
  live.kill('SIGINT');
  const [status] = await ended;
  const database = new Database(path, { readonly: true });
  const one = (sql: string): number => (database.prepare(sql).pluck().get() as number | undefined) ?? 0;
  const tally = (name: string): number => one(`SELECT count FROM tally WHERE name = '${name}'`);
  const received = tally('frames');
  const found = one("SELECT count(*) FROM finding WHERE rule = 'port-reuse' AND client_port = 40000");
  const findings = one('SELECT count(*) FROM finding');
  const result = {
    sent,
    received,
    dropped: tally('dropped.kernel'),
    flows: tally('flows'),
    evicted: tally('evicted.flows'),
    memory,
    found,
    findings,
    cpu: (cpu * 1e6) / received,
    status,
  };
  database.close();
  process.stdout.write(
    table([
      ['', ''],
      ['SYNs sent', String(sent)],
      ['a second', (sent / seconds).toFixed(0)],
      ['packets dropped by the kernel', String(result.dropped)],
      ['flows', String(result.flows)],
      ['of them evicted', String(result.evicted)],
      ['most memory', `${memory.toFixed(0)} of ${CAP} MiB`],
      ['CPU a packet', `${result.cpu.toFixed(2)} µs`],
      ['the real connections', became.join(', ')],
      ['findings of the real TIME_WAIT', String(found)],
      ['findings', String(findings)],
    ]),
  );
  keepResults('flood', result);
  if (memory > CAP || found !== 1 || result.evicted === 0) process.exitCode = 1;
});
