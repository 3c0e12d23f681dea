/** A progress bar on stderr, only if stderr is a terminal and --quiet is not set. */
import type { SingleBar } from 'cli-progress';

export interface Progress {
  /** Bytes of input consumed so far, their total (0 when unknown), and frames so far. */
  update(consumed: number, total: number, frames: number): void;
  stop(): void;
}

const SILENT: Progress = { update: () => {}, stop: () => {} };

export async function createProgress(quiet: boolean): Promise<Progress> {
  if (quiet || !process.stderr.isTTY) return SILENT;
  const { default: cliProgress } = await import('cli-progress');
  let bar: SingleBar | undefined;
  return {
    update(consumed, total, frames) {
      if (!bar) {
        // The size of a pipe is unknown, so there is only a count and no bar.
        const format = total > 0 ? '{bar} {percentage} %  {frames} frames  {eta_formatted} left' : '{frames} frames';
        const options = { format, stream: process.stderr, clearOnComplete: true, hideCursor: null, barsize: 30 };
        bar = new cliProgress.SingleBar(options, cliProgress.Presets.shades_grey);
        bar.start(Math.max(total, 1), 0, { frames: 0 });
      }
      bar.update(Math.min(consumed, Math.max(total, 1)), { frames });
    },
    stop: () => bar?.stop(),
  };
}
