/** The commands that are measured on a capture: the shipped command with several options, and its peers. */
import { join } from 'node:path';
import { close, openForReading } from '../../src/store/database.ts';
import { PAWSCOPE } from './captures.ts';
import { type Cost, run } from './command.ts';
import { ONE_CORE, OWN } from './goals.ts';
import { isInstalled, PEERS, type PeerName, PREFIX, prefixOf } from './peers.ts';

export interface Contender {
  name: string;
  label: string;
  /** Number of packets in its input. */
  packets: number;
  slow: boolean;
  start(): Promise<Cost & { findings?: number }>;
}

/** Restricts a command to one core, including the threads of Node and SQLite. */
const PIN = ['taskset', '-c', '0'];

export function contendersFor(
  capture: string,
  packets: number,
  peers: readonly PeerName[],
  workers: readonly string[],
): Contender[] {
  const contenders = [pawscope(OWN, capture, packets, [], [])];
  if (isInstalled(PIN[0])) contenders.push(pawscope(ONE_CORE, capture, packets, PIN, ['--workers', '1']));
  for (const n of workers) contenders.push(pawscope(`${OWN} --workers ${n}`, capture, packets, [], ['--workers', n]));
  for (const name of peers) {
    const { command, label, slow, arguments: words } = PEERS[name];
    const part = slow && packets > PREFIX;
    contenders.push({
      name,
      label,
      slow,
      packets: part ? PREFIX : packets,
      start: () => {
        const path = part ? prefixOf(capture, PREFIX) : capture;
        return run(command, () => words(path, packets));
      },
    });
  }
  return contenders;
}

function pawscope(
  name: string,
  capture: string,
  packets: number,
  before: readonly string[],
  options: readonly string[],
): Contender {
  const [command, ...rest] = [...before, process.execPath];
  return {
    name,
    label: name,
    packets,
    slow: false,
    async start() {
      let findings = 0;
      const cost = await run(
        command!,
        scratch => [...rest, PAWSCOPE, 'analyze', capture, '-q', '--db', join(scratch, 'bench.db'), ...options],
        scratch => {
          findings = countFindings(join(scratch, 'bench.db'));
        },
      );
      return { ...cost, findings };
    },
  };
}

function countFindings(path: string): number {
  const db = openForReading(path);
  const count = db.prepare('SELECT count(*) FROM finding').pluck().get() as number;
  close(db);
  return count;
}
