/** How a live capture goes, in one line: on a terminal every second, on SIGUSR1 once. */
import type { LiveSession } from '../capture/live.ts';
import { bytes, counted, thousands } from '../report/words.ts';
import type { Progress } from './progress.ts';

export interface LiveStatus extends Progress {
  line(): string;
}

const INTERVAL_MS = 1_000;

/** `findings` says how many there are so far. The line is shown where stderr is a terminal and nothing asked for silence. */
export async function watchLive(session: LiveSession, quiet: boolean, findings: () => number): Promise<LiveStatus> {
  let frames = 0;
  let before = 0;
  let rate = 0;
  const line = (): string => statusLine(session, frames, rate, findings());
  const bar = quiet || !process.stderr.isTTY ? undefined : await createLine();
  const timer = setInterval(() => {
    rate = ((frames - before) * 1e3) / INTERVAL_MS;
    before = frames;
    bar?.show(line());
  }, INTERVAL_MS).unref();
  const tell = (): void => {
    process.stderr.write(`pawscope: ${line()}\n`);
  };
  process.on('SIGUSR1', tell);
  return {
    line,
    update(_consumed, _total, soFar) {
      frames = soFar;
    },
    stop() {
      clearInterval(timer);
      process.off('SIGUSR1', tell);
      bar?.stop();
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

async function createLine(): Promise<{ show(text: string): void; stop(): void }> {
  const { default: cliProgress } = await import('cli-progress');
  const options = { format: '{line}', stream: process.stderr, clearOnComplete: true, hideCursor: null };
  const bar = new cliProgress.SingleBar(options, cliProgress.Presets.shades_grey);
  bar.start(1, 0, { line: '' });
  return { show: text => bar.update(0, { line: text }), stop: () => bar.stop() };
}
