/**
 * Drops flow records: after a long enough silence, when a newer incarnation has replaced them, or, if the table is full,
 * before their time. The last is counted, because it costs evidence.
 */

import { type Nanos, SECOND } from '../base/time.ts';
import type { Flow } from './flow.ts';
import { flowRow } from './flow-row.ts';
import { layout } from './layout.ts';
import { leaveAlone, letGoOfTold } from './pending-flows.ts';
import { expireRow, restClosed, wakeFirst } from './resting.ts';
import { giveUpSyn } from './syn-outcome.ts';
import { discard } from './tables/flow-table.ts';
import { Wheel } from './tables/wheel.ts';
import { endedByReset, holdsTimeWait } from './time-wait.ts';
import type { Tracker } from './tracker.ts';

const { L, Phase, FlowBit } = layout;

/** Number of records among which the one with the longest silence is evicted. */
const EVICTION_SAMPLE = 64;
/** Number of records to look at while searching for those. */
const EVICTION_REACH = 1024;

/** Number of flows reported at the end between two pauses. */
const PART = 4096;
/** A handshake that is older than this counts as abandoned. */
const HANDSHAKE: Nanos = 1 * SECOND;
const LIVE = FlowBit.INDEXED | FlowBit.KEPT;

/** Reports what is still to be reported of a flow, and removes it. A record in the wheel is freed when that comes up. */
export function retire(t: Tracker, base: number): void {
  const flow = t.leaving.at(base);
  if (flow.story !== 0) t.stories.settleFlow(flow.story, t.now);
  giveUpSyn(t, flow);
  tellRest(t, flow);
  const { older } = flow;
  if (flow.has(FlowBit.INDEXED)) t.table.remove(t.hashOf(base), base);
  else forget(t, flow);
  flow.clear(LIVE);
  t.pairs.drop(flow.pair);
  if (!flow.has(FlowBit.IN_WHEEL)) t.table.release(base);
  if (older >= 0) retire(t, older);
}

/** Reports the TIME_WAITs that nothing has ended, then the flow itself. */
export function tellRest(t: Tracker, flow: Flow): void {
  if (stillHolds(t, flow, false)) runOut(t, flow, false);
  if (stillHolds(t, flow, true)) runOut(t, flow, true);
  t.unseen.note(flow);
  t.hooks.left(flow, t);
  if (t.histories !== undefined) t.flowRows.push(flowRow(t.hosts, flow, t.histories.take(flow.base)));
}

/** At the end of the input, reports every flow. Memory is returned meanwhile, since what is reported needs some. */
export function tellAll(t: Tracker, pause: () => void): void {
  const { table, closed, leaving } = t;
  for (let slot = 0; slot < table.slots; slot++) {
    const base = slot * L.FLOW_WORDS;
    if ((table.words[base + L.STATE] & LIVE) !== 0) tellRest(t, leaving.at(base));
    if ((slot + 1) % PART !== 0) continue;
    discard(table.words, slot + 1 - PART, PART, L.FLOW_WORDS);
    pause();
  }
  for (let row = 0; row < closed.used; row++) {
    if (closed.isLive(row)) tellRest(t, leaving.at(closed.show(row)));
    if ((row + 1) % PART !== 0) continue;
    closed.discard(row + 1 - PART, PART);
    pause();
  }
}

/**
 * Whether a TIME_WAIT lasts until its timer expires, as far as is known: nothing has ended it, or only an RST, while
 * other connections of this pair show that RSTs do not end TIME_WAITs there (tcp_rfc1337=1).
 */
export function stillHolds(t: Tracker, flow: Flow, ownerIsB: boolean): boolean {
  const owner = flow.side(ownerIsB);
  return holdsTimeWait(owner) || (endedByReset(owner) && t.pairs.outlivesResets(flow.pair, ownerIsB));
}

function runOut(t: Tracker, flow: Flow, ownerIsB: boolean): void {
  const end = flow.side(ownerIsB).timerStart + t.timeWait;
  // How long an older epoch lasted is not known.
  const ranOut = flow.epoch === t.epoch && end <= t.now;
  t.endTimeWait(flow, ownerIsB, end, ranOut ? 'timer' : 'capture-end');
}

/** Removes the reference of the newer incarnation to this one. */
function forget(t: Tracker, flow: Flow): void {
  const newer = t.table.find(t.hashOf(flow.base), flow.hostA, flow.hostB, flow.ports, flow.scope);
  if (newer < 0) return;
  const { words } = t.table;
  if (words[newer + L.OLDER] === flow.base + 1) words[newer + L.OLDER] = 0;
}

