/**
 * `pawscope live`: what `analyze` does on files, on interfaces until Ctrl-C. Interfaces and database are opened first;
 * then root is given up, and what comes is analysed and kept as it comes.
 */
import { existsSync } from 'node:fs';
import { type AnalyseResult, analyse } from '../analyse.ts';
import { linkTypeName } from '../capture/link.ts';
import { LiveSession } from '../capture/live.ts';
import { counted } from '../report/words.ts';
import { garbageCollector, letYoungGrow } from '../shard/garbage.ts';
import { type LogStays, MEMORY } from '../store/database.ts';
import { guardedAsync } from '../store/failures.ts';
import type { Place } from '../store/place.ts';
import type { Bounds } from '../store/retention.ts';
import { closeDebugger } from './debugger.ts';
import { signalStatus, UsageError } from './exit.ts';
import { LiveAlarms } from './live-alarms.ts';
import { keepEvidence } from './live-evidence.ts';
import { TOP_TIME_WAITS } from './live-metrics.ts';
import { LiveRecording } from './live-recording.ts';
import { createLine, watchLive } from './live-status.ts';
import type { LiveCommandOptions } from './options.ts';
import { say, writeFailure } from './output.ts';
import { become, type User, userToBecome } from './privileges.ts';
import { writeResult } from './result.ts';
import { afterwords, analyseOptions, prepare, storedOptions, toldFindings, warnings } from './run.ts';
import { serviceManager } from './service-manager.ts';
import { listenForSignals } from './signals.ts';
import { statusOf } from './verdict.ts';

/** Nobody but the user reads what is created from here on. */
const PRIVATE = 0o077;
const COLLECT_MS = 10_000;
const LOOK_MS = 1_000;
/** Packets a second that are worth some MB. */
const MANY = 20_000;

export async function live(words: readonly string[], options: LiveCommandOptions): Promise<number> {
  if (options.interface.length === 0) {
    const [word = ''] = words;
    const meant =
      /^[\w.-]+$/.test(word) && existsSync(`/sys/class/net/${word}`) ? `: pawscope live -i ${word}` : ', or any';
    throw new UsageError(`name an interface with -i${meant}; pawscope interfaces lists them`);
  }
  if (options.interface.includes('')) throw new UsageError('-i: the name is empty; is a variable not set?');
  closeDebugger();
  process.umask(PRIVATE);
  const prepared = prepare(options);
  const user = userToBecome(options.relinquishPrivileges);
  const filter = words.join(' ');
  const watch = options.metrics && (await (await import('./live-watch.ts')).watchOver(options.metrics));
  if (watch?.exposed) say([`whoever reaches ${watch.url} can read the metrics: nobody is asked for a password`]);
  const line = await createLine(options.quiet === true);
  const evidence = keepEvidence(options, user, line.say);
  const session = new LiveSession({
    devices: [...new Set(options.interface)],
    filter,
    snaplen: options.snapshotLength,
    bufferSize: options.bufferSize * 1024,
    promiscuous: options.promiscuous === true,
    immediate: options.immediateMode === true,
    onLost: options.onSourceLost,
    notice: text => line.say([text]),
    ...(evidence && { record: (_source, records) => evidence.write(records) }),
    ...(options.count === undefined ? {} : { count: options.count }),
  });
  evidence?.open(session);
  const signals = listenForSignals();
  const stop = (): void => session.stop();
  signals.abort.addEventListener('abort', stop);
  const manager = serviceManager({ standing: () => run.standing?.(), status: () => status.line() });
  if (manager !== undefined) signals.abort.addEventListener('abort', manager.stopping);
  const timer = options.autostop === undefined ? undefined : setTimeout(stop, options.autostop * 1e3);
  const collecting = setInterval(housekeeping(session), COLLECT_MS).unref();
  const status = watchLive(session, line, () => run.count);
  const created = filesOfNew(options.db);
  const stream = options.format === 'ndjson';
  const run: LiveRecording = new LiveRecording({
    command: 'live',
    path: options.db,
    stored: {
      ...storedOptions(options, prepared),
      filter,
      snaplen: options.snapshotLength,
      ...(options.keep === undefined ? {} : { keep: options.keep }),
      ...(options.maxDb === undefined ? {} : { max_db: options.maxDb }),
    },
    ...boundsOf(options),
    progress: status,
    stream,
    known: prepared.known,
    ready: () => {
      const given = options.relinquishPrivileges === undefined ? [] : created;
      // Before: afterwards the folder of the database may be closed to this process.
      watch?.ready(run.store.place);
      if (user !== undefined) become(user, options.onSourceLost === 'retry', given);
      manager?.ready();
      if (run.store.stuck) line.say([tooLarge(options.db)]);
      if (options.quiet) return;
      line.say([listening(session, options.snapshotLength), ...(watch ? [`metrics at ${watch.url}/metrics`] : [])]);
    },
  });
  const alarms = new LiveAlarms();
  const looking = setInterval(() => {
    line.say(alarms.look(performance.now(), session.status, run.place));
  }, LOOK_MS).unref();
  watch?.follow(session, run, evidence);
  let unwritable: Error | undefined;
  if (stream) {
    process.stdout.once('error', error => {
      unwritable = writeFailure(error);
      // Nobody is left to capture for.
      stop();
    });
  }
  let result: AnalyseResult;
  try {
    result = await analyse(
      session.inputs,
      { ...analyseOptions(options, prepared), ...(watch && { topTimeWaits: TOP_TIME_WAITS }) },
      run,
    );
    run.finish(result);
  } catch (error) {
    run.fail();
    throw error;
  } finally {
    clearTimeout(timer);
    clearInterval(collecting);
    clearInterval(looking);
    manager?.stopping();
    manager?.close();
    watch?.close();
    status.stop();
    session.close();
    evidence?.close();
    signals.forget();
  }
  try {
    say(warnings(result, prepared));
    const told = toldFindings(run, prepared);
    if (!stream) await guardedAsync(options.db, () => writeResult(run.store, options, told));
    else if (!options.quiet) say([ended(result, run.count, run.store.place)]);
    say(afterwords(options, run, result));
    if (unwritable !== undefined) throw unwritable;
    const signal = signals.caught();
    return signal === undefined ? statusOf(result, run.store, options, told, undefined) : signalStatus(signal);
  } finally {
    const left = run.store.place?.isLeft;
    const stays = run.store.close();
    if (left) say([wentWith(options.db)]);
    else if (stays !== undefined) say([logStays(options.db, stays, user)]);
  }
}

