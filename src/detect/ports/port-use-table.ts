/**
 * Port uses that need more than numbers (port-counts.ts), by row: one for each server port of a client and server. A
 * scan makes one for every port that it tries on every host. At half a kilobyte each they would fill the memory. So the
 * total is bounded, and those with the fewest connections are dropped.
 */
import type { PortUse } from './port-use.ts';

/** Most ports of one server that are counted for one client, and most uses in a shard. */
const MAX_PORTS = 64;
const MAX_USES = 1 << 16;
/** To make room, uses with at most this many connections are dropped; the next number applies if that is not enough. */
const LEAST = [1, 16, 256, Number.POSITIVE_INFINITY];

const NONE: readonly PortUse[] = [];

export class PortUseTable {
  size = 0;
  private readonly byRow = new Map<number, PortUse[]>();
  private readonly forget: (use: PortUse) => void;
  private readonly lost: (uses: number) => void;
  private readonly most: number;

  /**
   * `forget` is called with each use that is replaced by another; `lost` with the number of uses dropped for lack of
   * room. A use of one connection does not count as lost: a port that was tried once says nothing about the client's
   * ports.
   */
  constructor(forget: (use: PortUse) => void, lost: (uses: number) => void, most = MAX_USES) {
    this.forget = forget;
    this.lost = lost;
    this.most = most;
  }

  has(row: number): boolean {
    return this.byRow.has(row);
  }

  of(row: number): readonly PortUse[] {
    return this.byRow.get(row) ?? NONE;
  }

  find(row: number, port: number): PortUse | undefined {
    const uses = this.of(row);
    return uses.length === 1 && uses[0].port === port ? uses[0] : uses.find(known => known.port === port);
  }

  begin(row: number, uses: PortUse[]): void {
    this.byRow.set(row, uses);
    this.size += uses.length;
  }

  /** Replaces what is kept of its port, if anything is. The row must have begun. */
  put(row: number, use: PortUse): void {
    if (this.size >= this.most) this.makeRoom();
    const uses = this.byRow.get(row)!;
    let at = uses.findIndex(known => known.port === use.port);
    if (at < 0) at = place(uses);
    if (at === uses.length) this.size++;
    else this.forget(uses[at]);
    uses[at] = use;
  }

  drop(row: number): void {
    const uses = this.of(row);
    for (const use of uses) this.forget(use);
    this.size -= uses.length;
    this.byRow.delete(row);
  }

  /** Drops uses until half of them are gone. Those with a window are kept: they are few. */
  private makeRoom(): void {
    for (const most of LEAST) {
      let gone = 0;
      for (const [row, uses] of this.byRow) {
        const kept = uses.filter(({ window, opened }) => window !== undefined || opened > most);
        gone += uses.length - kept.length;
        this.byRow.set(row, kept);
      }
      this.size -= gone;
      if (most > 1 && gone > 0) this.lost(gone);
      if (this.size <= this.most / 2) return;
    }
  }
}

/**
 * A free place among the ports of a server, or the place of the port with the fewest connections: the server is being
 * scanned.
 */
function place(uses: readonly PortUse[]): number {
  if (uses.length < MAX_PORTS) return uses.length;
  let least = 0;
  for (let i = 1; i < uses.length; i++) if (uses[i].opened < uses[least].opened) least = i;
  return least;
}
