/** `live --metrics`: connects the HTTP server to the run. The server starts before the run and outlives it. */
import type { LiveSession } from '../../capture/live/live.ts';
import { exposition } from '../../report/exposition.ts';
import type { DatabaseFile } from '../../store/database-file.ts';
import type { ListenAddress } from '../values.ts';
import { packageVersion } from '../version.ts';
import { STUCK_MS } from './live-alarms.ts';
import type { Evidence } from './live-evidence.ts';
import { LiveHealth } from './live-health.ts';
import { metricsOf } from './live-metrics.ts';
import type { LiveRecording } from './live-recording.ts';
import { serveMetrics } from './metrics-server.ts';

export interface LiveWatch {
  url: string;
  /** Other machines can reach the server. */
  exposed: boolean;
  /** From now on the metrics are those of this run. */
  follow(session: LiveSession, run: LiveRecording, evidence: Evidence | undefined): void;
  /** Call this when capturing has begun. `database` is undefined for a database in memory. */
  ready(database: DatabaseFile | undefined): void;
  close(): void;
}

const LOOK_MS = 1_000;

/** Another program's transaction that lasts longer is reported; our own take milliseconds. */
const HELD_MS = 2_000;

/**
 * Sentences about findings that wait for another program: one that holds the database, or one that does not read
 * stdout.
 */
function waiting(run: LiveRecording | undefined): string[] {
  const { heldFor = 0, stuckFor = 0 } = run ?? {};
  const troubles: string[] = [];
  if (heldFor >= HELD_MS) {
    troubles.push(`another program has held the database for ${(heldFor / 1e3).toFixed(0)} s: findings wait in memory`);
  }
  if (stuckFor >= STUCK_MS) {
    troubles.push(
      `nobody has read standard output for ${(stuckFor / 1e3).toFixed(0)} s: findings wait in the database`,
    );
  }
  return troubles;
}

/** Starts the server at once. Throws a UsageError if it cannot listen on `address`. */
export async function watchOver(address: ListenAddress): Promise<LiveWatch> {
  const version = packageVersion();
  const started = Date.now() / 1e3 - process.uptime();
  const health = new LiveHealth();
  let session: LiveSession | undefined;
  let run: LiveRecording | undefined;
  let evidence: Evidence | undefined;
  let capturing = false;
  const look = (): void => {
    const now = performance.now();
    health.sample(now, session?.status ?? []);
    const standing = run?.standing?.();
    if (standing !== undefined) health.reach(now, standing.until);
  };
  const server = await serveMetrics(address, {
    metrics: () =>
      exposition(
        metricsOf({
          version,
          now: Date.now() / 1e3,
          started,
          resident: process.memoryUsage.rss(),
          interfaces: session?.status ?? [],
          evidenceLost: evidence?.lost,
          findings: run?.counts ?? [],
          standing: run?.standing?.(),
        }),
      ),
    troubles: () => {
      if (session === undefined || !capturing) return ['not yet capturing'];
      look();
      return [...health.troubles(session.status), ...(evidence?.troubles ?? []), ...waiting(run)];
    },
  });
  const timer = setInterval(look, LOOK_MS).unref();
  return {
    url: server.url,
    exposed: server.exposed,
    follow: (of, recording, kept) => {
      session = of;
      run = recording;
      evidence = kept;
    },
    ready: database => {
      if (database !== undefined) health.watch(database);
      capturing = true;
    },
    close: () => {
      clearInterval(timer);
      server.close();
    },
  };
}
