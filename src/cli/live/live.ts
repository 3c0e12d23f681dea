/**
 * `pawscope live`: does on interfaces, until Ctrl-C, what `analyze` does on files. Interfaces and database are opened
 * first; then root is given up. Packets are analysed, and findings stored, as they come in.
 */
import { existsSync } from 'node:fs';
import { type AnalyseResult, analyse } from '../../analyse.ts';
import { LiveSession } from '../../capture/live/live.ts';
import { native } from '../../capture/native.ts';
import { garbageCollector, letYoungGrow } from '../../shard/v8-gc.ts';
import { MEMORY } from '../../store/database.ts';
import { guardedAsync } from '../../store/failures.ts';
import type { Bounds } from '../../store/retention.ts';
import { closeDebugger } from '../debugger.ts';
import { Exit, signalStatus, UsageError } from '../exit.ts';
import type { LiveCommandOptions } from '../options.ts';
import { abandonOutput, say, writeFailure } from '../output.ts';
import { writeResult } from '../result.ts';
import {
  analyseOptions,
  closingLines,
  logStays,
  type Prepared,
  prepare,
  printedFindings,
  storedOptions,
  warnings,
} from '../run.ts';
import { listenForSignals, type Signals } from '../signals.ts';
import { statusOf } from '../verdict.ts';
import { LiveAlarms } from './live-alarms.ts';
import { type Evidence, keepEvidence } from './live-evidence.ts';
import { ended, findingsGone, listening, tooLarge, undelivered, unstored } from './live-messages.ts';
import { TOP_TIME_WAITS } from './live-metrics.ts';
import { LiveRecording } from './live-recording.ts';
import { createLine, type LiveLine, watchLive } from './live-status.ts';
import type { LiveWatch } from './live-watch.ts';
import { become, type User, userToBecome } from './privileges.ts';
import { serviceManager } from './service-manager.ts';

/** The umask: only this user can read the files that are created from here on. */
const PRIVATE = 0o077;
const COLLECT_MS = 10_000;
const LOOK_MS = 1_000;
const STDOUT = 1;
/** From this many packets a second on, a young generation that is some MB larger is worth its memory. */
const MANY_PACKETS = 20_000;
/** How long after the signal that ends the run the reader of stdout may take to read what is there. */
const LAST_WORD_MS = 3_000;

/** Everything that is open during the capture. */
interface Opened {
  session: LiveSession;
  filter: string;
  line: LiveLine;
  signals: Signals;
  user: User | undefined;
  evidence: Evidence | undefined;
  watch: LiveWatch | undefined;
}

interface Captured {
  run: LiveRecording;
  result: AnalyseResult;
  /** Why stdout could not be written, if that ended the capture. */
  unwritable(): Error | undefined;
}

export async function live(words: readonly string[], options: LiveCommandOptions): Promise<number> {
  refuseMisuse(words, options.interface);
  closeDebugger();
  process.umask(PRIVATE);
  const prepared = prepare(options);
  const opened = await open(filterOf(words, options), options);
  try {
    const captured = await capture(opened, options, prepared);
    return await tell(captured, opened, options, prepared);
  } finally {
    opened.signals.forget();
  }
}

function refuseMisuse(words: readonly string[], interfaces: readonly string[]): void {
  if (interfaces.length === 0) {
    const [word = ''] = words;
    const meant =
      /^[\w.-]+$/.test(word) && existsSync(`/sys/class/net/${word}`) ? `: pawscope live -i ${word}` : ', or any';
    throw new UsageError(`name an interface with -i${meant}; pawscope interfaces lists them`);
  }
  if (interfaces.includes('')) throw new UsageError('-i: the name is empty; is a variable not set?');
}

/** The filter: the remaining words, as for tcpdump, or --filter, as for `analyze`. */
function filterOf(words: readonly string[], { filter }: LiveCommandOptions): string {
  if (filter !== undefined && words.length > 0) {
    throw new UsageError(`--filter "${filter}" and "${words.join(' ')}" are both filters; give one`);
  }
  return filter ?? words.join(' ');
}

async function open(filter: string, options: LiveCommandOptions): Promise<Opened> {
  const user = userToBecome(options.relinquishPrivileges);
  const watch = options.metrics && (await (await import('./live-watch.ts')).watchOver(options.metrics));
  if (watch?.exposed) say([`anyone who can reach ${watch.url} can read the metrics: there is no password`]);
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
    ...(evidence && { record: (records, source) => evidence.write(records, source) }),
    ...(options.count === undefined ? {} : { count: options.count }),
  });
  evidence?.open(session);
  return { session, filter, line, signals: listenForSignals(), user, evidence, watch };
}

/**
 * Captures until a signal, a limit or a failure ends it. By then everything has been stored, and only the database and
 * stdout are still open.
 */
