/** Writes findings in the order in which they come, which is the order in which they are read again. */
import type { Finding } from '../detect/finding.ts';
import { type Numbering, packetsText, WrittenFinding } from '../detect/written-finding.ts';
import type { Database } from './database.ts';
import { instant } from './insert.ts';
import { Revisable } from './revisable.ts';
import { StoredIds } from './stored-ids.ts';
import type { Undo } from './undo.ts';

const PORTION = 20;

const COLUMNS = `id, run_id, rule, severity, confidence, title, first_ns, last_ns,
  client, client_port, server, server_port, evidence, packets`;
const WIDTH = 13;

/** The findings of one run. */
export class FindingRows {
  private readonly told = new StoredIds();
  private readonly rows: Revisable<Finding, string>;
  /** The numbers of those that may be revised, by id. */
  private readonly revisable = new Map<string, number>();
  /** The first row that was added since it was asked for. */
  private first = Number.POSITIVE_INFINITY;
  private readonly undo: Undo;

  constructor(db: Database, run: number, numbering: Numbering, undo: Undo) {
    this.undo = undo;
    const at = instant(numbering.origin);
    this.rows = new Revisable(db, {
      name: 'finding',
      columns: COLUMNS,
      tuple: `(?, ${run}, ?, ?, ?, ?, ${at}, ${at}, ?, ?, ?, ?, ?, ?)`,
      width: WIDTH,
      bind: (values, from, finding) => bindFinding(values, from, finding, numbering),
      portion: PORTION,
      isMarked: 'id = ?',
    });
  }

  /**
   * In a transaction. `revisable`: they may be revised or removed later; one that is told again takes the place of the
   * row under its id, behind all others. Returns how many more there are now.
   */
  add(findings: readonly Finding[], revisable: boolean): number {
    let replaced = 0;
    if (this.revisable.size > 0) {
      for (const { id } of findings) replaced += this.removeOne(id);
    }
    const fresh = findings.filter(({ id }) => this.told.isNew(id));
    if (fresh.length > 0) {
      const { first: before } = this;
      this.undo.add(() => {
        this.first = before;
        for (const { id } of fresh) {
          this.told.isUntold(id);
          this.revisable.delete(id);
        }
      });
      const first = this.rows.append(fresh);
      this.first = Math.min(this.first, first);
      if (revisable) for (const [i, { id }] of fresh.entries()) this.revisable.set(id, first + i);
    }
    return fresh.length - replaced;
  }

  /**
   * The first row that was added since this was asked last, or +∞. All that have been added since stand at it and behind,
   * and nothing else does: SQLite gives a new row the number after the highest one, also where that has been free before.
   */
  takeFirst(): number {
    const { first } = this;
    this.first = Number.POSITIVE_INFINITY;
    return first;
  }

  /** They will not be revised any more. */
  settle(ids: readonly string[]): void {
    for (const id of ids) this.revisable.delete(id);
  }

  /** In place; what is no longer there is added. */
  revise(findings: readonly Finding[]): void {
    for (const finding of findings) {
      const number = this.revisable.get(finding.id);
      if (number !== undefined && this.rows.replace(number, finding.id, finding)) continue;
      this.told.forget(finding.id);
      this.add([finding], true);
    }
  }

  /** They may be told again. Returns how many were there, or had been. */
  remove(ids: readonly string[]): number {
    return ids.reduce((removed, id) => removed + this.removeOne(id), 0);
  }

  private removeOne(id: string): number {
    const number = this.revisable.get(id);
    if (number === undefined) return 0;
    this.undo.add(() => {
      this.revisable.set(id, number);
      this.told.isNew(id);
    });
    this.rows.remove(number, id);
    this.revisable.delete(id);
    this.told.forget(id);
    return 1;
  }
}

function bindFinding(values: unknown[], from: number, finding: Finding, numbering: Numbering): void {
  const isWritten = finding instanceof WrittenFinding;
  values[from] = finding.id;
  values[from + 1] = finding.rule;
  values[from + 2] = finding.severity;
  values[from + 3] = finding.confidence;
  values[from + 4] = finding.title;
  values[from + 5] = finding.firstAt;
  values[from + 6] = finding.lastAt;
  values[from + 7] = finding.client;
  values[from + 8] = finding.clientPort;
  values[from + 9] = finding.server;
  values[from + 10] = finding.serverPort;
  values[from + 11] = isWritten ? finding.evidenceText : JSON.stringify(finding.evidence);
  values[from + 12] = isWritten ? finding.packetsText : packetsText(finding.packets, numbering);
}
