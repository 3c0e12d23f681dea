/**
 * Writes findings in the order in which they are read again: those of a run over files in order of time (time-order.ts),
 * those of a live run as they arrive.
 */
import { compareFindings, type Finding } from '../../detect/finding.ts';
import { type Numbering, packetsText, WrittenFinding } from '../../detect/findings/written-finding.ts';
import type { Database } from '../database.ts';
import { instant } from './insert.ts';
import { Revisable } from './revisable.ts';
import { StoredIds } from './stored-ids.ts';
import { TimeOrder } from './time-order.ts';
import type { Undo } from './undo.ts';

const PORTION = 20;

const COLUMNS = `rowid, id, run_id, rule, severity, confidence, title, first_ns, last_ns,
  client, client_port, server, server_port, evidence, packets`;
const WIDTH = 14;

/** `rowid`: null leaves the choice to SQLite, which takes the number after the highest one in use. */
interface Row {
  finding: Finding;
  rowid: number | null;
}

/** The findings of one run. */
export class FindingRows {
  private readonly ids = new StoredIds();
  private readonly rows: Revisable<Row, string>;
  /** Undefined in a live run. */
  private readonly order: TimeOrder | undefined;
  /** Rowids of the findings that may still be revised, by id. */
  private readonly revisable = new Map<string, number>();
  /** The first row added since the last `takeFirst`; +∞ if none was. */
  private first = Number.POSITIVE_INFINITY;
  private readonly undo: Undo;

  constructor(db: Database, run: number, numbering: Numbering, undo: Undo, isLive: boolean) {
    this.undo = undo;
    this.order = isLive ? undefined : new TimeOrder(db);
    const at = instant(numbering.origin);
    this.rows = new Revisable(db, {
      name: 'finding',
      columns: COLUMNS,
      tuple: `(?, ?, ${run}, ?, ?, ?, ?, ${at}, ${at}, ?, ?, ?, ?, ?, ?)`,
      width: WIDTH,
      bind: (values, from, row) => bindRow(values, from, row, numbering),
      portion: PORTION,
      isMarked: 'id = ?',
    });
  }

  /**
   * Adds findings; call it in a transaction. `revisable`: they may be revised or removed later. A revisable finding
   * that is reported again replaces the row with its id and, in a live run, moves to the end. Returns by how many the
   * number of findings has grown.
   */
  add(findings: readonly Finding[], revisable: boolean): number {
    let replaced = 0;
    if (this.revisable.size > 0) {
      for (const { id } of findings) replaced += this.removeOne(id);
    }
    const fresh = findings.filter(({ id }) => this.ids.isNew(id));
    if (fresh.length > 0) {
      const { first: before } = this;
      this.undo.add(() => {
        this.first = before;
        for (const { id } of fresh) {
          this.ids.rollBack(id);
          this.revisable.delete(id);
        }
      });
      const rowids = this.order === undefined ? this.append(fresh) : this.putInOrder(fresh, this.order);
      this.first = Math.min(this.first, rowids[0]);
      if (revisable) for (const [i, { id }] of fresh.entries()) this.revisable.set(id, rowids[i]);
    }
    return fresh.length - replaced;
  }

  /**
   * The first row added since the last call, or +∞. In a live run exactly the rows from there on have been added since:
   * SQLite gives a new row the number after the highest one in use, even if that number belonged to a removed row.
   */
  takeFirst(): number {
    const { first } = this;
    this.first = Number.POSITIVE_INFINITY;
    return first;
  }

  /** These findings will not be revised any more. */
  settle(ids: readonly string[]): void {
    for (const id of ids) this.revisable.delete(id);
  }

  /** Replaces findings in place; one that is no longer in the table is added. */
  revise(findings: readonly Finding[]): void {
    for (const finding of findings) {
      const number = this.revisable.get(finding.id);
      if (number !== undefined && this.rows.replace(number, finding.id, { finding, rowid: number })) continue;
      this.ids.forget(finding.id);
      this.add([finding], true);
    }
  }

  /**
   * Removes revisable findings, which may be reported again. Returns how many there were; one that retention has
   * removed already counts, too.
   */
  remove(ids: readonly string[]): number {
    return ids.reduce((removed, id) => removed + this.removeOne(id), 0);
  }

  /** Returns the rowids, which are consecutive. */
  private append(findings: readonly Finding[]): number[] {
    const first = this.rows.append(findings.map(finding => ({ finding, rowid: null })));
    return findings.map((_, i) => first + i);
  }

  /** Sorts the findings, stores them where they belong, and returns their rowids. */
  private putInOrder(findings: Finding[], order: TimeOrder): number[] {
    findings.sort(compareFindings);
    const { length } = order;
    this.undo.add(() => order.truncate(length));
    const next = findings.findIndex(finding => order.isNext(finding));
    const late = next < 0 ? findings.length : next;
    const inserted: number[] = [];
    // One at a time, as each takes the number after those that are there already.
    for (const finding of findings.slice(0, late)) {
      inserted.push(this.rows.append([{ finding, rowid: order.insert(finding) ?? null }]));
    }
    const rest = findings.slice(late);
    const appended = order.append(rest);
    this.rows.append(rest.map((finding, i) => ({ finding, rowid: appended[i] })));
    return inserted.concat(appended);
  }

  private removeOne(id: string): number {
    const number = this.revisable.get(id);
    if (number === undefined) return 0;
    this.undo.add(() => {
      this.revisable.set(id, number);
      this.ids.isNew(id);
    });
    this.rows.remove(number, id);
    this.revisable.delete(id);
    this.ids.forget(id);
    return 1;
  }
}

function bindRow(values: unknown[], from: number, { finding, rowid }: Row, numbering: Numbering): void {
  const isWritten = finding instanceof WrittenFinding;
  values[from] = rowid;
  values[from + 1] = finding.id;
  values[from + 2] = finding.rule;
  values[from + 3] = finding.severity;
  values[from + 4] = finding.confidence;
  values[from + 5] = finding.title;
  values[from + 6] = finding.firstAt;
  values[from + 7] = finding.lastAt;
  values[from + 8] = finding.client;
  values[from + 9] = finding.clientPort;
  values[from + 10] = finding.server;
  values[from + 11] = finding.serverPort;
  values[from + 12] = isWritten ? finding.evidenceText : JSON.stringify(finding.evidence);
  values[from + 13] = isWritten ? finding.packetsText : packetsText(finding.packets, numbering);
}