async function capture(opened: Opened, options: LiveCommandOptions, prepared: Prepared): Promise<Captured> {
  const { session, line, signals, watch, evidence } = opened;
  const status = watchLive(session, line, () => run.count);
  const manager = serviceManager({ standing: () => run.standing?.(), status: () => status.line() });
  const stop = (): void => session.stop();
  const begin = (): void => {
    session.begin();
    if (options.autostop !== undefined) timers.push(setTimeout(stop, options.autostop * 1e3));
  };
  const run: LiveRecording = new LiveRecording({
    ...whatToKeep(opened, options, prepared),
    progress: status,
    ready: readiness(opened, options, () => run, manager, begin),
  });
  const alarms = new LiveAlarms();
  const look = (): void => {
    line.say(alarms.poll(performance.now(), session.status, run));
    // Where there are no findings nothing is written, so no failing write would show that the reader has gone.
    if (alarms.isOver || (options.format === 'ndjson' && native('live').isReaderGone(STDOUT))) stop();
  };
  const timers = [setInterval(housekeeping(session), COLLECT_MS).unref(), setInterval(look, LOOK_MS).unref()];
  signals.abort.addEventListener('abort', stop);
  signals.abort.addEventListener('abort', () => manager?.stopping());
  let unwritable: Error | undefined;
  const cannotWrite = (error: Error): void => {
    unwritable = writeFailure(error);
    stop(); // nobody is left to read the findings
  };
  if (options.format === 'ndjson') process.stdout.once('error', cannotWrite);
  watch?.follow(session, run, evidence);
  try {
    // The kernel has applied the filter already; the analysis takes everything that it let through.
    const { filter: _, ...asked } = analyseOptions(options, prepared);
    const result = await analyse(session.inputs, { ...asked, ...(watch && { topTimeWaits: TOP_TIME_WAITS }) }, run);
    run.finish(result);
    return { run, result, unwritable: () => unwritable };
  } catch (error) {
    evidence?.discard();
    run.fail();
    if (run.unstored > 0) say([unstored(run.unstored)]);
    throw error;
  } finally {
    for (const timer of timers) clearTimeout(timer);
    manager?.stopping();
    manager?.close();
    watch?.close();
    status.stop();
    session.close();
    evidence?.close();
  }
}

/** Writes the result. Returns the exit status. */
async function tell(
  { run, result, unwritable }: Captured,
  { signals, user }: Opened,
  options: LiveCommandOptions,
  prepared: Prepared,
): Promise<number> {
  const { place } = run.store;
  try {
    say(warnings(result, prepared));
    const printed = printedFindings(run, prepared);
    const deadline = signals.after(LAST_WORD_MS);
    if (options.format === 'ndjson') {
      const missing = await run.drainOutput(deadline);
      if (missing > 0) giveUpOutput(undelivered(missing, place));
      if (!options.quiet) say([ended(result, run.count, place)]);
    } else {
      const writing = guardedAsync(options.db, () => writeResult(run.store, options, printed)).then(() => true);
      const isWritten = await Promise.race([writing, deadline.then(() => false)]);
      if (!isWritten) giveUpOutput(undelivered(0, place));
    }
    say(closingLines(options, run, result));
    const failure = unwritable();
    if (failure !== undefined) throw failure;
    // The findings of the run are nowhere: it failed, even if a signal ended it cleanly.
    if (place?.isGone) return Exit.ERROR;
    const signal = signals.caught();
    return signal === undefined ? statusOf(result, run.store, options, printed, undefined) : signalStatus(signal);
  } finally {
    const left = place?.isGone;
    const stays = run.store.close();
    if (left) say([findingsGone(options.db)]);
    else if (stays !== undefined) say([logStays(options.db, stays, user?.name)]);
  }
}

function giveUpOutput(why: string): void {
  abandonOutput();
  say([why]);
}

const whatToKeep = ({ filter }: Opened, options: LiveCommandOptions, prepared: Prepared) =>
  ({
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
    stream: options.format === 'ndjson',
    known: prepared.known,
  }) as const;

/** The callback for when everything is open and running: starts capturing and gives up root. */
function readiness(
  { session, line, user, watch }: Opened,
  options: LiveCommandOptions,
  run: () => LiveRecording,
  manager: ReturnType<typeof serviceManager>,
  begin: () => void,
): () => void {
  const created = filesOfNew(options.db);
  return () => {
    const { store } = run();
    // Before root is given up: afterwards this process may be unable to reach the folder of the database.
    watch?.ready(store.place);
    // This starts the capture threads, so that root is given up in them as well.
    begin();
    const given = options.relinquishPrivileges === undefined ? [] : created;
    if (user !== undefined) become(user, options.onSourceLost === 'retry', given);
    manager?.ready();
    if (store.stuck) line.say([tooLarge(options.db)]);
    if (options.quiet) return;
    line.say([listening(session, options.snapshotLength), ...(watch ? [`metrics at ${watch.url}/metrics`] : [])]);
  };
}

/** To be called every COLLECT_MS: keeps memory small and steady while packets are few. */
function housekeeping(session: LiveSession): () => void {
  const collect = garbageCollector();
  let before = 0;
  return () => {
    const packets = session.status.reduce((sum, one) => sum + one.packets, 0);
    letYoungGrow(packets - before > (MANY_PACKETS * COLLECT_MS) / 1e3);
    before = packets;
    collect();
  };
}

const boundsOf = ({ keep, maxDb }: LiveCommandOptions): { bounds?: Bounds } =>
  keep === undefined && maxDb === undefined
    ? {}
    : { bounds: { ...(keep === undefined ? {} : { keep }), ...(maxDb === undefined ? {} : { maxBytes: maxDb }) } };

/** The files that SQLite will create for the database; none if it exists already. */
const filesOfNew = (path: string): string[] =>
  path === MEMORY || existsSync(path) ? [] : ['', '-wal', '-shm'].map(suffix => path + suffix);