/** Memory is little, and stays as it is, where packets are few. */
function housekeeping(session: LiveSession): () => void {
  const collect = garbageCollector();
  let before = 0;
  return () => {
    const packets = session.status.reduce((sum, one) => sum + one.packets, 0);
    letYoungGrow(packets - before > (MANY * COLLECT_MS) / 1e3);
    before = packets;
    collect();
  };
}

const listening = ({ sources }: LiveSession, snaplen: number): string =>
  `listening on ${sources.map(({ name, linkType }) => `${name}, ${linkTypeName(linkType)}`).join('; ')}; ` +
  `${snaplen} bytes a frame`;

/** In place of a summary, where the findings were the output. */
const ended = ({ tally }: AnalyseResult, findings: number, database: Place | undefined): string =>
  `ended after ${counted(tally.frames ?? 0, 'frame')}, with ${counted(findings, 'finding')}` +
  `${database === undefined || database.isLeft ? '' : `; pawscope findings ${database.path} shows them`}`;

const boundsOf = ({ keep, maxDb }: LiveCommandOptions): { bounds?: Bounds } =>
  keep === undefined && maxDb === undefined
    ? {}
    : { bounds: { ...(keep === undefined ? {} : { keep }), ...(maxDb === undefined ? {} : { maxBytes: maxDb }) } };

const logStays = (path: string, why: LogStays, user: User | undefined): string =>
  why === 'in-use'
    ? `another program has ${path} open: ${path}-wal belongs to the database until that one ends`
    : `${path}-wal and ${path}-shm stay beside the database and belong to it` +
      `${user === undefined ? '' : `, as ${user.name} may not remove them`}; ` +
      `to merge them: sudo sqlite3 ${path} 'PRAGMA journal_mode = DELETE'`;

/** The log stays where the user may not remove it, and would be taken for that of the next database. */
const wentWith = (path: string): string =>
  `${path} was removed, renamed or replaced while it was written: the findings went with it` +
  `${existsSync(`${path}-wal`) && !existsSync(path) ? `; ${path}-wal belongs to it, and to no new one` : ''}`;

const tooLarge = (path: string): string =>
  `${path}: larger than --max-db, and was made without it: it grows no more, but does not shrink; ` +
  `to make it smaller when nothing runs: sqlite3 ${path} 'PRAGMA auto_vacuum = INCREMENTAL; VACUUM'`;

/** The files of a database that does not exist yet. */
const filesOfNew = (path: string): string[] =>
  path === MEMORY || existsSync(path) ? [] : ['', '-wal', '-shm'].map(suffix => path + suffix);
