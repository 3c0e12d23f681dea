/** The state of a live capture in one line: every second on a terminal, once for each SIGUSR1. */
import type { LiveSession } from '../../capture/live/live.ts';
import { bytes, counted, thousands } from '../../report/words.ts';
import { say } from '../output.ts';
import type { Progress } from '../progress.ts';

export interface LiveStatus extends Progress {
  line(): string;
}

const INTERVAL_MS = 1_000;

/** A status line at the bottom of the terminal that is redrawn in place, with messages above it. */
export interface LiveLine {
  show(text: string): void;
  say(sentences: readonly string[]): void;
  stop(): void;
}

/** Draws the line only if stderr is a terminal and --quiet is not set; messages are printed in any case. */
export async function createLine(quiet: boolean): Promise<LiveLine> {
  if (quiet || !process.stderr.isTTY) return { show: () => {}, say, stop: () => {} };
  const { default: cliProgress } = await import('cli-progress');
  const options = { format: '{line}', stream: process.stderr, clearOnComplete: true, hideCursor: null };
  const bar = new cliProgress.SingleBar(options, cliProgress.Presets.shades_grey);
  let shown: string | undefined;
  const show = (line: string): void => {
    if (shown === undefined) bar.start(1, 0, { line });
    else bar.update(0, { line });
    shown = line;
  };
  const stop = (): void => {
    bar.stop(); // erases the line
    shown = undefined;
  };
  return {
    show,
    say(sentences) {
      const under = shown;
      stop();
      say(sentences);
      if (under !== undefined) show(under);
    },
    stop,
  };
}

/** `findings` returns the number of findings so far. */
export function watchLive(session: LiveSession, shown: LiveLine, findings: () => number): LiveStatus {
  let frames = 0;
  let before = 0;
  let rate = 0;
  const line = (): string => statusLine(session, frames, rate, findings());
  const timer = setInterval(() => {
    rate = ((frames - before) * 1e3) / INTERVAL_MS;
    before = frames;
    shown.show(line());
  }, INTERVAL_MS).unref();
  const tell = (): void => shown.say([line()]);
  process.on('SIGUSR1', tell);
  return {
    line,
    update(_consumed, _total, soFar) {
      frames = soFar;
    },
    stop() {
      clearInterval(timer);
      process.off('SIGUSR1', tell);
      shown.stop();
    },
  };
}

function statusLine(session: LiveSession, frames: number, rate: number, findings: number): string {
  const { status } = session;
  const sum = (of: 'dropped' | 'interfaceDropped' | 'backlog'): number =>
    status.reduce((total, one) => total + one[of], 0);
  const away = status.filter(({ state }) => state !== 'capturing').map(({ name, state }) => `${name} is ${state}`);
  return [
    `${counted(frames, 'frame')} (${thousands(Math.round(rate))}/s)`,
    `${thousands(sum('dropped') + sum('interfaceDropped'))} dropped`,
    counted(findings, 'finding'),
    `${bytes(sum('backlog'))} waiting`,
    ...away,
  ].join(', ');
}
