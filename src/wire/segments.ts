/**
 * Decoded TCP segments as columns, one row each, in a buffer that a shard owns. Rows past the last processed one are
 * kept from slab to slab, because a frame of another capture, or one out of order, may still have to come first.
 */
export class Segments {
  count = 0;
  at!: Float64Array;
  frame!: Uint32Array;
  capture!: Uint16Array;
  /** Host numbers (wire/hosts.ts) of sender and receiver. */
  src!: Int32Array;
  dst!: Int32Array;
  /** Source port << 16 | destination port. */
  ports!: Int32Array;
  /** VLAN and tunnel stack with SCOPE_IPV6. */
  scope!: Int32Array;
  seq!: Int32Array;
  ack!: Int32Array;
  /** Payload bytes on the wire. */
  length!: Int32Array;
  tsval!: Int32Array;
  tsecr!: Int32Array;
  /** Window field, unscaled. */
  window!: Uint16Array;
  /** IPv4 identification; 0 for IPv6. */
  ipId!: Uint16Array;
  flags!: Uint8Array;
  /** Timestamps.ABSENT, PRESENT or UNKNOWN. */
  timestamps!: Uint8Array;
  windowScale!: Uint8Array;
  ttl!: Uint8Array;

  constructor(capacity: number) {
    this.allocate(capacity);
  }

  get capacity(): number {
    return this.at.length;
  }

  /** Makes room for `rows` more. */
  reserve(rows: number): void {
    if (this.count + rows <= this.capacity) return;
    const old = this.columns();
    this.allocate(Math.max(this.capacity * 2, this.count + rows));
    this.columns().forEach((column, i) => {
      column.set(old[i]!.subarray(0, this.count));
    });
  }

  /** Drops the first `rows` rows. */
  consume(rows: number): void {
    if (rows < this.count) for (const column of this.columns()) column.copyWithin(0, rows, this.count);
    this.count -= rows;
  }

  /** Puts the rows into the given order: row i becomes what was row order[i]. Only captures out of order pay for it. */
  permute(order: Uint32Array): void {
    for (const column of this.columns()) {
      const old = column.slice(0, this.count);
      for (let i = 0; i < order.length; i++) column[i] = old[order[i]!]!;
    }
  }

  private allocate(capacity: number): void {
    this.at = new Float64Array(capacity);
    this.frame = new Uint32Array(capacity);
    this.capture = new Uint16Array(capacity);
    this.src = new Int32Array(capacity);
    this.dst = new Int32Array(capacity);
    this.ports = new Int32Array(capacity);
    this.scope = new Int32Array(capacity);
    this.seq = new Int32Array(capacity);
    this.ack = new Int32Array(capacity);
    this.length = new Int32Array(capacity);
    this.tsval = new Int32Array(capacity);
    this.tsecr = new Int32Array(capacity);
    this.window = new Uint16Array(capacity);
    this.ipId = new Uint16Array(capacity);
    this.flags = new Uint8Array(capacity);
    this.timestamps = new Uint8Array(capacity);
    this.windowScale = new Uint8Array(capacity);
    this.ttl = new Uint8Array(capacity);
  }

  private columns(): (Float64Array | Int32Array | Uint32Array | Uint16Array | Uint8Array)[] {
    return [
      this.at,
      this.frame,
      this.capture,
      this.src,
      this.dst,
      this.ports,
      this.scope,
      this.seq,
      this.ack,
      this.length,
      this.tsval,
      this.tsecr,
      this.window,
      this.ipId,
      this.flags,
      this.timestamps,
      this.windowScale,
      this.ttl,
    ];
  }
}