/** Drops the flows that are due at `at`. */
export function letGo(t: Tracker, at: Nanos): void {
  t.wheel.advance(
    at,
    link => expire(t, link),
    base => lookAt(t, base),
  );
}

/** A flow that closed a moment ago may rest. If it has gone already, its record is kept as evidence (R in pairs.ts). */
function lookAt(t: Tracker, base: number): void {
  if ((t.table.words[base + L.STATE] & LIVE) !== 0) expire(t, base);
  else t.linger(base, t.table.doubles[(base + L.LAST) >> 1]);
}

/** To be called when a record, or a row of closed-flows.ts, is due in the wheel. */
function expire(t: Tracker, base: number): void {
  if (base < 0) {
    expireRow(t, base);
    return;
  }
  const state = t.table.words[base + L.STATE];
  if ((state & LIVE) === 0) {
    t.table.release(base);
    return;
  }
  if (!t.isLingering(base)) return; // it was opened again
  const stale = state >>> 16 !== t.epoch;
  const due = t.table.doubles[(base + L.LAST) >> 1] + t.lingering;
  if (stale || due < t.now) retire(t, base);
  else if (!restClosed(t, base, due)) t.wheel.add(base, due);
}

/** A handshake that has just begun is not a closed flow, although its record goes if nothing follows. */
function inProgress(t: Tracker, base: number): boolean {
  const { words, doubles } = t.table;
  const phase = words[base + L.STATE] & L.PHASE_MASK;
  const pending = phase === Phase.SYN_SENT || phase === Phase.SYN_RCVD;
  return pending && t.now - doubles[(base + L.LAST) >> 1] < HANDSHAKE;
}

/** Makes room for a record. Retiring a flow in the wheel frees none at once, so more than one may have to go. */
export function makeRoom(t: Tracker): void {
  while (t.table.full && evictOne(t));
}

/**
 * Evicts one flow: the closed one that would go first. An open flow is evicted in place of a handshake in progress, but
 * only if it has been silent for longer, so that a flood of SYNs does not evict the connections in its midst. False if
 * there is no flow to evict.
 */
function evictOne(t: Tracker): boolean {
  letGoOfTold(t, Number.POSITIVE_INFINITY);
  const first = firstToGo(t);
  if (first === FREED) return true;
  const idlest = first < 0 || inProgress(t, first) ? idlestOpen(t) : -1;
  const { doubles } = t.table;
  if (idlest >= 0 && (first < 0 || doubles[(idlest + L.LAST) >> 1] < doubles[(first + L.LAST) >> 1])) {
    if (first >= 0 && !t.pending.isFirst(first)) t.linger(first, t.now);
    retire(t, idlest);
  } else if (first >= 0) retire(t, first);
  else return false;
  t.evicted++;
  return true;
}

/** Result of `firstToGo` if it has made room itself, by freeing a record that waited for that, or a lone SYN. */
const FREED = -2;

/** The closed flow that would go first, taken out of the wheel, or one whose SYN is pending; -1: there is none. */
function firstToGo(t: Tracker): number {
  const { pending } = t;
  for (;;) {
    const oldest = Math.min(pending.oldestGivenUp(), pending.oldest());
    if (oldest < Number.POSITIVE_INFINITY && Wheel.tickOf(oldest + t.lingering) <= t.wheel.firstTick()) {
      const slot = pending.firstLone();
      if (slot < 0 || t.now - oldest < HANDSHAKE) return pending.first();
      leaveAlone(t, slot);
      t.evicted++;
      return FREED;
    }
    const link = t.wheel.takeFirst();
    if (link === -1) return -1;
    const base = link < 0 ? wakeFirst(t, link) : link;
    if (base < 0) continue;
    if ((t.table.words[base + L.STATE] & LIVE) === 0) {
      t.table.release(base);
      return FREED;
    }
    if (t.isLingering(base)) return base; // others were opened again
  }
}

/** Of the next open flows outside the wheel, whose records are freed at once, the one with the longest silence; or -1. */
function idlestOpen(t: Tracker): number {
  const { words, doubles, slots } = t.table;
  let idlest = -1;
  for (let seen = 0, looked = 0; seen < EVICTION_SAMPLE && looked < EVICTION_REACH; looked++) {
    const base = t.evictionHand * L.FLOW_WORDS;
    t.evictionHand = (t.evictionHand + 1) % slots;
    const state = words[base + L.STATE];
    if ((state & LIVE) === 0 || (state & FlowBit.IN_WHEEL) !== 0 || t.isLingering(base)) continue;
    seen++;
    if (idlest < 0 || doubles[(base + L.LAST) >> 1] < doubles[(idlest + L.LAST) >> 1]) idlest = base;
  }
  return idlest;
}
